// The frames of the protocol, read and written. What this client does not know is left out, as the protocol asks.

/** One recorded event, live or replayed. */
export interface GameEvent {
  /** Its place in the game: 1, 2, 3, … */
  sequence: number;
  /** As it was sent: `move`, `chat`, … */
  type: string;
  payload: unknown;
  /** Who sent it; null for the service itself. */
  userId: string | null;
  /** What its sender called it. */
  ref?: string;
  /** When it was recorded, in milliseconds since 1970. */
  createdAt: number;
  /** Whether it was missed, and came later. */
  replayed: boolean;
}

export interface Player {
  userId: string;
  online: boolean;
  lastAckSequence: number;
}

/** The state of a game at one sequence, as its backend vouched for it. */
export interface Summary {
  sequence: number;
  state: unknown;
}

/** What the clocks showed at `serverTime`. */
export interface Timer {
  active: string | null;
  remainingMs: Record<string, number>;
  paused: boolean;
  config: TimeControl;
  serverTime: number;
}

export interface TimeControl {
  preset: string;
  totalTimeMs: number;
  incrementMs: number;
  delayMs: number;
  turnTypes: string[];
  onDisconnect: "run" | "pause";
  graceMs: number;
}

export interface Presence {
  userId: string;
  online: boolean;
  at: number;
}

/** `GAME_RESUME`, as far as the client uses it. */
export interface Welcome {
  userId: string;
  role: "player" | "spectator";
  sessionId: string | null;
  token: string | null;
  lastSequence: number;
  headSequence: number;
  epoch: string;
  recovered: boolean;
  heartbeatIntervalMs: number;
  maxMessageBytes: number;
  serverTime: number;
  timer?: Timer;
  summary?: Summary;
  players: Player[];
}

/** Why the server refused a message. */
export interface Refusal {
  code: string;
  message: string;
  ref?: string;
  retryAfterMs?: number;
  headSequence?: number;
}

export type Frame =
  | { kind: "welcome"; welcome: Welcome }
  | { kind: "event"; event: GameEvent }
  | { kind: "ack"; sequence: number }
  | { kind: "presence"; presence: Presence }
  | { kind: "time"; timer: Timer }
  | { kind: "draining"; reconnectAfterMs: number }
  | { kind: "pong"; n: unknown; serverTime: number }
  | { kind: "refusal"; refusal: Refusal };

/** Reads a frame; undefined for one this client does not know. Throws a SyntaxError for what is no JSON. */
export function read(text: string): Frame | undefined {
  const { type, payload } = JSON.parse(text);
  if (typeof type !== "string" || typeof payload !== "object" || payload === null) return undefined;
  switch (type) {
    case "GAME_RESUME":
      return { kind: "welcome", welcome: payload };
    case "GAME_REPLAY":
      return event(payload, payload.message.type, payload.message.payload, true);
    case "GAME_ACK":
      return { kind: "ack", sequence: payload.sequence };
    case "GAME_PRESENCE":
      return { kind: "presence", presence: { userId: payload.userId, online: payload.online, at: payload.at } };
    case "GAME_TIME":
      return { kind: "time", timer: payload };
    case "DRAINING":
      return { kind: "draining", reconnectAfterMs: payload.reconnectAfterMs };
    case "PONG":
      return { kind: "pong", n: payload.n, serverTime: payload.serverTime };
    case "ERROR":
      return { kind: "refusal", refusal: payload };
  }
  if (!type.startsWith("GAME_")) return undefined;
  const name = type.slice("GAME_".length).toLowerCase();
  return event(payload, name, payload[name], false);
}

/** A `GAME_…` without a sequence is none of an event, but something of a later server. */
function event(from: any, type: string, payload: unknown, replayed: boolean): Frame | undefined {
  const { sequence, userId, ref, createdAt } = from;
  if (!Number.isSafeInteger(sequence) || sequence < 1) return undefined;
  return { kind: "event", event: { sequence, type, payload, userId, ...(ref !== undefined && { ref }), createdAt, replayed } };
}

export function ack(sequence: number): string {
  return JSON.stringify({ type: "ack", payload: { sequence } });
}

export function ping(n: number): string {
  return JSON.stringify({ type: "ping", payload: { n } });
}
