// Writes numbers for people.

const THIN = "\u202f";

function short(value) {
  if (value === 0) return "0";
  const digits = Math.abs(value) < 10 ? (Number.isInteger(value) ? 0 : Math.abs(value) < 1 ? 2 : 1) : 0;
  return value.toFixed(digits);
}

function scaled(value, step, units) {
  let index = 0;
  while (Math.abs(value) >= step && index < units.length - 1) {
    value /= step;
    index += 1;
  }
  return `${short(value)}${units[index] ? THIN + units[index] : ""}`;
}

const or = (format) => (value) => (value === null || value === undefined || Number.isNaN(value) ? "–" : format(value));

export const count = or((value) => (Math.abs(value) < 10_000 ? Math.round(value).toLocaleString("en-GB") : scaled(value, 1_000, ["", "k", "M", "G"])));
export const rate = or((value) => (value < 10_000 ? short(value) : scaled(value, 1_000, ["", "k", "M"])));
export const bytes = or((value) => scaled(value, 1_024, ["B", "KiB", "MiB", "GiB", "TiB"]));
export const percent = or((value) => `${value > 0 && value < 10 ? value.toFixed(1) : value === 100 ? "100" : value > 99 ? value.toFixed(2) : Math.round(value)}${THIN}%`);
export const seconds = or((value) => {
  if (value < 0.001) return `${short(value * 1e6)}${THIN}µs`;
  if (value < 1) return `${short(value * 1e3)}${THIN}ms`;
  return `${short(value)}${THIN}s`;
});

/** A span in its two largest units. */
export function span(ms) {
  const units = [["d", 86_400_000], ["h", 3_600_000], ["min", 60_000], ["s", 1_000]];
  const first = units.findIndex(([, size]) => ms >= size);
  if (first < 0) return "now";
  const [unit, size] = units[first];
  const rest = units[first + 1];
  const left = rest ? Math.floor((ms % size) / rest[1]) : 0;
  return `${Math.floor(ms / size)}${THIN}${unit}${left ? ` ${left}${THIN}${rest[0]}` : ""}`;
}

export const ago = (ms) => (ms < 1_000 ? "just now" : `${span(ms)} ago`);
export const clock = (at) => new Date(at).toLocaleTimeString("en-GB");

/** What a chess clock shows. */
export function remaining(ms) {
  const tenths = Math.floor(Math.max(ms, 0) / 100);
  const [minutes, secs] = [Math.floor(tenths / 600), Math.floor(tenths / 10) % 60];
  const text = `${minutes}:${String(secs).padStart(2, "0")}`;
  return ms < 20_000 ? `${text}.${tenths % 10}` : text;
}
