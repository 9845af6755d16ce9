// The server's time, as well as pings can tell it, and what the game's clocks show by it.

import type { TimeControl, Timer } from "./frames.js";

/** The clocks as of now. */
export interface Clock {
  /** Whose turn it is; null once a clock has reached zero. */
  active: string | null;
  remainingMs: Record<string, number>;
  /** Whether no clock runs although it is somebody's turn. */
  paused: boolean;
  config: TimeControl;
}

interface Sample {
  roundTripMs: number;
  offsetMs: number;
}

/** Recent pings, of which the fastest tells the time best. */
const SAMPLES = 8;
/** How much a new ping weighs in the latency. */
const WEIGHT = 0.25;

export class ServerClock {
  readonly #now: () => number;
  #samples: Sample[] = [];
  #offsetMs = 0;
  #latencyMs: number | undefined;
  #timer: Timer | undefined;
  #delayLeftMs = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** The round trip of pings, smoothed; undefined before the first. */
  get latencyMs(): number | undefined {
    return this.#latencyMs;
  }

  /** Begins a connection: another server may answer it, and the machine may have slept. */
  begin(serverTime: number): void {
    this.#samples = [];
    // As if it had taken no time to come; the first ping knows better.
    this.#offsetMs = serverTime - this.#now();
  }

  /** Learns from a ping. The server read its clock about half way between. */
  measured(sentAt: number, receivedAt: number, serverTime: number): void {
    const roundTripMs = receivedAt - sentAt;
    const offsetMs = serverTime - (sentAt + receivedAt) / 2;
    this.#samples = [...this.#samples, { roundTripMs, offsetMs }].slice(-SAMPLES);
    this.#offsetMs = this.#samples.reduce((best, next) => (next.roundTripMs < best.roundTripMs ? next : best)).offsetMs;
    this.#latencyMs ??= roundTripMs;
    this.#latencyMs += WEIGHT * (roundTripMs - this.#latencyMs);
  }

  /** Takes what the server says the clocks show. */
  show(timer: Timer | undefined): void {
    this.#delayLeftMs = timer ? this.#delayLeft(timer) : 0;
    this.#timer = timer;
  }

  /** What the clocks show now. */
  read(): Clock | undefined {
    if (!this.#timer) return undefined;
    const { active, paused, config, serverTime } = this.#timer;
    const remainingMs = { ...this.#timer.remainingMs };
    const left = active === null ? undefined : remainingMs[active];
    if (active !== null && left !== undefined && !paused) {
      const elapsedMs = Math.max(0, this.#now() + this.#offsetMs - serverTime - this.#delayLeftMs);
      remainingMs[active] = Math.max(0, left - elapsedMs);
    }
    return { active, remainingMs, paused, config };
  }

  /** What is left of the turn's delay: snapshots do not tell, but two in a row do. */
  #delayLeft(timer: Timer): number {
    const before = this.#timer;
    if (!before || timer.active === null) return 0;
    const now = timer.remainingMs[timer.active] ?? 0;
    const then = before.remainingMs[timer.active] ?? 0;
    if (before.active !== timer.active || now > then) return timer.config.delayMs;
    if (now < then) return 0;
    const ranMs = before.paused ? 0 : timer.serverTime - before.serverTime;
    return Math.max(0, this.#delayLeftMs - ranMs);
  }
}
