// The node at a glance, and how it was in the last minutes.

import { element } from "/assets/dom.js";
import { bytes, count, percent, rate, seconds } from "/console/numbers.js";
import { Plot, spark } from "/console/plot.js";
import { batchSize, commitSeconds, perSecond, resumesPerSecond } from "/console/sample.js";

const committed = perSecond("batchEvents");
const memory = (sample) => sample.shards.reduce((sum, shard) => sum + (shard.memoryBytes ?? 0), 0);
const budget = (sample) => sample.shards.reduce((sum, shard) => sum + (shard.budgetBytes ?? 0), 0);

/** Of those who came back in the time shown, how many got everything they had missed. */
function recovered(history) {
  const [first, last] = [history.samples[0], history.last];
  const grown = (key) => last[key] - first[key];
  const came = grown("resumed") + grown("newSessions") + grown("notRecovered");
  return { share: came > 0 ? (100 * (came - grown("notRecovered"))) / came : null, lost: grown("notRecovered") };
}

const TILES = [
  {
    name: "connections", title: "Connections", of: (now) => now.players + now.spectators, format: count,
    about: ({ last }) => `${count(last.players)} playing, ${count(last.spectators)} watching`,
  },
  { name: "resumes", title: "Resumes a second", of: resumesPerSecond, format: rate, about: ({ last }) => `${count(last.resumed)} since the start` },
  {
    name: "recovered", title: "Got all they missed", of: null, format: percent,
    about: (history) => {
      const { lost } = recovered(history);
      return lost === 0 ? "nobody lost an event" : `${count(lost)} did not`;
    },
  },
  { name: "events", title: "Events a second", of: committed, format: rate, about: ({ last }) => `${count(last.batchEvents)} since the start` },
  { name: "commit", title: "Commit latency, p99", of: commitSeconds(0.99), format: seconds, about: ({ last }) => `${count(last.journalDepth)} waiting for the journal` },
  { name: "memory", title: "Games in memory", of: memory, format: bytes, about: ({ last }) => `process ${bytes(last.residentBytes)}, budget ${bytes(budget(last))}` },
];

export class Overview {
  #tiles = TILES.map((tile) => {
    const [value, about] = [element("b", { id: `tile-${tile.name}` }), element("small", {})];
    const drawn = element("div", { class: "trend" });
    return { ...tile, value, about, tell: tile.about, drawn, element: element("div", { class: "card tile" }, element("h2", {}, tile.title), value, about, drawn) };
  });

  #plots = [
    {
      plot: new Plot({ title: "Connections", names: ["players", "spectators"], format: count }),
      of: (now) => [now.players, now.spectators],
    },
    {
      plot: new Plot({ title: "Resumes a second", names: ["resumed", "new", "not recovered", "bad token"], format: rate }),
      of: (now, before) => ["resumed", "newSessions", "notRecovered", "invalidTokens"].map((key) => perSecond(key)(now, before)),
    },
    {
      plot: new Plot({ title: "Commit latency", names: ["p50", "p99"], format: seconds }),
      of: (now, before) => [commitSeconds(0.5)(now, before), commitSeconds(0.99)(now, before)],
    },
    {
      plot: new Plot({ title: "Events in a commit", names: ["on average"], format: rate }),
      of: (now, before) => [batchSize(now, before)],
    },
  ];

  constructor() {
    document.getElementById("tiles").replaceChildren(...this.#tiles.map((tile) => tile.element));
    document.getElementById("plots").replaceChildren(...this.#plots.map(({ plot }) => plot.element));
  }

  show(history) {
    for (const tile of this.#tiles) {
      const values = tile.of ? history.series(tile.of).map((point) => point.values) : [];
      const value = tile.of ? values.at(-1) : recovered(history).share;
      tile.value.textContent = tile.format(value);
      tile.about.textContent = tile.tell(history);
      if (tile.of) tile.drawn.replaceChildren(spark(values));
      else {
        tile.element.classList.toggle("bad", recovered(history).lost > 0);
        tile.drawn.replaceChildren(element("div", { class: "meter", "--share": `${value ?? 100}%` }));
      }
    }
    for (const { plot, of } of this.#plots) plot.show(history.series(of));
  }
}
