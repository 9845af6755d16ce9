// Who listens to what. A listener that throws keeps nothing from the others.

export class Emitter<Events> {
  #listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /** Adds a listener; returns how to remove it. */
  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // Wrapped, so that one function added twice is two listeners and each removal takes its own.
    const own = (value: Events[Name]) => listener(value);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  has(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }

  emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        // As if the listener had been called by the runtime itself: it ends up where uncaught errors do.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
