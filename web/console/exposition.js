// Reads what `/metrics` says.

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? ([^ ]+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export class Exposition {
  #families = new Map();

  constructor(text) {
    for (const line of text.split("\n")) {
      if (line === "" || line.startsWith("#")) continue;
      const [, name, labels, value] = LINE.exec(line) ?? [];
      if (name === undefined) continue;
      if (!this.#families.has(name)) this.#families.set(name, []);
      this.#families.get(name).push({ labels: labels ?? "", value: Number(value) });
    }
  }

  /** The sum over all that carry these labels; 0 where there is none. */
  sum(name, labels = {}) {
    const wanted = Object.entries(labels).map(([key, value]) => `${key}="${value}"`);
    const rows = (this.#families.get(name) ?? []).filter((row) => wanted.every((label) => row.labels.includes(label)));
    return rows.reduce((sum, row) => sum + row.value, 0);
  }

  /** A label's value, of the first there is. */
  label(name, key) {
    const [row] = this.#families.get(name) ?? [];
    return row && [...row.labels.matchAll(LABEL)].find(([, label]) => label === key)?.[2];
  }

  /** A histogram's buckets, summed over its labels, ascending: `[upper bound, how many were not above it]`. */
  buckets(name) {
    const counts = new Map();
    for (const { labels, value } of this.#families.get(`${name}_bucket`) ?? []) {
      const bound = [...labels.matchAll(LABEL)].find(([, label]) => label === "le")?.[2];
      const upper = bound === "+Inf" ? Infinity : Number(bound);
      counts.set(upper, (counts.get(upper) ?? 0) + value);
    }
    return [...counts].sort(([a], [b]) => a - b);
  }
}

/** Below what the share `q` of the observations between two readings lay; null where there was none. */
export function quantile(q, before, now) {
  const counts = now.map(([bound, count], index) => [bound, count - (before[index]?.[1] ?? 0)]);
  const all = counts.at(-1)?.[1] ?? 0;
  if (all <= 0) return null;
  const wanted = q * all;
  let [low, below] = [0, 0];
  for (const [bound, count] of counts) {
    if (count >= wanted) {
      if (bound === Infinity) return low;
      return low + ((bound - low) * (wanted - below)) / Math.max(count - below, 1e-9);
    }
    [low, below] = [bound, count];
  }
  return low;
}
