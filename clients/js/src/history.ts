// What has arrived of a game, and whether it is the whole: no event twice, none out of order, no hole without a word.
// Knows neither sockets nor who listens.

import type { Summary, Welcome } from "./frames.js";

/** The last event processed, and the life of the game it was in. */
export interface Position {
  sequence: number;
  epoch: string;
}

/** What was known before is not the whole. Rebuild from the summary, where there is one; events follow. */
export interface Resync {
  /**
   * `epoch`: the game has begun another life, nothing known before counts. `floor`: what lies before has been pruned.
   * `gap`: what lies before will not come, because this seat has acknowledged it, or because the server has lost it.
   */
  reason: "epoch" | "floor" | "gap";
  summary?: Summary;
  /** Events follow from the one after this. */
  position: Position;
}

/** `new`: deliver it. `known`: seen before. `gap`: something before it is missing. */
export type Taken = "new" | "known" | "gap";

export class History {
  #last = 0;
  #epoch: string | undefined;
  #missedAfter: number | undefined;

  /** Goes on from here, where something is known already. */
  constructor(known?: Position) {
    this.#last = known?.sequence ?? 0;
    this.#epoch = known?.epoch;
  }

  /** What has arrived up to now; undefined before the first connection. */
  get position(): Position | undefined {
    return this.#epoch === undefined ? undefined : { sequence: this.#last, epoch: this.#epoch };
  }

  /** Begins a connection. */
  begin(welcome: Welcome): Resync | undefined {
    const { epoch, lastSequence, headSequence, recovered, summary } = welcome;
    const [held, last] = [this.#epoch, this.#last];
    this.#epoch = epoch;
    const isOtherLife = held !== undefined && (held !== epoch || headSequence < last);
    // The server may start further back than asked to: what is known already is left out as it comes.
    const isWhole = held === undefined ? lastSequence === 0 && !summary : !isOtherLife && lastSequence <= last;
    if (isWhole) return undefined;

    this.#last = lastSequence;
    const reason = isOtherLife ? "epoch" : !recovered || summary ? "floor" : "gap";
    return { reason, ...(summary && { summary }), position: { sequence: lastSequence, epoch } };
  }

  /** Takes the next event's sequence. */
  take(sequence: number): Taken {
    if (sequence <= this.#last) return "known";
    if (sequence > this.#last + 1) return "gap";
    this.#last = sequence;
    return "new";
  }

  /**
   * Whether a gap after the last event is worth another connection: the first time. What a second one does not bring
   * either, nobody has.
   */
  isWorthAsking(): boolean {
    if (this.#missedAfter === this.#last) return false;
    this.#missedAfter = this.#last;
    return true;
  }

  /** Takes an event although something before it is missing. */
  skipTo(sequence: number): Resync {
    this.#last = sequence;
    return { reason: "gap", position: { sequence: sequence - 1, epoch: this.#epoch ?? "" } };
  }
}
