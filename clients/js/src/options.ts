// What an application says when it joins, and what it may listen to.

import type { Pace } from "./backoff.js";
import type { Status } from "./connection.js";
import type { TokenSource } from "./credential.js";
import type { RejoinError } from "./error.js";
import type { GameEvent, Presence, Timer } from "./frames.js";
import type { Resync } from "./history.js";
import type { SocketClass } from "./link.js";
import type { Pending } from "./outbox.js";
import type { Storage } from "./storage.js";

export interface JoinOptions {
  /** Where the service is: `wss://host`, `https://host`, with a path before `/ws/game` or not. Relative to the page, in a page. */
  url: string;
  gameId: string;
  /** An access token, or a function that gets one; it is asked anew whenever one is needed. */
  token: TokenSource;
  /** `player` where left out. */
  role?: "player" | "spectator";
  /** Whether what the listeners have seen is acknowledged by itself: `auto` where left out. */
  acknowledge?: "auto" | "manual";
  /** What outlives the page; null for nothing. Left out: the tab's `sessionStorage`, where there is one. */
  storage?: Storage | null;
  /** 250 ms, 20 s and 30 s where left out. */
  reconnect?: Partial<Pace>;
  /** The runtime's own where left out. Node 20 has none: pass that of `ws`. */
  WebSocket?: unknown;
  /** Gives up joining, and leaves once joined. */
  signal?: AbortSignal;
}

/** What a seat tells of. */
export interface SeatEvents {
  /** Every event once and in order, live and replayed alike. Waits until somebody listens. */
  event: GameEvent;
  /** A connection begins, and this many missed events follow. */
  replay: Replay;
  /** What was known before is not the whole. */
  resync: Resync;
  presence: Presence;
  /** What the clocks show; `seat.clock()` counts on from there. */
  time: Timer;
  status: Status;
  /** A move was given up, also one that a page before this one has sent. */
  refused: Refused;
}

export interface Replay {
  /** The last event before them. */
  from: number;
  count: number;
  /** Whether they are all that was missed. */
  recovered: boolean;
}

export interface Refused extends Pending {
  error: RejoinError;
}

/** Resolves what was left out. */
export function socketClass(given: unknown): SocketClass | undefined {
  return (given ?? globalThis.WebSocket) as SocketClass | undefined;
}
