// The shards as a heat map: one cell a shard, coloured by what is chosen, and the history of it.

import { element, table } from "/assets/dom.js";
import { bytes, count, percent } from "/console/numbers.js";
import { Plot } from "/console/plot.js";
import { MEASURES } from "/console/sample.js";

const FORMATS = { bytes, count, percent };

export class Shards {
  #measure = "memory";
  #chosen = null;
  #cells = [];
  #history;
  #heat = document.getElementById("heat");
  #details = document.getElementById("shards-table");
  #plot = new Plot({ title: "Memory", names: ["hottest", "mean"], format: bytes });

  constructor() {
    const choices = Object.entries(MEASURES).map(([name, { title }]) => {
      const input = element("input", { type: "radio", name: "measure", value: name, onchange: () => this.#turnTo(name) });
      input.checked = name === this.#measure;
      return element("label", {}, input, title);
    });
    document.getElementById("measures").append(...choices);
    document.getElementById("shard-history").append(this.#plot.element);
    this.#details.addEventListener("toggle", () => this.#write());
  }

  show(history) {
    this.#history = history;
    const { shards, imbalance } = history.last;
    const games = shards.reduce((sum, shard) => sum + (shard.entries ?? 0), 0);
    document.getElementById("imbalance").textContent = `${count(shards.length)} shards, ${count(games)} games in memory; imbalance ${imbalance.toFixed(2)}`;
    if (this.#cells.length !== shards.length) this.#lay(shards.length);
    this.#colour(shards);
    this.#trace();
    this.#write();
  }

  #turnTo(measure) {
    this.#measure = measure;
    if (this.#history) this.show(this.#history);
  }

  #lay(number) {
    this.#cells = Array.from({ length: number }, (_, shard) => {
      const value = element("b", {});
      const cell = element("button", { type: "button", class: "cell", "aria-pressed": "false", onclick: () => this.#choose(shard) }, element("small", {}, String(shard)), value);
      return { cell, value };
    });
    this.#heat.classList.toggle("dense", number > 64);
    this.#heat.replaceChildren(...this.#cells.map(({ cell }) => cell));
  }

  #choose(shard) {
    this.#chosen = this.#chosen === shard ? null : shard;
    if (this.#history) this.show(this.#history);
  }

  #colour(shards) {
    const { of, scale, title } = MEASURES[this.#measure];
    const format = FORMATS[scale];
    const values = shards.map((shard) => (shard.answering ? of(shard) : null));
    const known = values.filter((value) => value !== null);
    const top = scale === "percent" ? 100 : Math.max(...known, 0);
    values.forEach((value, index) => {
      const { cell, value: text } = this.#cells[index];
      const heat = value === null || top === 0 ? 0 : value / top;
      cell.style.setProperty("--heat", `${(heat * 100).toFixed(1)}%`);
      // What is written on it has to be read in light and dark.
      cell.classList.toggle("warm", heat > 0.5);
      cell.classList.toggle("hot", heat > 0.68);
      cell.classList.toggle("silent", !shards[index].answering);
      cell.setAttribute("aria-pressed", String(this.#chosen === index));
      cell.setAttribute("aria-label", `Shard ${index}: ${shards[index].answering ? `${title} ${format(value)}` : "does not answer"}`);
      text.textContent = shards[index].answering ? format(value) : "silent";
    });
    document.getElementById("scale-low").textContent = format(0);
    document.getElementById("scale-high").textContent = format(top);
  }

  #trace() {
    const { of, scale, title } = MEASURES[this.#measure];
    const worst = scale === "percent" ? Math.min : Math.max;
    const chosen = this.#chosen;
    const names = [scale === "percent" ? "lowest" : "highest", "mean", ...(chosen === null ? [] : [`shard ${chosen}`])];
    this.#plot.rename(chosen === null ? title : `${title}, shard ${chosen}`, names);
    this.#plot.reformat(FORMATS[scale], scale === "percent" ? 100 : undefined);
    this.#plot.show(this.#history.series((now) => {
      const values = now.shards.map((shard) => (shard.answering ? of(shard) : null)).filter((value) => value !== null);
      if (values.length === 0) return names.map(() => null);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const own = chosen === null ? [] : [now.shards[chosen]?.answering ? of(now.shards[chosen]) : null];
      return [worst(...values), mean, ...own];
    }));
  }

  #write() {
    if (!this.#details.open || !this.#history) return;
    const rows = this.#history.last.shards.map((shard) => [
      String(shard.shard), count(shard.games), count(shard.connections), count(shard.entries), bytes(shard.memoryBytes),
      bytes(shard.budgetBytes), `${count(shard.queueDepth)} of ${count(shard.mailboxCapacity)}`,
      percent(MEASURES.hitRate.of(shard)), count(shard.evictions), count(shard.expirations),
    ]);
    const headings = ["shard", "in use", "connections", "entries", "memory", "budget", "queue", "hit rate", "evicted", "expired"];
    this.#details.querySelector("div").replaceChildren(table(headings, rows, { caption: "Every shard, as of now", numbers: [1, 2, 3, 4, 5, 6, 7, 8, 9] }));
  }
}
