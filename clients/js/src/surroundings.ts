// What the client takes from where it runs: time, chance, and news of the network.
// Everything that waits or rolls dice does it through this, so that tests decide both.

/** News that make it worth looking at the connection now. */
export type News = "back" | "gone";

export interface Surroundings {
  /** Milliseconds that never go back, whatever is done to the wall clock. */
  now(): number;
  /** From 0 up to, but not including, 1. */
  random(): number;
  /** Runs something later; returns how to prevent it. */
  later(ms: number, run: () => void): () => void;
  /** Tells when the network or the page comes back, or the network goes; returns how to stop. */
  watch(tell: (news: News) => void): () => void;
}

export const surroundings: Surroundings = {
  now: () => performance.now(),
  random: () => Math.random(),
  later(ms, run) {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  watch(tell) {
    const page = globalThis.document;
    const off = [
      listen(globalThis, "online", () => tell("back")),
      listen(globalThis, "offline", () => tell("gone")),
      listen(page, "visibilitychange", () => page.visibilityState === "visible" && tell("back")),
    ];
    return () => off.forEach((stop) => stop());
  },
};

/** Node has neither a page nor a window that could tell anything. */
function listen(target: Partial<EventTarget> | undefined, name: string, heard: () => void): () => void {
  target?.addEventListener?.(name, heard);
  return () => target?.removeEventListener?.(name, heard);
}
