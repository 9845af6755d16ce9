// Makes elements. Texts are set as text, never as markup, and styles through the object model: the pages' policy allows
// nothing else.

const SVG = "http://www.w3.org/2000/svg";

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key.startsWith("--")) made.style.setProperty(key, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return made;
}

/** Makes an element. An attribute `on…` is a listener, one `--…` a custom property of its style. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same for drawings. */
export function drawing(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

/** Writes a sentence, with `code` between backticks. */
export function prose(text, tag = "p") {
  const parts = (text ?? "").split("`");
  return element(tag, {}, ...parts.map((part, index) => (index % 2 ? element("code", {}, part) : part)));
}

/** A table that scrolls by itself where it is too wide; `numbers` are the columns set to the right. */
export function table(headings, rows, { caption, numbers = [] } = {}) {
  const side = (index) => (numbers.includes(index) ? { class: "number" } : {});
  const head = element("tr", {}, ...headings.map((heading, index) => element("th", { scope: "col", ...side(index) }, heading)));
  const body = rows.map((cells) => {
    if (cells instanceof Element) return cells;
    return element("tr", {}, ...cells.map((cell, index) => element("td", side(index), cell ?? "")));
  });
  const made = element("table", {}, caption && element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption ?? headings.filter(Boolean).join(", ") }, made);
}
