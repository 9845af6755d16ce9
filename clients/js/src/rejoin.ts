// How an application comes to its seat.

import { endpoint } from "./address.js";
import { DEFAULT_PACE } from "./backoff.js";
import { Credential } from "./credential.js";
import { RejoinError } from "./error.js";
import { type JoinOptions, socketClass } from "./options.js";
import { Seat } from "./seat.js";
import { sessionStorage, Shelf } from "./storage.js";
import { surroundings, type Surroundings } from "./surroundings.js";

export const Rejoin = {
  /**
   * Takes a seat, the one of a page before this one where the storage knows of it. Resolves once the server has welcomed
   * us, and tries until then. Rejects with a RejoinError where the server's answer forbids to try again, with what `token`
   * threw, or with the signal's reason.
   */
  join: (options: JoinOptions): Promise<Seat> => join(options, surroundings),
};

/** The same anywhere: tests bring surroundings of their own. */
export async function join(options: JoinOptions, surroundings: Surroundings): Promise<Seat> {
  const { gameId, role = "player", acknowledge = "auto", storage = sessionStorage(), signal } = options;
  signal?.throwIfAborted();
  const Socket = socketClass(options.WebSocket);
  if (!Socket) throw new RejoinError("invalid_options", "there is no WebSocket here: pass one as `WebSocket`");
  const url = place(options.url);
  const credential = new Credential(options.token);

  return abortable(signal, async () => {
    // By user, so that two players in one page, or one after the other, do not take each other's seat.
    const userId = await credential.userId();
    const shelf = new Shelf(storage, `rejoin:${url.host}${url.pathname}:${role}:${gameId}:${userId}`, surroundings);
    const restored = await shelf.read();
    credential.replace(restored?.token);
    signal?.throwIfAborted();
    const pace = { ...DEFAULT_PACE, ...options.reconnect };
    const acknowledges = acknowledge === "auto";
    const seat = new Seat({ endpoint: url, gameId, role, acknowledges, credential, shelf, restored, pace, Socket }, surroundings);
    signal?.addEventListener("abort", () => void seat.leave(), { once: true });
    await seat.enter();
    return seat;
  });
}

function place(url: string): URL {
  try {
    return endpoint(url);
  } catch (cause) {
    throw new RejoinError("invalid_options", `no URL: \`${url}\``, { cause });
  }
}

/** Does something unless the signal comes first; then it rejects with the signal's reason. */
function abortable<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    work().then(resolve, reject);
  });
}
