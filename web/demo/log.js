// The lines of what goes over a wire: shown, followed while they are read at their end, and kept for a page after this one.

import { element } from "/assets/dom.js";

/** Of lines that are not quiet: a long game has fewer. */
const KEPT = 500;
const SHOWN = 1_000;
const END_PIXELS = 12;

export class Log {
  #list;
  #follows = true;
  /** What outlives the page: `{kind, text, at, sequence?}`. */
  lines = [];

  /** `all` is the box that also shows quiet lines. */
  constructor(list, all) {
    this.#list = list;
    // Whoever reads further up is left there.
    list.addEventListener("scroll", () => (this.#follows = list.scrollHeight - list.scrollTop - list.clientHeight < END_PIXELS));
    all.addEventListener("change", () => {
      list.classList.toggle("all", all.checked);
      this.follow();
    });
  }

  /** Writes a line. */
  say({ kind, text, sequence, quiet = false, at = Date.now() }) {
    if (!quiet) this.lines = [...this.lines, { kind, text, at, sequence }].slice(-KEPT);
    const time = new Date(at);
    const title = `${time.toLocaleTimeString("en-GB", { hour12: false })}.${String(time.getMilliseconds()).padStart(3, "0")}`;
    this.#list.append(element("li", { class: quiet ? `${kind} quiet` : kind, "data-sequence": sequence, title }, element("b", {}, sequence ? String(sequence) : ""), element("span", {}, text)));
    while (this.#list.children.length > SHOWN) this.#list.firstElementChild.remove();
    this.follow();
  }

  /** Puts the lines of a page before this one in front. */
  restore(lines) {
    const since = this.lines;
    this.lines = [];
    this.#list.replaceChildren();
    for (const line of [...lines, { kind: "note", text: "The page was loaded anew; what it knew was kept in the tab" }, ...since]) this.say(line);
  }

  /** Shows the end again, where that is what is read: its room may have changed. */
  follow() {
    if (this.#follows) this.#list.scrollTop = this.#list.scrollHeight;
  }
}
