// Draws lines over time, with the same numbers as a table for those who do not see them.

import { drawing, element, table } from "/assets/dom.js";
import { bytes, clock, span } from "/console/numbers.js";

const HEIGHT = 172;
const MARGIN = { left: 52, right: 12, top: 10, bottom: 22 };
const SHORTEST_MS = 60_000;
const LONGEST_MS = 5 * 60_000;
const ROW_EVERY_MS = 15_000;

/** The least number that is not below and reads well: 1, 2, 2.5 or 5 times a power of ten, for bytes a power of two. */
function niceCeiling(value, format) {
  if (format === bytes) return 2 ** Math.ceil(Math.log2(value));
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((step) => step >= value * 0.9999);
}

export class Plot {
  #points = [];
  #names;
  #format;
  #title;
  #ceiling;
  #svg = drawing("svg", { class: "plot", role: "img" });
  #legend = element("ul", { class: "legend" });
  #table = element("div", {});
  #details = element("details", { class: "aside" }, element("summary", {}, "As a table"), this.#table);

  /** `ceiling` is where the axis ends where there is a natural end. */
  constructor({ title, about, names, format, ceiling }) {
    this.#names = names;
    this.#format = format;
    this.#title = title;
    this.#ceiling = ceiling;
    const heading = element("h3", {}, title);
    const head = element("header", {}, heading, about && element("p", {}, about), element("div", { class: "spacer" }), this.#legend);
    this.element = element("section", { class: "card figure", "aria-label": title }, head, this.#svg, this.#details);
    this.#details.addEventListener("toggle", () => this.#write());
    this.#svg.addEventListener("pointermove", (event) => this.#point(event));
    this.#svg.addEventListener("pointerleave", () => this.#svg.querySelector(".hover")?.remove());
    new ResizeObserver(() => this.#draw()).observe(this.#svg);
  }

  rename(title, names) {
    this.#title = title;
    this.#names = names;
    this.element.setAttribute("aria-label", title);
    this.element.querySelector("h3").textContent = title;
  }

  reformat(format, ceiling) {
    this.#format = format;
    this.#ceiling = ceiling;
  }

  /** Takes `{at, values: [one for each name, or null]}`. */
  show(points) {
    this.#points = points;
    this.#draw();
    this.#write();
  }

  get #last() {
    return this.#points.at(-1);
  }

  #scales() {
    const width = Math.max(this.#svg.clientWidth, 200);
    const end = this.#last?.at ?? Date.now();
    const kept = Math.min(Math.max(end - (this.#points[0]?.at ?? end), SHORTEST_MS), LONGEST_MS);
    const values = this.#points.flatMap((point) => point.values).filter((value) => value !== null);
    const top = this.#ceiling ?? niceCeiling(Math.max(...values, 0) || 1, this.#format);
    const [inner, tall] = [width - MARGIN.left - MARGIN.right, HEIGHT - MARGIN.top - MARGIN.bottom];
    return {
      width, top, end, kept,
      x: (at) => MARGIN.left + inner * (1 - (end - at) / kept),
      y: (value) => MARGIN.top + tall * (1 - Math.min(value / top, 1)),
    };
  }

  #draw() {
    const { width, top, end, kept, x, y } = this.#scales();
    const floor = y(0);
    const grid = [0, 0.5, 1].map((share) => {
      const value = top * share;
      return drawing("g", {},
        drawing("line", { class: share === 0 ? "axis" : "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(value), y2: y(value) }),
        drawing("text", { x: MARGIN.left - 8, y: y(value) + 3.5, "text-anchor": "end" }, this.#format(value)));
    });
    const times = [1, 0.5, 0].map((share) => {
      const anchor = share === 1 ? "start" : share === 0 ? "end" : "middle";
      const text = share === 0 ? "now" : `−${span(kept * share)}`;
      return drawing("text", { x: x(end - kept * share), y: HEIGHT - 5, "text-anchor": anchor }, text);
    });
    const lines = this.#names.map((_, index) => {
      const path = this.#path(index, x, y);
      const only = this.#names.length === 1 && path !== "" && !path.slice(1).includes("M");
      const first = this.#points.find((point) => point.values[index] !== null);
      const area = only && drawing("path", { class: "area", d: `${path}L${x(end)} ${floor}L${x(first.at)} ${floor}Z` });
      const now = this.#last?.values[index] ?? null;
      const dot = now !== null && drawing("circle", { cx: x(end), cy: y(now), r: 3.2 });
      return drawing("g", { class: `series s${index + 1}` }, area, drawing("path", { class: "line", d: path }), dot);
    });
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
    this.#svg.setAttribute("aria-label", this.#summary());
    this.#svg.replaceChildren(...grid, ...times, ...lines);
    this.#legend.replaceChildren(...this.#names.map((name, index) => element("li", { class: `s${index + 1}` },
      element("span", {}, name), element("b", {}, this.#format(this.#last?.values[index] ?? null)))));
  }

  #path(index, x, y) {
    let [path, pen] = ["", "M"];
    for (const { at, values } of this.#points) {
      if (values[index] === null) {
        pen = "M";
        continue;
      }
      path += `${pen}${x(at).toFixed(1)} ${y(values[index]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }

  #summary() {
    const each = this.#names.map((name, index) => {
      const values = this.#points.map((point) => point.values[index]).filter((value) => value !== null);
      if (values.length === 0) return `${name}: nothing yet`;
      return `${name}: now ${this.#format(this.#last.values[index])}, highest ${this.#format(Math.max(...values))}`;
    });
    return `${this.#title}. ${each.join("; ")}`;
  }

  #write() {
    if (!this.#details.open) return;
    const rows = [];
    for (const point of [...this.#points].reverse()) {
      if (rows.length > 0 && rows.at(-1).at - point.at < ROW_EVERY_MS) continue;
      rows.push(point);
    }
    const cells = rows.map(({ at, values }) => [clock(at), ...values.map((value) => this.#format(value))]);
    this.#table.replaceChildren(table(["time", ...this.#names], cells, { caption: `${this.#title}, every 15 s`, numbers: this.#names.map((_, index) => index + 1) }));
  }

  /** Says what was at the time under the pointer. */
  #point(event) {
    if (this.#points.length === 0) return;
    const { x, y, width } = this.#scales();
    const across = event.clientX - this.#svg.getBoundingClientRect().left;
    const nearest = this.#points.reduce((best, point) => (Math.abs(x(point.at) - across) < Math.abs(x(best.at) - across) ? point : best));
    const at = x(nearest.at);
    const texts = [clock(nearest.at), ...this.#names.map((name, index) => `${name} ${this.#format(nearest.values[index])}`)];
    const wide = Math.max(...texts.map((text) => text.length)) * 6.4 + 18;
    const left = at + wide + 14 > width ? at - wide - 10 : at + 10;
    const box = drawing("g", { class: "hover", transform: `translate(${left} ${MARGIN.top})` },
      drawing("rect", { width: wide, height: texts.length * 16 + 10, rx: 7 }),
      ...texts.map((text, index) => drawing("text", { class: index ? `s${index}` : "", x: 9, y: 17 + index * 16 }, text)));
    const dots = nearest.values.map((value, index) => value !== null && drawing("circle", { class: `s${index + 1}`, cx: at, cy: y(value), r: 3.6 }));
    this.#svg.querySelector(".hover")?.remove();
    this.#svg.append(drawing("g", { class: "hover" }, drawing("line", { x1: at, x2: at, y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom }), ...dots.filter(Boolean), box));
  }
}

/** A small line without axes. */
export function spark(values) {
  const [width, height] = [120, 30];
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0) || 1;
  const step = width / Math.max(values.length - 1, 1);
  let [path, pen] = ["", "M"];
  values.forEach((value, index) => {
    if (value === null) {
      pen = "M";
      return;
    }
    path += `${pen}${(index * step).toFixed(1)} ${(height - 2 - (height - 4) * (value / top)).toFixed(1)}`;
    pen = "L";
  });
  return drawing("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, drawing("path", { d: path }));
}
