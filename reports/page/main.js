// Builds the page from the data stored in it.

const data = stored("data");

function section(title, ...content) {
  const id = freshId();
  const made = element("section", { "aria-labelledby": id }, element("h2", { id }, title), ...content);
  document.getElementById("main").append(made);
}

function contents() {
  const links = [...document.querySelectorAll("main h2")].map((heading) =>
    element("a", { href: `#${heading.id}` }, heading.textContent)
  );
  document.getElementById("contents").append(...links);
}

function figure({ title, caption, images, note }) {
  const pictures = images.map(({ url, title: alt, width, height }) => {
    const made = element("img", { src: url, alt, width, height, loading: "lazy" });
    return element("div", { class: "scroll paper", role: "group", tabindex: "0", "aria-label": alt }, made);
  });
  const said = element("figcaption", {}, element("strong", {}, `${title}. `), caption, note ? ` ${note}` : "");
  return element("figure", {}, ...pictures, said);
}

function storedFigure({ block }) {
  return figure(stored(block));
}

function datasetPart(dataset) {
  const parts = [element("h3", {}, dataset.name)];
  if (dataset.description) parts.push(element("p", {}, dataset.description));
  parts.push(...dataset.tables.map((table) => storedTable(table, dataset)));
  parts.push(...dataset.figures.map(storedFigure));
  for (const table of dataset.further) parts.push(folded(table.title, () => storedTable(table, dataset)));
  const pairs = folded(`Every pair (${dataset.pairs.length.toLocaleString("en")})`, () => pairExplorer(dataset));
  parts.push(pairs);
  const { labels } = dataset;
  if (labels) {
    const caption = "Mean over the pairs on which a run is ok and the label is scored.";
    const table = () => labelTable(labels, dataset, `per label: ${dataset.name}`, caption);
    parts.push(folded(`Every label (${labels.names.length})`, table));
  }
  return parts;
}

function storedSection({ title, paragraphs, lists, tables, folds }) {
  const shown = tables.map((table) => storedTable(table, data.datasets[table.dataset]));
  const texts = folds.map(([name, text]) => folded(name, () => element("pre", { tabindex: "0" }, text)));
  const listed = lists.flatMap(([name, items]) => [
    element("h3", {}, name),
    element("ul", {}, ...items.map((text) => element("li", {}, ...prose(text)))),
  ]);
  section(title, ...paragraphs.map((text) => element("p", {}, ...prose(text))), ...listed, ...shown, ...texts);
}

function makeSections() {
  data.before.forEach(storedSection);
  section("Results", ...data.datasets.flatMap(datasetPart));
  data.after.forEach(storedSection);
  if (data.figures.length) {
    const figures = data.figures.map((one) => folded(one.title, () => storedFigure(one)));
    section("Figures", ...figures);
  }
  if (data.leftOut.length) {
    const items = data.leftOut.map((text) => element("li", {}, text));
    section("Left out of this page", element("ul", {}, ...items));
  }
}

// The reader's choice outlasts the visit where the browser lets a page from disk keep anything.
function remembered(theme) {
  try {
    if (theme) localStorage.setItem("theme", theme);
    return localStorage.getItem("theme");
  } catch {
    return null;
  }
}

function makeTheme() {
  const toggle = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = remembered();
  const show = () => {
    const dark = chosen ? chosen === "dark" : system.matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    toggle.setAttribute("aria-pressed", String(dark));
  };
  toggle.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    remembered(chosen);
    show();
  });
  system.addEventListener("change", show);
  show();
}

document.getElementById("detail-close").addEventListener("click", () => document.getElementById("detail").close());
makeTheme();
makeSections();
contents();
