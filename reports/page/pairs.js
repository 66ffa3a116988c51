// What lies behind a score: the pairs of a run, and all that is known of one pair.

const BEFORE = -1;
const BEFORE_RUN = { title: "before", track: "reference", reference: true };

function runOf(dataset, run) {
  return run === BEFORE ? BEFORE_RUN : dataset.runs[run];
}

function valueOf(dataset, run, metric, pair) {
  const values = run === BEFORE ? dataset.before : dataset.runs[run].values;
  return values[metric] ? values[metric][pair] : null;
}

// Whether a row for the start is needed beside the runs: a run that does nothing is that row.
function startOf(dataset) {
  return dataset.runs.some((run) => run.untouched) ? [] : [BEFORE];
}

// How a job ended where it did not end ok; empty where it did, or where there was no job.
function endOf(dataset, run, pair) {
  return run === BEFORE ? "" : data.statuses[dataset.runs[run].statuses[pair]] || "";
}

function messageOf(dataset, run, pair) {
  return (run !== BEFORE && data.messages[dataset.runs[run].messages[pair]]) || "";
}

function pairButton(dataset, pair, back) {
  const open = () => openPair(dataset, pair, back);
  return button(dataset.pairs[pair], open, { class: "cell", "aria-haspopup": back ? null : "dialog" });
}

function pairSource(dataset, back) {
  // Where every pair is a kind of its own, a column of kinds says nothing.
  const named = dataset.pairs.every((pair, index) => pair === dataset.kindNames[dataset.kinds[index]]);
  const several = !named && new Set(dataset.kinds).size > 1;
  return {
    several,
    length: dataset.pairs.length,
    columns: [{ heading: "Pair", align: "left" }, ...(several ? [{ heading: "Kind", align: "left" }] : [])],
    start: (pair) => [
      { content: pairButton(dataset, pair, back) },
      ...(several ? [{ content: dataset.kindNames[dataset.kinds[pair]] }] : []),
    ],
    name: (pair, column) => (column === 0 ? dataset.pairs[pair] : dataset.kindNames[dataset.kinds[pair]]),
  };
}

function scoreCell(dataset, run, metric, pair) {
  const value = valueOf(dataset, run, metric.name, pair);
  const ended = endOf(dataset, run, pair);
  return { content: value === null && ended && ended !== "ok" ? ended : printed(value, metric.digits) };
}

// The pairs of a run, the worst first.
function openPairs(dataset, run, name) {
  const metric = data.metrics[name];
  const title = `${runOf(dataset, run).title}: ${metric.title} of every pair`;
  const again = () => openPairs(dataset, run, name);
  const base = pairSource(dataset, again);
  const shown = base.columns.length;
  const itself = run === BEFORE || dataset.runs[run].untouched;
  const start = !itself && dataset.before[name] ? [BEFORE] : [];
  const runs = [run, ...start];
  const messages = run !== BEFORE && Object.keys(dataset.runs[run].messages).length > 0;
  const order = metric.better === "higher" ? "ascending" : "descending";
  const table = new SortableTable({
    title: dataset.name,
    caption: "The worst first. A word in place of a number says how the job ended. Open a pair to see its images.",
    columns: [
      ...base.columns,
      { heading: metric.title, align: "right" },
      ...start.map(() => ({ heading: "Before", align: "right" })),
      ...(messages ? [{ heading: "Message", align: "left", letters: longest(data.messages) }] : []),
    ],
    length: base.length,
    sort: { column: shown, order },
    key: (pair, column) => {
      if (column < shown) return base.name(pair, column);
      const which = runs[column - shown];
      return which === undefined ? messageOf(dataset, run, pair) || null : valueOf(dataset, which, name, pair);
    },
    words: (pair) => `${base.name(pair, 0)} ${base.name(pair, 1)} ${endOf(dataset, run, pair)}`,
    reference: () => false,
    cells: (pair) => [
      ...base.start(pair),
      ...runs.map((which) => scoreCell(dataset, which, metric, pair)),
      ...(messages ? [{ content: messageOf(dataset, run, pair) }] : []),
    ],
  });
  showDetail(title, null, table.element);
}

// All pairs of a dataset: a column per run, of a metric that the reader chooses.
function pairExplorer(dataset) {
  const place = element("div");
  const names = data.order.filter((name) => dataset.metrics.includes(name));
  if (!names.length) return place;
  const show = (name) => {
    const metric = data.metrics[name];
    const base = pairSource(dataset, null);
    const shown = base.columns.length;
    const runs = [...startOf(dataset).filter(() => dataset.before[name]), ...dataset.runs.keys()];
    const table = new SortableTable({
      title: `${metric.title} of every pair: ${dataset.name}`,
      caption: "A word in place of a number says how the job ended.",
      columns: [...base.columns, ...runs.map((run) => ({ heading: runOf(dataset, run).title, align: "right" }))],
      length: base.length,
      key: (pair, column) =>
        column < shown ? base.name(pair, column) : valueOf(dataset, runs[column - shown], name, pair),
      words: (pair) => `${base.name(pair, 0)} ${base.name(pair, 1)}`,
      reference: () => false,
      cells: (pair) => [...base.start(pair), ...runs.map((run) => scoreCell(dataset, run, metric, pair))],
    });
    place.replaceChildren(table.element);
  };
  const options = names.map((name) => [name, data.metrics[name].title]);
  show(names[0]);
  return element("div", {}, element("div", { class: "toolbar" }, labelled("Score", choice(options, names[0], show))), place);
}

// Scores per label, a column per run. labels: names, runs, scores {metric: [per run [per label]]}.
function labelTable(labels, dataset, title, caption) {
  const place = element("div");
  const names = Object.keys(labels.scores);
  const show = (name) => {
    const metric = data.metrics[name];
    const values = labels.scores[name];
    const table = new SortableTable({
      title: `${metric.title} ${title}`,
      caption,
      columns: [
        { heading: "Label", align: "left" },
        ...labels.runs.map((run) => ({ heading: runOf(dataset, run).title, align: "right" })),
      ],
      length: labels.names.length,
      key: (row, column) => (column ? values[column - 1][row] : labels.names[row]),
      words: (row) => labels.names[row],
      reference: () => false,
      cells: (row) => [
        { content: labels.names[row] },
        ...values.map((scores) => ({ content: printed(scores[row], metric.digits) })),
      ],
    });
    place.replaceChildren(table.element);
  };
  const options = names.map((name) => [name, data.metrics[name].title]);
  show(names[0]);
  return element("div", {}, element("div", { class: "toolbar" }, labelled("Score", choice(options, names[0], show))), place);
}

function openPair(dataset, pair, back) {
  const number = data.datasets.indexOf(dataset);
  const block = document.getElementById(`pair-${number}-${pair}`);
  const { images, labels } = block ? stored(block.id) : {};
  const parts = [element("p", { class: "note" }, `${dataset.name}, ${dataset.kindNames[dataset.kinds[pair]]}`)];
  if (images) parts.push(new Viewer(images, dataset.runs).element);
  else parts.push(element("p", { class: "note" }, data.withoutImages));
  parts.push(pairScores(dataset, pair));
  if (labels) parts.push(folded("Label scores", () => labelTable(labels, dataset, "per label of this pair", "")));
  showDetail(dataset.pairs[pair], back, ...parts);
}

function pairScores(dataset, pair) {
  const metrics = data.order.filter((name) => dataset.metrics.includes(name)).map((name) => data.metrics[name]);
  const runs = [...startOf(dataset), ...dataset.runs.keys()];
  const asked = runs.filter((run) => run === BEFORE || dataset.runs[run].statuses[pair] !== null);
  const messages = asked.some((run) => messageOf(dataset, run, pair));
  const last = metrics.length + 2;
  const texts = (row) => [runOf(dataset, asked[row]).title, endOf(dataset, asked[row], pair) || "–"];
  return new SortableTable({
    title: "Scores of this pair",
    caption: "",
    columns: [
      { heading: "Run", align: "left" },
      { heading: "Status", align: "left" },
      ...metrics.map((metric) => ({ heading: metric.title, align: "right" })),
      ...(messages ? [{ heading: "Message", align: "left", letters: longest(data.messages) }] : []),
    ],
    length: asked.length,
    key: (row, column) => {
      if (column < 2) return sortKey(texts(row)[column], "left");
      if (column === last) return messageOf(dataset, asked[row], pair) || null;
      return valueOf(dataset, asked[row], metrics[column - 2].name, pair);
    },
    words: (row) => `${texts(row).join(" ")} ${messageOf(dataset, asked[row], pair)}`,
    reference: (row) => runOf(dataset, asked[row]).reference,
    cells: (row) => [
      ...texts(row).map((content) => ({ content })),
      ...metrics.map((metric) => ({ content: printed(valueOf(dataset, asked[row], metric.name, pair), metric.digits) })),
      ...(messages ? [{ content: messageOf(dataset, asked[row], pair) }] : []),
    ],
  }).element;
}

function folded(title, make) {
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => made.open && made.append(make()), { once: true });
  return made;
}

function showDetail(title, back, ...content) {
  const dialog = document.getElementById("detail");
  const heading = document.getElementById("detail-title");
  const backButton = document.getElementById("detail-back");
  heading.textContent = title;
  backButton.hidden = !back;
  backButton.onclick = back;
  document.getElementById("detail-body").replaceChildren(...content);
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
  heading.focus();
}
