// What the server is told to have been processed: never less than before, a few times a second, again after a loss.

import { ack } from "./frames.js";
import type { Refusal } from "./frames.js";
import type { Surroundings } from "./surroundings.js";

/** Acknowledgements within this time go out as one. */
const GATHER_MS = 200;
const RETRY_MS = 1_000;

export class Acknowledging {
  readonly #surroundings: Surroundings;
  readonly #send: (text: string) => void;
  #isOpen = false;
  #wanted = 0;
  #said = 0;
  #confirmed = 0;
  #stopTimer: (() => void) | undefined;

  constructor(surroundings: Surroundings, send: (text: string) => void) {
    this.#surroundings = surroundings;
    this.#send = send;
  }

  /** The last that the server is known to have. */
  get confirmed(): number {
    return this.#confirmed;
  }

  /** Everything up to here has been processed. */
  want(sequence: number): void {
    this.#wanted = Math.max(this.#wanted, sequence);
    if (this.#isOpen && this.#wanted > this.#said) this.#schedule(GATHER_MS);
  }

  /** Begins a connection whose server knows of this much. */
  begin(confirmed: number): void {
    this.#confirmed = confirmed;
    this.#said = confirmed;
  }

  /** Says what the server does not know, and goes on. */
  open(): void {
    this.#isOpen = true;
    this.flush();
  }

  close(): void {
    this.#clear();
    this.#isOpen = false;
  }

  /** Another life of the game counts from the start. */
  forget(): void {
    this.#wanted = 0;
  }

  confirm(sequence: number): void {
    this.#confirmed = Math.max(this.#confirmed, sequence);
  }

  /** The server did not take one. */
  refuse({ code, retryAfterMs }: Refusal): void {
    if (this.#said === this.#confirmed) return;
    this.#said = this.#confirmed;
    // Above the head: to say it again would not make it true.
    if (code === "invalid_ack") this.#wanted = this.#confirmed;
    else this.#schedule(retryAfterMs ?? RETRY_MS);
  }

  /** Says now what is to be said. */
  flush(): void {
    this.#clear();
    if (!this.#isOpen || this.#wanted <= this.#said) return;
    this.#said = this.#wanted;
    this.#send(ack(this.#wanted));
  }

  #schedule(ms: number): void {
    this.#stopTimer ??= this.#surroundings.later(ms, () => this.flush());
  }

  #clear(): void {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
  }
}
