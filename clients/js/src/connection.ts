// Keeps one connection, and never two: dials, waits as long as advised, dials again. Knows no game.

import { Backoff, type Pace } from "./backoff.js";
import { advice, type Ending, lost } from "./ending.js";
import { RejoinError } from "./error.js";
import { type Address, Link, type SocketClass } from "./link.js";
import type { Surroundings } from "./surroundings.js";

export type State = "connecting" | "connected" | "waiting" | "closed";

/** How the connection stands. */
export interface Status {
  state: State;
  /** Which try this is since the last connection; 0 while paused. */
  attempt: number;
  /** How long until the next try. Left out while paused. */
  delayMs?: number;
  /** What ended the connection, or the try, before. */
  code?: number;
  reason?: string;
}

export interface Calls {
  /** Where to, with what; asked anew for each try. */
  address(): Promise<Address>;
  heard(text: string): void;
  /** A connection or a try has ended; what it left behind is void. */
  lost(): void;
  /** There is a reason to doubt whether the connection lives. */
  doubted(): void;
  /** A connection that held is no longer a try. */
  held(): void;
  /** Whether an ending that forbids another try allows one with another token. */
  fallsBack(ending: Ending): boolean;
  changed(status: Status): void;
  /** Ended for good, and not by us. */
  ended(error: RejoinError): void;
}

/** How long a try may take until the server's first frame. */
const PATIENCE_MS = 10_000;

export class Connection {
  readonly #surroundings: Surroundings;
  readonly #Socket: SocketClass;
  readonly #calls: Calls;
  readonly #backoff: Backoff;
  readonly #resetAfterMs: number;
  #state: State = "connecting";
  #attempt = 0;
  #dialling: object | undefined;
  #link: Link | undefined;
  #connectedAt: number | undefined;
  #drainingMs: number | undefined;
  #isPaused = false;
  /** A pause that the server asked for is not cut short. */
  #isAdvised = false;
  #stopTimer = () => {};
  #unwatch = () => {};

  constructor(surroundings: Surroundings, Socket: SocketClass, pace: Pace, calls: Calls) {
    this.#surroundings = surroundings;
    this.#Socket = Socket;
    this.#calls = calls;
    this.#backoff = new Backoff(pace, surroundings.random);
    this.#resetAfterMs = pace.resetAfterMs;
  }

  get state(): State {
    return this.#state;
  }

  start(): void {
    this.#unwatch = this.#surroundings.watch((news) => {
      if (this.#state === "connected") this.#calls.doubted();
      else if (news === "back" && this.#state === "waiting" && !this.#isPaused && !this.#isAdvised) this.#dial();
    });
    this.#dial();
  }

  send(text: string): void {
    this.#link?.send(text);
  }

  /** The server has said its first word. */
  welcomed(): void {
    this.#stopTimer();
    this.#connectedAt = this.#surroundings.now();
    this.#become("connected");
    this.#attempt = 0;
  }

  /** The server is about to go; the next try waits that long. */
  draining(reconnectAfterMs: number): void {
    this.#drainingMs = reconnectAfterMs;
  }

  /** Drops the connection, or the try, as a lost network would. */
  cut(reason: string): void {
    if (this.#state !== "connecting" && this.#state !== "connected") return;
    this.#link?.cut();
    this.#over(lost(reason));
  }

  /** Drops the connection and dials at once. */
  renew(): void {
    if (this.#state !== "connected") return;
    this.#link?.cut();
    this.#drop();
    this.#dial();
  }

  /** Goes, and stays away until resumed. */
  pause(): void {
    if (this.#state === "closed" || this.#isPaused) return;
    this.#isPaused = true;
    this.#link?.close();
    this.#drop();
    this.#attempt = 0;
    this.#become("waiting");
  }

  resume(): void {
    if (this.#state === "closed" || !this.#isPaused) return;
    this.#isPaused = false;
    this.#dial();
  }

  /** Goes for good. Returns whether it had not gone before. */
  close(ending?: Ending): boolean {
    if (this.#state === "closed") return false;
    this.#link?.close();
    this.#drop();
    this.#unwatch();
    this.#become("closed", ending);
    return true;
  }

  #dial(): void {
    this.#stopTimer();
    const dialling = (this.#dialling = {});
    const isCurrent = () => this.#dialling === dialling;
    this.#attempt += 1;
    this.#stopTimer = this.#surroundings.later(PATIENCE_MS, () => this.cut("no answer in time"));
    this.#become("connecting");
    // Whoever hears of it may have ended it.
    if (!isCurrent()) return;
    this.#calls.address().then(
      (address) => isCurrent() && this.#open(address),
      (cause) => isCurrent() && this.cut(`no token: ${cause}`),
    );
  }

  #open(address: Address): void {
    try {
      this.#link = new Link(this.#Socket, address, this.#calls.heard, (ending) => this.#over(ending));
    } catch (cause) {
      this.#stop(lost(String(cause)), new RejoinError("invalid_options", `cannot dial: ${cause}`, { cause }));
    }
  }

  #over(ending: Ending): void {
    const heldMs = this.#connectedAt === undefined ? 0 : this.#surroundings.now() - this.#connectedAt;
    const drainingMs = this.#drainingMs;
    this.#drop();
    if (heldMs >= this.#resetAfterMs) this.#calls.held();
    if (advice(ending) === "stop") {
      if (this.#calls.fallsBack(ending)) return this.#dial();
      return this.#stop(ending, RejoinError.ofEnding(ending));
    }
    this.#isAdvised = drainingMs !== undefined;
    const delayMs = drainingMs ?? this.#backoff.pause(heldMs);
    this.#stopTimer = this.#surroundings.later(delayMs, () => this.#dial());
    this.#become("waiting", ending, delayMs);
  }

  #stop(ending: Ending, error: RejoinError): void {
    if (this.close(ending)) this.#calls.ended(error);
  }

  /** Forgets the connection, or the try. */
  #drop(): void {
    this.#stopTimer();
    this.#link = undefined;
    this.#dialling = undefined;
    this.#connectedAt = undefined;
    this.#drainingMs = undefined;
    this.#calls.lost();
  }

  #become(state: State, ending?: Ending, delayMs?: number): void {
    this.#state = state;
    this.#calls.changed({ state, attempt: this.#attempt, ...(delayMs !== undefined && { delayMs }), ...ending });
  }
}
