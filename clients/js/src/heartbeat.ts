// Notices a connection that is dead though nobody said so, and measures how long an answer takes.
// Browsers answer the server's pings by themselves; these are the client's own, in frames of the protocol.

import { ping } from "./frames.js";
import type { Surroundings } from "./surroundings.js";

export interface Beat {
  send(text: string): void;
  /** An answer came: when the ping left, when it arrived, and what the server's clock showed between. */
  measured(sentAt: number, receivedAt: number, serverTime: number): void;
  /** Nothing came for so long that nobody is there. */
  silent(): void;
}

/** Pings in a row that nothing follows until the connection counts as dead. Counted in pings, because a page in the background is woken rarely. */
const SILENT_PINGS = 2;
/** How long a connection may take to show that it lives, when there is a reason to doubt it. */
const PROBE_MS = 3_000;

export class Heartbeat {
  readonly #surroundings: Surroundings;
  readonly #beat: Beat;
  #intervalMs = 10_000;
  #stopTimer = () => {};
  #sent = 0;
  #sentAt = new Map<number, number>();
  #unanswered = 0;

  constructor(surroundings: Surroundings, beat: Beat) {
    this.#surroundings = surroundings;
    this.#beat = beat;
  }

  start(intervalMs: number): void {
    this.stop();
    this.#intervalMs = intervalMs;
    this.#ping(intervalMs);
  }

  stop(): void {
    this.#stopTimer();
    this.#sentAt.clear();
    this.#unanswered = 0;
  }

  /** A frame of any kind came. */
  heard(): void {
    this.#unanswered = 0;
  }

  pong(n: unknown, serverTime: number): void {
    const sentAt = this.#sentAt.get(n as number);
    if (sentAt === undefined) return;
    this.#sentAt.delete(n as number);
    this.#beat.measured(sentAt, this.#surroundings.now(), serverTime);
  }

  /** Asks whether anybody is there, and takes no answer for a no sooner than usual. */
  probe(): void {
    this.#unanswered = SILENT_PINGS - 1;
    this.#ping(Math.min(PROBE_MS, this.#intervalMs));
  }

  #ping(waitMs: number): void {
    this.#stopTimer();
    this.#sent += 1;
    this.#unanswered += 1;
    this.#sentAt.set(this.#sent, this.#surroundings.now());
    this.#beat.send(ping(this.#sent));
    this.#stopTimer = this.#surroundings.later(waitMs, () => {
      if (this.#unanswered >= SILENT_PINGS) this.#beat.silent();
      else this.#ping(this.#intervalMs);
    });
  }
}
