// Elements are made here alone. Text from the data goes through textContent and never through a parser of HTML.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

const COMMAND = /(python -m benchmarks [a-z]+)/;

// Text in which commands are set as such.
function prose(text) {
  return text.split(COMMAND).map((part, index) => (index % 2 ? element("code", {}, part) : part));
}

function button(text, onClick, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, text);
  made.addEventListener("click", onClick);
  return made;
}

function labelled(text, control) {
  control.id = control.id || freshId();
  return element("span", { class: "field" }, element("label", { for: control.id }, text), control);
}

function choice(options, selected, onChange) {
  const made = element("select");
  for (const [value, text] of options) {
    made.append(element("option", { value, selected: String(value) === String(selected) }, text));
  }
  made.addEventListener("change", () => onChange(made.value));
  return made;
}

function freshId() {
  freshId.last = (freshId.last || 0) + 1;
  return `made-${freshId.last}`;
}

// A modal dialog hides what lies outside it from screen readers, so that it has a live region of its own.
function announce(text) {
  const place = document.getElementById("detail").open ? "detail-live" : "live";
  document.getElementById(place).textContent = text;
}

function stored(name) {
  return JSON.parse(document.getElementById(name).textContent);
}

function counted(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function printed(value, digits) {
  return value === null || value === undefined ? "n/a" : value.toFixed(digits);
}
