// @rejoin/client: a player's seat, kept across lost connections.

export type { Pace } from "./backoff.js";
export type { Clock } from "./clock.js";
export type { State, Status } from "./connection.js";
export type { TokenSource } from "./credential.js";
export { RejoinError } from "./error.js";
export type { GameEvent, Player, Presence, Summary, TimeControl, Timer } from "./frames.js";
export type { Position, Resync } from "./history.js";
export type { JoinOptions, Refused, Replay, SeatEvents } from "./options.js";
export type { Pending } from "./outbox.js";
export { Rejoin } from "./rejoin.js";
export type { Seat } from "./seat.js";
export type { Storage } from "./storage.js";
