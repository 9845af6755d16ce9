// Moves on their way: kept in order until each is confirmed or refused, across any number of connections.
// One is under way at a time. With more, one that is refused for the moment would be overtaken by those after it.

import { Backoff, DEFAULT_PACE } from "./backoff.js";
import { RejoinError } from "./error.js";
import type { GameEvent, Refusal } from "./frames.js";
import type { Surroundings } from "./surroundings.js";

/** A move that is not confirmed. */
export interface Pending {
  ref: string;
  type: string;
  payload: unknown;
  /** Records only if this is the head when its turn comes. */
  expect?: number;
  /** Who has the turn after it. */
  next?: string;
}

export interface Post {
  send(text: string): void;
  /** What is not confirmed has changed. */
  changed(): void;
  /** Given up. The promise of `send` is rejected, where somebody still holds it. */
  refused(pending: Pending, error: RejoinError): void;
}

interface Letter {
  ref: string;
  /** As it is sent, so that nobody changes it meanwhile. */
  text: string;
  tries: number;
  resolve(event: GameEvent): void;
  reject(error: RejoinError): void;
}

/** More than this is not waiting: it is lost in all but name. */
const CAPACITY = 256;
/** Refusals that pass. */
const PASSING = ["rate_limited", "backpressure", "unavailable", "unknown", "internal"];
/** A fault of the service that one move brings about again and again must not hold back the others for ever. */
const INTERNAL_TRIES = 5;

export class Outbox {
  readonly #surroundings: Surroundings;
  readonly #post: Post;
  readonly #backoff: Backoff;
  #letters: Letter[] = [];
  #maxBytes: number | undefined;
  #isUnderWay = false;
  #stopTimer = () => {};

  constructor(surroundings: Surroundings, post: Post) {
    this.#surroundings = surroundings;
    this.#post = post;
    this.#backoff = new Backoff(DEFAULT_PACE, surroundings.random);
  }

  /** The moves as they are sent, oldest first. */
  get texts(): string[] {
    return this.#letters.map((letter) => letter.text);
  }

  get pending(): Pending[] {
    return this.texts.map((text) => JSON.parse(text));
  }

  /** Takes back what another page has not seen confirmed. */
  restore(texts: string[]): void {
    const ignore = () => {};
    this.#letters = texts.map((text) => ({ ref: JSON.parse(text).ref, text, tries: 0, resolve: ignore, reject: ignore }));
  }

  /** Sends a move as soon as it can; resolves with the event as everybody sees it. */
  add(pending: Pending): Promise<GameEvent> {
    if (this.#letters.length >= CAPACITY) {
      return Promise.reject(new RejoinError("outbox_full", `${CAPACITY} moves are waiting already`));
    }
    const text = JSON.stringify(pending);
    const sent = new Promise<GameEvent>((resolve, reject) => {
      this.#letters.push({ ref: pending.ref, text, tries: 0, resolve, reject });
    });
    this.#post.changed();
    this.#flush();
    return sent;
  }

  /** There is a connection, and it has delivered what was missed: what that did not confirm is not recorded. */
  open(maxBytes: number): void {
    if (this.#maxBytes !== undefined) return;
    this.#maxBytes = maxBytes;
    this.#flush();
  }

  /** There is none. */
  close(): void {
    this.#stopTimer();
    this.#maxBytes = undefined;
    this.#isUnderWay = false;
  }

  /** An event of ours has come, new or again. */
  confirm(event: GameEvent): void {
    const letter = this.#take(event.ref);
    if (!letter) return;
    this.#backoff.reset();
    this.#post.changed();
    letter.resolve(event);
    this.#flush();
  }

  refuse(refusal: Refusal): void {
    const letter = this.#letters[0];
    if (!letter || !this.#isUnderWay || refusal.ref !== letter.ref) return;
    letter.tries += 1;
    const passes = PASSING.includes(refusal.code) && (refusal.code !== "internal" || letter.tries < INTERNAL_TRIES);
    if (!passes) return this.#giveUp(letter, new RejoinError(refusal.code, refusal.message, refusal));
    const pauseMs = refusal.retryAfterMs ?? this.#backoff.pause(0);
    this.#stopTimer();
    this.#stopTimer = this.#surroundings.later(pauseMs, () => {
      this.#isUnderWay = false;
      this.#flush();
    });
  }

  /** Gives up everything. */
  abandon(error: RejoinError): void {
    for (const letter of [...this.#letters]) this.#giveUp(letter, error);
  }

  #flush(): void {
    const letter = this.#letters[0];
    if (!letter || this.#isUnderWay || this.#maxBytes === undefined) return;
    const bytes = new TextEncoder().encode(letter.text).length;
    if (bytes > this.#maxBytes) {
      // Sent all the same, it would end the connection, and for good.
      const said = `the message has ${bytes} bytes, and ${this.#maxBytes} are allowed`;
      return this.#giveUp(letter, new RejoinError("too_large", said));
    }
    this.#isUnderWay = true;
    this.#post.send(letter.text);
  }

  #giveUp(letter: Letter, error: RejoinError): void {
    if (!this.#take(letter.ref)) return;
    this.#post.changed();
    letter.reject(error);
    this.#post.refused(JSON.parse(letter.text), error);
    this.#flush();
  }

  #take(ref: string | undefined): Letter | undefined {
    const index = this.#letters.findIndex((letter) => letter.ref === ref);
    if (index === 0) {
      this.#stopTimer();
      this.#isUnderWay = false;
    }
    return index < 0 ? undefined : this.#letters.splice(index, 1)[0];
  }
}

/** A name that nobody else has given. */
export function freshRef(): string {
  // Not `randomUUID`, which pages have only where they came by TLS.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
