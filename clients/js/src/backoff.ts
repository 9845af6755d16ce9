// How long to wait before trying again: exponential, with full jitter.

export interface Pace {
  /** The upper end of the first pause. */
  baseMs: number;
  /** The upper end never grows beyond this. */
  capMs: number;
  /** What held that long starts over. */
  resetAfterMs: number;
}

export const DEFAULT_PACE: Pace = { baseMs: 250, capMs: 20_000, resetAfterMs: 30_000 };

export class Backoff {
  #failures = 0;
  readonly #pace: Pace;
  readonly #random: () => number;

  constructor(pace: Pace, random: () => number) {
    this.#pace = pace;
    this.#random = random;
  }

  /** Counts a failure and returns how long to wait now. `heldMs` is how long what just ended had held. */
  pause(heldMs: number): number {
    const { baseMs, capMs, resetAfterMs } = this.#pace;
    if (heldMs >= resetAfterMs) this.reset();
    const ceiling = Math.min(baseMs * 2 ** this.#failures, capMs);
    this.#failures += 1;
    return this.#random() * ceiling;
  }

  reset(): void {
    this.#failures = 0;
  }
}
