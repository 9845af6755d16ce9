// A clock's face.

const TENTHS_BELOW_MS = 20_000;

/** As players read it: 9:58, and 0:07.3 when it becomes short. */
export function face(ms) {
  if (ms < TENTHS_BELOW_MS) return `0:${(Math.floor(ms / 100) / 10).toFixed(1).padStart(4, "0")}`;
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** Whether somebody should hurry. */
export function isShort(ms) {
  return ms < TENTHS_BELOW_MS;
}
