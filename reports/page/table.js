// A table that sorts by its headings, filters by a word and shows a page of its rows at a time.

const ROWS_PER_PAGE = 50;
const FILTER_FROM = 6;
// Texts of so many letters and more make a column wide, the last that holds.
const WIDTHS = [[60, "long"], [200, "longer"]];
const NUMBER = /^[−-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?/i;
const ABSENT = new Set(["", "n/a", "–", "—"]);
const NEXT_ORDER = { none: "ascending", ascending: "descending", descending: "none" };
const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// What a cell is sorted by: its number where the column holds numbers, else its text; null goes last.
function sortKey(text, align) {
  if (ABSENT.has(text)) return null;
  if (align !== "right") return text;
  const found = NUMBER.exec(text.replace(/^[<>≈~×]\s*/, ""));
  return found ? Number(found[0].replace("−", "-")) : null;
}

function compared(a, b) {
  return typeof a === "number" && typeof b === "number" ? a - b : collator.compare(a, b);
}

function longest(texts) {
  return texts.reduce((most, text) => Math.max(most, text.length), 0);
}

function classes({ align, letters }) {
  return [align, ...WIDTHS.filter(([from]) => letters >= from).map(([, name]) => name)].join(" ");
}

class SortableTable {
  // source: title, caption, columns [{heading, align, letters}], length, key(row, column), words(row),
  // cells(row) -> [{content, bold}], reference(row); sort {column, order} where it starts sorted.
  constructor(source) {
    this.source = source;
    this.sort = source.sort || { column: -1, order: "none" };
    this.word = "";
    this.page = 0;
    this.body = element("tbody");
    this.count = element("span", { class: "count" });
    this.pager = element("div", { class: "pager" });
    this.headings = source.columns.map((column, index) => this.heading(column, index));
    this.element = element("div", { class: "table-block" }, ...this.parts());
    this.arrange();
  }

  parts() {
    const { title, caption, length } = this.source;
    const captionId = freshId();
    const table = element(
      "table",
      {},
      element("caption", { id: captionId }, title),
      element("thead", {}, element("tr", {}, ...this.headings)),
      this.body
    );
    const box = element("div", { class: "scroll", role: "group", tabindex: "0", "aria-labelledby": captionId }, table);
    const parts = [box, this.pager];
    if (length >= FILTER_FROM) parts.unshift(this.toolbar());
    if (caption) parts.push(element("p", { class: "note" }, ...prose(caption)));
    return parts;
  }

  toolbar() {
    const input = element("input", { type: "search", autocomplete: "off", spellcheck: "false" });
    input.addEventListener("input", () => {
      this.word = input.value.trim().toLowerCase();
      this.page = 0;
      this.arrange();
      announce(`${this.rows.length} of ${counted(this.source.length, "row")} shown`);
    });
    return element("div", { class: "toolbar" }, labelled("Filter", input), this.count);
  }

  heading(column, index) {
    const sorter = button(column.heading || "Item", () => this.sortBy(index), { class: "sorter" });
    return element("th", { scope: "col", class: classes(column), "aria-sort": "none" }, sorter);
  }

  sortBy(column) {
    const before = this.sort.column === column ? this.sort.order : "none";
    this.sort = { column, order: NEXT_ORDER[before] };
    this.page = 0;
    this.arrange();
    const by = this.source.columns[column].heading;
    announce(this.sort.order === "none" ? "In the order first shown" : `Sorted by ${by}, ${this.sort.order}`);
  }

  arrange() {
    const { source, word } = this;
    const { column, order } = this.sort;
    this.rows = Array.from({ length: source.length }, (_, row) => row);
    if (word) this.rows = this.rows.filter((row) => source.words(row).toLowerCase().includes(word));
    if (order !== "none") {
      const keys = new Map(this.rows.map((row) => [row, source.key(row, column)]));
      const sign = order === "ascending" ? 1 : -1;
      const [present, absent] = [[], []];
      for (const row of this.rows) (keys.get(row) === null ? absent : present).push(row);
      present.sort((a, b) => sign * compared(keys.get(a), keys.get(b)) || a - b);
      this.rows = [...present, ...absent];
    }
    this.headings.forEach((heading, index) => {
      heading.setAttribute("aria-sort", index === column ? order : "none");
    });
    this.draw();
  }

  draw() {
    const start = this.page * ROWS_PER_PAGE;
    const shown = this.rows.slice(start, start + ROWS_PER_PAGE);
    this.body.replaceChildren(...shown.map((row) => this.row(row)));
    if (!shown.length) {
      const width = this.source.columns.length;
      this.body.append(element("tr", {}, element("td", { colspan: width, class: "left" }, "No row matches.")));
    }
    this.count.textContent = `${this.rows.length.toLocaleString("en")} of ${counted(this.source.length, "row")}`;
    this.drawPager(start, shown.length);
  }

  row(row) {
    const cells = this.source.cells(row).map((cell, index) => {
      const tag = index === 0 ? "th" : "td";
      const shown = classes(this.source.columns[index]);
      const attributes = { class: cell.bold ? `${shown} best` : shown, scope: index === 0 ? "row" : null };
      return element(tag, attributes, cell.content);
    });
    return element("tr", { class: this.source.reference(row) ? "reference" : null }, ...cells);
  }

  drawPager(start, length) {
    this.pager.replaceChildren();
    if (this.rows.length <= ROWS_PER_PAGE) return;
    const turn = (by, name) => () => {
      this.page += by;
      this.draw();
      const same = [...this.pager.children].find((one) => one.textContent === name && !one.disabled);
      (same || this.pager.querySelector("button:not(:disabled)")).focus();
      announce(this.pager.querySelector("span").textContent);
    };
    const last = start + length >= this.rows.length;
    const where = `${start + 1}–${start + length} of ${counted(this.rows.length, "row")}`;
    this.pager.append(
      button("Previous", turn(-1, "Previous"), { disabled: start === 0 }),
      element("span", {}, where),
      button("Next", turn(1, "Next"), { disabled: last })
    );
  }
}

// A table as Python made it: rows of texts, some of which lead to the pairs behind them.
function storedTable(table, dataset) {
  const texts = (row) => table.rows[row].cells;
  return new SortableTable({
    title: table.title,
    caption: table.caption,
    columns: table.columns.map((column, index) => ({
      ...column,
      // The names of rows stay in sight and have to leave room.
      letters: index ? longest(table.rows.map((row) => row.cells[index].text)) : 0,
    })),
    length: table.rows.length,
    key: (row, column) => sortKey(texts(row)[column].text, table.columns[column].align),
    words: (row) => texts(row).map((cell) => cell.text).join(" "),
    reference: (row) => table.rows[row].reference,
    cells: (row) =>
      texts(row).map((cell) => ({
        bold: cell.bold,
        content: cell.pairs
          ? button(cell.text, () => openPairs(dataset, ...cell.pairs), { class: "cell", "aria-haspopup": "dialog" })
          : cell.text,
      })),
  }).element;
}
