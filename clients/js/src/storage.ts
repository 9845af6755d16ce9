// What outlives a page: one entry a seat, written whole, so that it never contradicts itself.
// Whatever goes wrong here costs the convenience and never the seat.

import type { Position } from "./history.js";
import type { Surroundings } from "./surroundings.js";

/** Where entries are kept. Each call may answer at once or later. */
export interface Storage {
  get(key: string): string | null | undefined | Promise<string | null | undefined>;
  set(key: string, value: string): void | Promise<void>;
  remove(key: string): void | Promise<void>;
}

/** What a seat comes back with. */
export interface Entry {
  /** The newest resume token. */
  token?: string | undefined;
  /** What the application has saved, and the last event in it. */
  saved?: Saved | undefined;
  /** Moves not confirmed, as they are sent, oldest first. */
  outbox: string[];
}

export interface Saved {
  /** As JSON, so that nobody changes it after it was saved. */
  state?: string | undefined;
  position: Position;
}

/** How long a storage may take before the seat goes on without. */
const PATIENCE_MS = 2_000;

export class Shelf {
  readonly #storage: Storage | null;
  readonly #key: string;
  readonly #surroundings: Surroundings;
  #last: Promise<unknown> = Promise.resolve();
  #underWay = 0;

  constructor(storage: Storage | null, key: string, surroundings: Surroundings) {
    this.#storage = storage;
    this.#key = key;
    this.#surroundings = surroundings;
  }

  /** Whether there is anything to keep it in. */
  get isThere(): boolean {
    return this.#storage !== null;
  }

  async read(): Promise<Entry | undefined> {
    const text = await this.#within(() => this.#storage?.get(this.#key));
    try {
      const entry: Entry = JSON.parse(text as string);
      const isWhole = entry.outbox.every((sent) => typeof JSON.parse(sent).ref === "string");
      return isWhole && Number.isSafeInteger(entry.saved?.position.sequence ?? 0) ? entry : undefined;
    } catch {
      // Nothing there, or nothing of ours.
      return undefined;
    }
  }

  /** Writes, after what was to be written before. Returns whether it is kept. */
  write(entry: Entry): Promise<boolean> {
    return this.#put((storage) => storage.set(this.#key, JSON.stringify(entry)));
  }

  remove(): Promise<boolean> {
    return this.#put((storage) => storage.remove(this.#key));
  }

  /** A storage that answers at once has it before this returns: a page may end at any moment. */
  #put(change: (storage: Storage) => void | Promise<void>): Promise<boolean> {
    const storage = this.#storage;
    if (!storage) return Promise.resolve(false);
    const run = () => this.#within(() => change(storage)).then((answer) => answer !== FAILED);
    const done = this.#underWay === 0 ? run() : this.#last.then(run);
    this.#underWay += 1;
    this.#last = done.then(() => (this.#underWay -= 1));
    return done;
  }

  #within<T>(call: () => T | Promise<T>): Promise<T | typeof FAILED> {
    return new Promise((resolve) => {
      const stop = this.#surroundings.later(PATIENCE_MS, () => resolve(FAILED));
      const done = (answer: T | typeof FAILED) => {
        stop();
        resolve(answer);
      };
      try {
        Promise.resolve(call()).then(done, () => done(FAILED));
      } catch {
        done(FAILED);
      }
    });
  }
}

const FAILED = Symbol("failed");

/** The tab's own storage, which outlives a reload and no more; null where there is none. */
export function sessionStorage(): Storage | null {
  try {
    const { sessionStorage } = globalThis;
    if (!sessionStorage) return null;
    return {
      get: (key) => sessionStorage.getItem(key),
      set: (key, value) => sessionStorage.setItem(key, value),
      remove: (key) => sessionStorage.removeItem(key),
    };
  } catch {
    // A browser may forbid it.
    return null;
  }
}
