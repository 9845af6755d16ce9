// Surroundings that a test decides on: time that passes by hand, chosen chance, news by order.

import type { News, Surroundings } from "../src/surroundings.js";

export class Machine implements Surroundings {
  #now = 1_000;
  #timers = new Set<{ at: number; run: () => void }>();
  #tell = (_: News) => {};
  chance = 0.5;

  now = () => this.#now;
  random = () => this.chance;

  later(ms: number, run: () => void): () => void {
    const timer = { at: this.#now + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  watch(tell: (news: News) => void): () => void {
    this.#tell = tell;
    return () => (this.#tell = () => {});
  }

  /** Lets time pass, timer by timer. */
  pass(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers].filter((timer) => timer.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.#now = due.at;
      due.run();
    }
    this.#now = end;
  }

  news(news: News): void {
    this.#tell(news);
  }
}

/** Waits for something that real sockets bring about. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not within 5 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Lets everything that is on its way over local sockets arrive. For claims that nothing more comes. */
export async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 40));
}
