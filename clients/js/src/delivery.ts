// The way from what has arrived to who listens. Waits while nobody does, so that nothing is lost between joining and
// listening, or while a view is being exchanged for another.

/** Beyond this nothing more is taken: the server still has it, and is asked once somebody listens. */
const CAPACITY = 1_000;

export class Delivery<Item> {
  readonly #isHeard: () => boolean;
  readonly #deliver: (item: Item) => void;
  readonly #refill: () => void;
  #waiting: Item[] = [];
  #isOverflown = false;
  #isDelivering = false;

  /** `refill` is called when what did not fit has to be asked for again. */
  constructor(isHeard: () => boolean, deliver: (item: Item) => void, refill: () => void) {
    this.#isHeard = isHeard;
    this.#deliver = deliver;
    this.#refill = refill;
  }

  /** Whether it takes one more. Once it does not, nothing that comes before `refill` may count as received. */
  hasRoom(): boolean {
    this.#isOverflown ||= this.#waiting.length >= CAPACITY;
    return !this.#isOverflown;
  }

  offer(item: Item): void {
    this.#waiting.push(item);
    this.pump();
  }

  /** Delivers what waits, as far as somebody listens. */
  pump(): void {
    // A listener may bring about the next delivery; it waits for its turn, or events would overtake each other.
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (this.#waiting.length > 0 && this.#isHeard()) this.#deliver(this.#waiting.shift() as Item);
    this.#isDelivering = false;
    if (this.#isOverflown && this.#waiting.length === 0) {
      this.#isOverflown = false;
      this.#refill();
    }
  }

  /** Drops what waits. */
  clear(): void {
    this.#waiting = [];
  }
}
