// What goes over the wire, in plain words: one sentence a frame, and one when a seat is back.

import { nameOf } from "/demo/table.js";

const short = (ref) => (ref ? ref.slice(0, 4) : "");
const some = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;
const seconds = (ms) => (ms < 950 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);
const millis = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : seconds(ms));

function title(type, payload) {
  switch (type) {
    case "move":
      return payload.san;
    case "famous":
      return payload.game === null ? "famous game stopped" : `famous game ${payload.game} begins`;
    case "resign":
      return "resigns";
    case "draw":
      return "draw agreed";
    case "flag_fall":
      return `the flag of ${nameOf(payload.userId)} has fallen`;
    default:
      return type;
  }
}

export class Words {
  #say;
  #userId;
  #sentAt = new Map();
  #dialledAt = 0;
  #lostAt = null;
  #welcomedBefore = false;
  #missing = 0;
  #missed = 0;

  /** `say({kind, text, sequence?, quiet?, replay?})` writes a line. */
  constructor(userId, say) {
    this.#userId = userId;
    this.#say = say;
  }

  frame({ way, frame, at }) {
    if (way === "dial") this.#dialledAt = at;
    if (way === "out") this.#out(frame, at);
    if (way === "in") this.#in(frame, at);
  }

  status({ state, delayMs, code, reason }) {
    if (state === "connected") return;
    this.#lostAt ??= this.#welcomedBefore ? performance.now() : null;
    if (state === "waiting") {
      const why = reason === "cut by hand" ? "The wire is cut." : code ? `The connection is lost (${code}${reason ? `, ${reason}` : ""}).` : "";
      const then = delayMs === undefined ? "Offline: moves wait in the outbox." : `Next try in ${seconds(delayMs)}.`;
      this.#say({ kind: "lost", text: `${why} ${then}`.trim() });
    }
    if (state === "closed") this.#say({ kind: "lost", text: code === 4001 ? "Somebody plays this seat on another device." : `The seat is closed${reason ? `: ${reason}` : ""}.` });
  }

  refused({ payload, type, error }) {
    this.#say({ kind: "bad", text: `${title(type, payload)} was refused for good: ${error.message}` });
  }

  #out({ type, payload, ref }, at) {
    if (type === "ping") return this.#say({ kind: "out", text: "Are you there?", quiet: true });
    if (type === "ack") return this.#say({ kind: "out", text: `Seen up to ${payload.sequence}`, quiet: true });
    const again = this.#sentAt.has(ref);
    if (!again) this.#sentAt.set(ref, at);
    return this.#say({ kind: "out", text: again ? `${title(type, payload)} sent again, with the same ref: it counts once` : `${title(type, payload)} sent, ref ${short(ref)}` });
  }

  #in({ type, payload }, at) {
    switch (type) {
      case "GAME_RESUME":
        return this.#welcome(payload, at);
      case "GAME_REPLAY":
        return this.#replay(payload, at);
      case "GAME_ACK":
        return this.#say({ kind: "in", text: `Acknowledged up to ${payload.sequence}` });
      case "GAME_PRESENCE":
        return this.#say({ kind: "presence", text: `${nameOf(payload.userId)} ${payload.online ? "is here" : "is away"}` });
      case "GAME_TIME":
        return this.#say({ kind: "time", text: `The clocks, by the server: ${Object.entries(payload.remainingMs).map(([user, ms]) => `${nameOf(user)} ${(ms / 1000).toFixed(1)} s`).join(", ")}`, quiet: true });
      case "DRAINING":
        return this.#say({ kind: "lost", text: `The server is about to restart: come back in ${payload.reconnectAfterMs} ms` });
      case "PONG":
        return this.#say({ kind: "in", text: "I am", quiet: true });
      case "ERROR":
        return this.#say({ kind: "bad", text: `Refused: ${payload.code.replaceAll("_", " ")}${payload.retryAfterMs ? `, again in ${payload.retryAfterMs} ms` : ""}` });
    }
    const name = type.replace("GAME_", "").toLowerCase();
    return this.#event(name, payload[name], payload, at);
  }

  #event(type, payload, { sequence, userId, ref }, at) {
    const sentAt = userId === this.#userId ? this.#sentAt.get(ref) : undefined;
    if (sentAt === undefined) {
      this.#say({ kind: "in", text: `${title(type, payload)}${userId ? `, by ${nameOf(userId)}` : ""}`, sequence });
      return;
    }
    this.#sentAt.delete(ref);
    this.#say({ kind: "good", text: `${title(type, payload)} recorded, after ${millis(at - sentAt)}`, sequence });
  }

  #welcome({ lastSequence, headSequence, replayCount, resumed, recovered }, at) {
    this.#missing = this.#missed = replayCount;
    const place = headSequence === 0 ? "nothing has happened yet" : `you have ${lastSequence} of ${headSequence}`;
    this.#say({ kind: "good", text: `${resumed ? "Welcome back, your seat was kept" : "Welcome, this is your seat"}: ${place}` });
    if (!recovered) this.#say({ kind: "bad", text: "Not all that was missed is still there" });
    if (this.#missing === 0) this.#back(at);
  }

  #replay({ sequence, message, userId, ref }, at) {
    const own = userId === this.#userId;
    if (own) this.#sentAt.delete(ref);
    const text = own ? `${title(message.type, message.payload)}, your own: it had arrived` : `${title(message.type, message.payload)}, missed${userId ? `, by ${nameOf(userId)}` : ""}`;
    this.#say({ kind: "replay", text, sequence });
    this.#missing -= 1;
    if (this.#missing === 0) this.#back(at);
  }

  /** Everything missed is here. */
  #back(at) {
    if (this.#welcomedBefore && this.#lostAt !== null) {
      const missed = this.#missed === 0 ? "missed nothing" : `missed ${some(this.#missed, "event")}, all here`;
      this.#say({ kind: "back", text: `Was away ${seconds(at - this.#lostAt)}, ${missed} in ${millis(at - this.#dialledAt)}` });
    }
    this.#welcomedBefore = true;
    this.#lostAt = null;
  }
}
