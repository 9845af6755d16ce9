// @rejoin/client in one file, made by `npm run bundle` in clients/js: change it there.

// src/error.ts
var RejoinError = class _RejoinError extends Error {
  name = "RejoinError";
  code;
  retryAfterMs;
  headSequence;
  closeCode;
  constructor(code, message, facts = {}) {
    super(message, facts.cause === void 0 ? void 0 : { cause: facts.cause });
    this.code = code;
    if (facts.retryAfterMs !== void 0) this.retryAfterMs = facts.retryAfterMs;
    if (facts.headSequence !== void 0) this.headSequence = facts.headSequence;
    if (facts.closeCode !== void 0) this.closeCode = facts.closeCode;
  }
  /** The error of a seat that the server has closed for good. */
  static ofEnding({ code, reason }) {
    const name = reason.toLowerCase().replace(/[^a-z]+/g, "_") || `closed_${code}`;
    return new _RejoinError(name, `the server closed with ${code} \`${reason}\``, { closeCode: code });
  }
};

// src/address.ts
var PATH = "/ws/game";
function endpoint(url) {
  const endpoint2 = new URL(url, globalThis.location?.href);
  endpoint2.protocol = endpoint2.protocol.replace(/^http/, "ws");
  endpoint2.hash = "";
  const path = endpoint2.pathname.replace(/\/+$/, "");
  endpoint2.pathname = path.endsWith(PATH) ? path : path + PATH;
  return endpoint2;
}
function address(endpoint2, gameId, role, position) {
  const url = new URL(endpoint2);
  url.searchParams.set("gameId", gameId);
  if (role === "spectator") url.searchParams.set("role", role);
  if (position) {
    url.searchParams.set("after", String(position.sequence));
    url.searchParams.set("epoch", position.epoch);
  }
  return url.href;
}

// src/backoff.ts
var DEFAULT_PACE = { baseMs: 250, capMs: 2e4, resetAfterMs: 3e4 };
var Backoff = class {
  #failures = 0;
  #pace;
  #random;
  constructor(pace, random) {
    this.#pace = pace;
    this.#random = random;
  }
  /** Counts a failure and returns how long to wait now. `heldMs` is how long what just ended had held. */
  pause(heldMs) {
    const { baseMs, capMs, resetAfterMs } = this.#pace;
    if (heldMs >= resetAfterMs) this.reset();
    const ceiling = Math.min(baseMs * 2 ** this.#failures, capMs);
    this.#failures += 1;
    return this.#random() * ceiling;
  }
  reset() {
    this.#failures = 0;
  }
};

// src/ending.ts
function advice({ code }) {
  return [1e3, 1003, 1008, 1009, 4001].includes(code) ? "stop" : "reconnect";
}
function refusesResumeToken({ code, reason }) {
  return code === 1008 && (reason === "Session expired" || reason === "Invalid resume token");
}
function lost(reason) {
  return { code: 1006, reason };
}

// src/credential.ts
var Credential = class {
  #source;
  #resumeToken;
  #first;
  #fellBack = false;
  constructor(source) {
    this.#source = source;
  }
  /** The newest that the server gave. */
  get resumeToken() {
    return this.#resumeToken;
  }
  /** The user who comes, as the first access token says. */
  async userId() {
    this.#first = await this.#access();
    return userOf(this.#first);
  }
  /** What to offer as a subprotocol: tokens stay out of URLs, and so out of logs. */
  async protocol() {
    if (this.#resumeToken !== void 0) return `resume.${this.#resumeToken}`;
    const first = this.#first;
    this.#first = void 0;
    return `bearer.${first ?? await this.#access()}`;
  }
  /** Takes the token that the server gave, which voids the one before. */
  replace(resumeToken) {
    this.#resumeToken = resumeToken;
  }
  /**
   * Whether an access token may still open what a resume token did not. Once: whoever is refused with both has to be told,
   * not to try in circles.
   */
  fallsBack(ending) {
    if (this.#resumeToken === void 0 || this.#fellBack || !refusesResumeToken(ending)) return false;
    this.#resumeToken = void 0;
    this.#first = void 0;
    this.#fellBack = true;
    return true;
  }
  /** A connection has held: the next refusal is a new matter. */
  held() {
    this.#fellBack = false;
  }
  async #access() {
    return typeof this.#source === "string" ? this.#source : this.#source();
  }
};
function userOf(accessToken) {
  try {
    const body = accessToken.split(".")[1] ?? "";
    const claims = JSON.parse(atob(body.replaceAll("-", "+").replaceAll("_", "/")));
    return String(claims.sub ?? claims.userId ?? "");
  } catch {
    return "";
  }
}

// src/options.ts
function socketClass(given) {
  return given ?? globalThis.WebSocket;
}

// src/frames.ts
function read(text) {
  const { type, payload } = JSON.parse(text);
  if (typeof type !== "string" || typeof payload !== "object" || payload === null) return void 0;
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
  if (!type.startsWith("GAME_")) return void 0;
  const name = type.slice("GAME_".length).toLowerCase();
  return event(payload, name, payload[name], false);
}
function event(from, type, payload, replayed) {
  const { sequence, userId, ref, createdAt } = from;
  if (!Number.isSafeInteger(sequence) || sequence < 1) return void 0;
  return { kind: "event", event: { sequence, type, payload, userId, ...ref !== void 0 && { ref }, createdAt, replayed } };
}
function ack(sequence) {
  return JSON.stringify({ type: "ack", payload: { sequence } });
}
function ping(n) {
  return JSON.stringify({ type: "ping", payload: { n } });
}

// src/acknowledging.ts
var GATHER_MS = 200;
var RETRY_MS = 1e3;
var Acknowledging = class {
  #surroundings;
  #send;
  #isOpen = false;
  #wanted = 0;
  #said = 0;
  #confirmed = 0;
  #stopTimer;
  constructor(surroundings2, send) {
    this.#surroundings = surroundings2;
    this.#send = send;
  }
  /** The last that the server is known to have. */
  get confirmed() {
    return this.#confirmed;
  }
  /** Everything up to here has been processed. */
  want(sequence) {
    this.#wanted = Math.max(this.#wanted, sequence);
    if (this.#isOpen && this.#wanted > this.#said) this.#schedule(GATHER_MS);
  }
  /** Begins a connection whose server knows of this much. */
  begin(confirmed) {
    this.#confirmed = confirmed;
    this.#said = confirmed;
  }
  /** Says what the server does not know, and goes on. */
  open() {
    this.#isOpen = true;
    this.flush();
  }
  close() {
    this.#clear();
    this.#isOpen = false;
  }
  /** Another life of the game counts from the start. */
  forget() {
    this.#wanted = 0;
  }
  confirm(sequence) {
    this.#confirmed = Math.max(this.#confirmed, sequence);
  }
  /** The server did not take one. */
  refuse({ code, retryAfterMs }) {
    if (this.#said === this.#confirmed) return;
    this.#said = this.#confirmed;
    if (code === "invalid_ack") this.#wanted = this.#confirmed;
    else this.#schedule(retryAfterMs ?? RETRY_MS);
  }
  /** Says now what is to be said. */
  flush() {
    this.#clear();
    if (!this.#isOpen || this.#wanted <= this.#said) return;
    this.#said = this.#wanted;
    this.#send(ack(this.#wanted));
  }
  #schedule(ms) {
    this.#stopTimer ??= this.#surroundings.later(ms, () => this.flush());
  }
  #clear() {
    this.#stopTimer?.();
    this.#stopTimer = void 0;
  }
};

// src/clock.ts
var SAMPLES = 8;
var WEIGHT = 0.25;
var ServerClock = class {
  #now;
  #samples = [];
  #offsetMs = 0;
  #latencyMs;
  #timer;
  #delayLeftMs = 0;
  constructor(now) {
    this.#now = now;
  }
  /** The round trip of pings, smoothed; undefined before the first. */
  get latencyMs() {
    return this.#latencyMs;
  }
  /** Begins a connection: another server may answer it, and the machine may have slept. */
  begin(serverTime) {
    this.#samples = [];
    this.#offsetMs = serverTime - this.#now();
  }
  /** Learns from a ping. The server read its clock about half way between. */
  measured(sentAt, receivedAt, serverTime) {
    const roundTripMs = receivedAt - sentAt;
    const offsetMs = serverTime - (sentAt + receivedAt) / 2;
    this.#samples = [...this.#samples, { roundTripMs, offsetMs }].slice(-SAMPLES);
    this.#offsetMs = this.#samples.reduce((best, next) => next.roundTripMs < best.roundTripMs ? next : best).offsetMs;
    this.#latencyMs ??= roundTripMs;
    this.#latencyMs += WEIGHT * (roundTripMs - this.#latencyMs);
  }
  /** Takes what the server says the clocks show. */
  show(timer) {
    this.#delayLeftMs = timer ? this.#delayLeft(timer) : 0;
    this.#timer = timer;
  }
  /** What the clocks show now. */
  read() {
    if (!this.#timer) return void 0;
    const { active, paused, config, serverTime } = this.#timer;
    const remainingMs = { ...this.#timer.remainingMs };
    const left = active === null ? void 0 : remainingMs[active];
    if (active !== null && left !== void 0 && !paused) {
      const elapsedMs = Math.max(0, this.#now() + this.#offsetMs - serverTime - this.#delayLeftMs);
      remainingMs[active] = Math.max(0, left - elapsedMs);
    }
    return { active, remainingMs, paused, config };
  }
  /** What is left of the turn's delay: snapshots do not tell, but two in a row do. */
  #delayLeft(timer) {
    const before = this.#timer;
    if (!before || timer.active === null) return 0;
    const now = timer.remainingMs[timer.active] ?? 0;
    const then = before.remainingMs[timer.active] ?? 0;
    if (before.active !== timer.active || now > then) return timer.config.delayMs;
    if (now < then) return 0;
    const ranMs = before.paused ? 0 : timer.serverTime - before.serverTime;
    return Math.max(0, this.#delayLeftMs - ranMs);
  }
};

// src/link.ts
var OPEN = 1;
var Link = class {
  #socket;
  /** Dials. Throws where the address cannot be dialled at all. */
  constructor(Class, address2, heard, ended) {
    const socket = new Class(address2.url, address2.protocols);
    socket.onmessage = ({ data }) => heard(data);
    socket.onclose = ({ code, reason }) => {
      this.#silence();
      ended({ code, reason });
    };
    socket.onerror = () => {
    };
    this.#socket = socket;
  }
  /** What cannot be sent now is lost with the link. */
  send(text) {
    if (this.#socket.readyState === OPEN) this.#socket.send(text);
  }
  /** Says goodbye. */
  close() {
    this.#silence();
    this.#socket.close(1e3);
  }
  /** Drops the connection without goodbye, as far as the runtime lets us. */
  cut() {
    this.#silence();
    if (this.#socket.terminate) this.#socket.terminate();
    else this.#socket.close();
  }
  /** Errors stay caught: `ws` throws where nobody takes them. */
  #silence() {
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
  }
};

// src/connection.ts
var PATIENCE_MS = 1e4;
var Connection = class {
  #surroundings;
  #Socket;
  #calls;
  #backoff;
  #resetAfterMs;
  #state = "connecting";
  #attempt = 0;
  #dialling;
  #link;
  #connectedAt;
  #drainingMs;
  #isPaused = false;
  /** A pause that the server asked for is not cut short. */
  #isAdvised = false;
  #stopTimer = () => {
  };
  #unwatch = () => {
  };
  constructor(surroundings2, Socket, pace, calls) {
    this.#surroundings = surroundings2;
    this.#Socket = Socket;
    this.#calls = calls;
    this.#backoff = new Backoff(pace, surroundings2.random);
    this.#resetAfterMs = pace.resetAfterMs;
  }
  get state() {
    return this.#state;
  }
  start() {
    this.#unwatch = this.#surroundings.watch((news) => {
      if (this.#state === "connected") this.#calls.doubted();
      else if (news === "back" && this.#state === "waiting" && !this.#isPaused && !this.#isAdvised) this.#dial();
    });
    this.#dial();
  }
  send(text) {
    this.#link?.send(text);
  }
  /** The server has said its first word. */
  welcomed() {
    this.#stopTimer();
    this.#connectedAt = this.#surroundings.now();
    this.#become("connected");
    this.#attempt = 0;
  }
  /** The server is about to go; the next try waits that long. */
  draining(reconnectAfterMs) {
    this.#drainingMs = reconnectAfterMs;
  }
  /** Drops the connection, or the try, as a lost network would. */
  cut(reason) {
    if (this.#state !== "connecting" && this.#state !== "connected") return;
    this.#link?.cut();
    this.#over(lost(reason));
  }
  /** Drops the connection and dials at once. */
  renew() {
    if (this.#state !== "connected") return;
    this.#link?.cut();
    this.#drop();
    this.#dial();
  }
  /** Goes, and stays away until resumed. */
  pause() {
    if (this.#state === "closed" || this.#isPaused) return;
    this.#isPaused = true;
    this.#link?.close();
    this.#drop();
    this.#attempt = 0;
    this.#become("waiting");
  }
  resume() {
    if (this.#state === "closed" || !this.#isPaused) return;
    this.#isPaused = false;
    this.#dial();
  }
  /** Goes for good. Returns whether it had not gone before. */
  close(ending) {
    if (this.#state === "closed") return false;
    this.#link?.close();
    this.#drop();
    this.#unwatch();
    this.#become("closed", ending);
    return true;
  }
  #dial() {
    this.#stopTimer();
    const dialling = this.#dialling = {};
    const isCurrent = () => this.#dialling === dialling;
    this.#attempt += 1;
    this.#stopTimer = this.#surroundings.later(PATIENCE_MS, () => this.cut("no answer in time"));
    this.#become("connecting");
    if (!isCurrent()) return;
    this.#calls.address().then(
      (address2) => isCurrent() && this.#open(address2),
      (cause) => isCurrent() && this.cut(`no token: ${cause}`)
    );
  }
  #open(address2) {
    try {
      this.#link = new Link(this.#Socket, address2, this.#calls.heard, (ending) => this.#over(ending));
    } catch (cause) {
      this.#stop(lost(String(cause)), new RejoinError("invalid_options", `cannot dial: ${cause}`, { cause }));
    }
  }
  #over(ending) {
    const heldMs = this.#connectedAt === void 0 ? 0 : this.#surroundings.now() - this.#connectedAt;
    const drainingMs = this.#drainingMs;
    this.#drop();
    if (heldMs >= this.#resetAfterMs) this.#calls.held();
    if (advice(ending) === "stop") {
      if (this.#calls.fallsBack(ending)) return this.#dial();
      return this.#stop(ending, RejoinError.ofEnding(ending));
    }
    this.#isAdvised = drainingMs !== void 0;
    const delayMs = drainingMs ?? this.#backoff.pause(heldMs);
    this.#stopTimer = this.#surroundings.later(delayMs, () => this.#dial());
    this.#become("waiting", ending, delayMs);
  }
  #stop(ending, error) {
    if (this.close(ending)) this.#calls.ended(error);
  }
  /** Forgets the connection, or the try. */
  #drop() {
    this.#stopTimer();
    this.#link = void 0;
    this.#dialling = void 0;
    this.#connectedAt = void 0;
    this.#drainingMs = void 0;
    this.#calls.lost();
  }
  #become(state, ending, delayMs) {
    this.#state = state;
    this.#calls.changed({ state, attempt: this.#attempt, ...delayMs !== void 0 && { delayMs }, ...ending });
  }
};

// src/delivery.ts
var CAPACITY = 1e3;
var Delivery = class {
  #isHeard;
  #deliver;
  #refill;
  #waiting = [];
  #isOverflown = false;
  #isDelivering = false;
  /** `refill` is called when what did not fit has to be asked for again. */
  constructor(isHeard, deliver, refill) {
    this.#isHeard = isHeard;
    this.#deliver = deliver;
    this.#refill = refill;
  }
  /** Whether it takes one more. Once it does not, nothing that comes before `refill` may count as received. */
  hasRoom() {
    this.#isOverflown ||= this.#waiting.length >= CAPACITY;
    return !this.#isOverflown;
  }
  offer(item) {
    this.#waiting.push(item);
    this.pump();
  }
  /** Delivers what waits, as far as somebody listens. */
  pump() {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (this.#waiting.length > 0 && this.#isHeard()) this.#deliver(this.#waiting.shift());
    this.#isDelivering = false;
    if (this.#isOverflown && this.#waiting.length === 0) {
      this.#isOverflown = false;
      this.#refill();
    }
  }
  /** Drops what waits. */
  clear() {
    this.#waiting = [];
  }
};

// src/emitter.ts
var Emitter = class {
  #listeners = /* @__PURE__ */ new Map();
  /** Adds a listener; returns how to remove it. */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? /* @__PURE__ */ new Set();
    this.#listeners.set(name, listeners);
    const own = (value) => listener(value);
    listeners.add(own);
    return () => listeners.delete(own);
  }
  has(name) {
    return (this.#listeners.get(name)?.size ?? 0) > 0;
  }
  emit(name, value) {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
};

// src/heartbeat.ts
var SILENT_PINGS = 2;
var PROBE_MS = 3e3;
var Heartbeat = class {
  #surroundings;
  #beat;
  #intervalMs = 1e4;
  #stopTimer = () => {
  };
  #sent = 0;
  #sentAt = /* @__PURE__ */ new Map();
  #unanswered = 0;
  constructor(surroundings2, beat) {
    this.#surroundings = surroundings2;
    this.#beat = beat;
  }
  start(intervalMs) {
    this.stop();
    this.#intervalMs = intervalMs;
    this.#ping(intervalMs);
  }
  stop() {
    this.#stopTimer();
    this.#sentAt.clear();
    this.#unanswered = 0;
  }
  /** A frame of any kind came. */
  heard() {
    this.#unanswered = 0;
  }
  pong(n, serverTime) {
    const sentAt = this.#sentAt.get(n);
    if (sentAt === void 0) return;
    this.#sentAt.delete(n);
    this.#beat.measured(sentAt, this.#surroundings.now(), serverTime);
  }
  /** Asks whether anybody is there, and takes no answer for a no sooner than usual. */
  probe() {
    this.#unanswered = SILENT_PINGS - 1;
    this.#ping(Math.min(PROBE_MS, this.#intervalMs));
  }
  #ping(waitMs) {
    this.#stopTimer();
    this.#sent += 1;
    this.#unanswered += 1;
    this.#sentAt.set(this.#sent, this.#surroundings.now());
    this.#beat.send(ping(this.#sent));
    this.#stopTimer = this.#surroundings.later(waitMs, () => {
      if (this.#unanswered >= SILENT_PINGS) this.#beat.silent();
      else this.#ping(this.#intervalMs);
    });
  }
};

// src/history.ts
var History = class {
  #last = 0;
  #epoch;
  #missedAfter;
  /** Goes on from here, where something is known already. */
  constructor(known) {
    this.#last = known?.sequence ?? 0;
    this.#epoch = known?.epoch;
  }
  /** What has arrived up to now; undefined before the first connection. */
  get position() {
    return this.#epoch === void 0 ? void 0 : { sequence: this.#last, epoch: this.#epoch };
  }
  /** Begins a connection. */
  begin(welcome) {
    const { epoch, lastSequence, headSequence, recovered, summary } = welcome;
    const [held, last] = [this.#epoch, this.#last];
    this.#epoch = epoch;
    const isOtherLife = held !== void 0 && (held !== epoch || headSequence < last);
    const isWhole = held === void 0 ? lastSequence === 0 && !summary : !isOtherLife && lastSequence <= last;
    if (isWhole) return void 0;
    this.#last = lastSequence;
    const reason = isOtherLife ? "epoch" : !recovered || summary ? "floor" : "gap";
    return { reason, ...summary && { summary }, position: { sequence: lastSequence, epoch } };
  }
  /** Takes the next event's sequence. */
  take(sequence) {
    if (sequence <= this.#last) return "known";
    if (sequence > this.#last + 1) return "gap";
    this.#last = sequence;
    return "new";
  }
  /**
   * Whether a gap after the last event is worth another connection: the first time. What a second one does not bring
   * either, nobody has.
   */
  isWorthAsking() {
    if (this.#missedAfter === this.#last) return false;
    this.#missedAfter = this.#last;
    return true;
  }
  /** Takes an event although something before it is missing. */
  skipTo(sequence) {
    this.#last = sequence;
    return { reason: "gap", position: { sequence: sequence - 1, epoch: this.#epoch ?? "" } };
  }
};

// src/outbox.ts
var CAPACITY2 = 256;
var PASSING = ["rate_limited", "backpressure", "unavailable", "unknown", "internal"];
var INTERNAL_TRIES = 5;
var Outbox = class {
  #surroundings;
  #post;
  #backoff;
  #letters = [];
  #maxBytes;
  #isUnderWay = false;
  #stopTimer = () => {
  };
  constructor(surroundings2, post) {
    this.#surroundings = surroundings2;
    this.#post = post;
    this.#backoff = new Backoff(DEFAULT_PACE, surroundings2.random);
  }
  /** The moves as they are sent, oldest first. */
  get texts() {
    return this.#letters.map((letter) => letter.text);
  }
  get pending() {
    return this.texts.map((text) => JSON.parse(text));
  }
  /** Takes back what another page has not seen confirmed. */
  restore(texts) {
    const ignore = () => {
    };
    this.#letters = texts.map((text) => ({ ref: JSON.parse(text).ref, text, tries: 0, resolve: ignore, reject: ignore }));
  }
  /** Sends a move as soon as it can; resolves with the event as everybody sees it. */
  add(pending) {
    if (this.#letters.length >= CAPACITY2) {
      return Promise.reject(new RejoinError("outbox_full", `${CAPACITY2} moves are waiting already`));
    }
    const text = JSON.stringify(pending);
    const sent = new Promise((resolve, reject) => {
      this.#letters.push({ ref: pending.ref, text, tries: 0, resolve, reject });
    });
    this.#post.changed();
    this.#flush();
    return sent;
  }
  /** There is a connection, and it has delivered what was missed: what that did not confirm is not recorded. */
  open(maxBytes) {
    if (this.#maxBytes !== void 0) return;
    this.#maxBytes = maxBytes;
    this.#flush();
  }
  /** There is none. */
  close() {
    this.#stopTimer();
    this.#maxBytes = void 0;
    this.#isUnderWay = false;
  }
  /** An event of ours has come, new or again. */
  confirm(event2) {
    const letter = this.#take(event2.ref);
    if (!letter) return;
    this.#backoff.reset();
    this.#post.changed();
    letter.resolve(event2);
    this.#flush();
  }
  refuse(refusal) {
    const letter = this.#letters[0];
    if (!letter || !this.#isUnderWay || refusal.ref !== letter.ref) return;
    letter.tries += 1;
    const passes = PASSING.includes(refusal.code) && (refusal.code !== "internal" || letter.tries < INTERNAL_TRIES);
    if (!passes) return this.#giveUp(letter, new RejoinError(refusal.code, refusal.message, refusal));
    const pauseMs = refusal.retryAfterMs ?? this.#backoff.pause(0);
    this.#stopTimer();
    this.#stopTimer = this.#surroundings.later(pauseMs, () => {
      this.#isUnderWay = false;
      this.#flush();
    });
  }
  /** Gives up everything. */
  abandon(error) {
    for (const letter of [...this.#letters]) this.#giveUp(letter, error);
  }
  #flush() {
    const letter = this.#letters[0];
    if (!letter || this.#isUnderWay || this.#maxBytes === void 0) return;
    const bytes = new TextEncoder().encode(letter.text).length;
    if (bytes > this.#maxBytes) {
      const said = `the message has ${bytes} bytes, and ${this.#maxBytes} are allowed`;
      return this.#giveUp(letter, new RejoinError("too_large", said));
    }
    this.#isUnderWay = true;
    this.#post.send(letter.text);
  }
  #giveUp(letter, error) {
    if (!this.#take(letter.ref)) return;
    this.#post.changed();
    letter.reject(error);
    this.#post.refused(JSON.parse(letter.text), error);
    this.#flush();
  }
  #take(ref) {
    const index = this.#letters.findIndex((letter) => letter.ref === ref);
    if (index === 0) {
      this.#stopTimer();
      this.#isUnderWay = false;
    }
    return index < 0 ? void 0 : this.#letters.splice(index, 1)[0];
  }
};
function freshRef() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// src/seat.ts
var Seat = class {
  gameId;
  #making;
  #emitter = new Emitter();
  #connection;
  #history;
  #delivery;
  #outbox;
  #acks;
  #heartbeat;
  #clock;
  #joined;
  #welcomedFirst = () => {
  };
  #refusedFirst = (_) => {
  };
  #saved;
  #position;
  #welcome;
  #players = [];
  #head = 0;
  /** The last event that came on this connection, delivered or not. */
  #seen = 0;
  /** Whether this connection's token is kept, so that the one before it may be used up. */
  #isProven = false;
  #end;
  constructor(making, surroundings2) {
    this.#making = making;
    this.gameId = making.gameId;
    this.#saved = making.restored?.saved;
    this.#position = this.#saved?.position ?? { sequence: 0, epoch: "" };
    this.#history = new History(this.#saved?.position);
    this.#joined = new Promise((resolve, reject) => {
      this.#welcomedFirst = resolve;
      this.#refusedFirst = reject;
    });
    this.#clock = new ServerClock(surroundings2.now);
    this.#delivery = new Delivery(
      () => this.#emitter.has("event") && this.state !== "closed",
      (item) => this.#deliver(item),
      () => this.#connection.renew()
    );
    const send = (text) => this.#connection.send(text);
    this.#acks = new Acknowledging(surroundings2, send);
    this.#outbox = new Outbox(surroundings2, {
      send,
      changed: () => void this.#keep(),
      refused: (pending, error) => this.#emitter.emit("refused", { ...pending, error })
    });
    this.#outbox.restore(making.restored?.outbox ?? []);
    this.#heartbeat = new Heartbeat(surroundings2, {
      send,
      measured: (sentAt, receivedAt, serverTime) => this.#clock.measured(sentAt, receivedAt, serverTime),
      silent: () => this.#connection.cut("nothing was heard of the server")
    });
    this.#connection = new Connection(surroundings2, making.Socket, making.pace, {
      address: async () => ({
        url: address(making.endpoint, making.gameId, making.role, this.#history.position),
        protocols: ["rejoin.v1", await making.credential.protocol()]
      }),
      heard: (text) => this.#heard(text),
      lost: () => this.#lost(),
      doubted: () => this.#isProven && this.#heartbeat.probe(),
      held: () => making.credential.held(),
      fallsBack: (ending) => making.credential.fallsBack(ending),
      changed: (status) => this.#emitter.emit("status", status),
      ended: (error) => void this.#finish(error)
    });
  }
  /** Comes in. Resolves once the server has welcomed us; tries on until then, unless the answer forbids it. */
  enter() {
    this.#connection.start();
    return this.#joined;
  }
  get userId() {
    return this.#welcome?.userId ?? "";
  }
  /** Null for a spectator. */
  get sessionId() {
    return this.#welcome?.sessionId ?? null;
  }
  get role() {
    return this.#welcome?.role ?? this.#making.role;
  }
  /** Who plays, whether they are there, and what they have acknowledged, as last heard. */
  get players() {
    return this.#players.map((player) => ({ ...player }));
  }
  get state() {
    return this.#connection.state;
  }
  /** The last event that listeners were given. */
  get position() {
    return { ...this.#position };
  }
  /** The highest sequence the server is known to have. */
  get head() {
    return this.#head;
  }
  /** The last acknowledgement the server is known to have. */
  get acknowledged() {
    return this.#acks.confirmed;
  }
  /** Moves not confirmed, oldest first. */
  get pending() {
    return this.#outbox.pending;
  }
  /** Milliseconds of a round trip, smoothed; undefined before the first ping is answered. */
  get latency() {
    return this.#clock.latencyMs;
  }
  /** What a page before this one has saved; `position` is where it was then. */
  get restored() {
    const state = this.#making.restored?.saved?.state;
    return state === void 0 ? void 0 : JSON.parse(state);
  }
  /** Adds a listener; returns how to remove it. */
  on(name, listener) {
    const off = this.#emitter.on(name, listener);
    queueMicrotask(() => this.#delivery.pump());
    return off;
  }
  /**
   * Records an event. Kept in order, and across connections, until it is confirmed: resolves with the event as everybody
   * sees it. Rejects with a RejoinError where it is refused for good, or the seat ends first.
   */
  send(type, payload = {}, options = {}) {
    const sent = this.#send(type, payload, options);
    sent.catch(() => {
    });
    return sent;
  }
  /** Says that everything up to this event has been processed. Throws where it was not delivered yet. */
  acknowledge(sequence) {
    if (sequence > this.#position.sequence) {
      throw new RejoinError("invalid_ack", `event ${sequence} was not delivered, only ${this.#position.sequence}`);
    }
    if (this.role === "spectator") throw new RejoinError("forbidden", "a spectator acknowledges nothing");
    this.#acks.want(sequence);
  }
  /**
   * Keeps the application's state as of the present position for the page after this one. From the first time on, only what
   * has been saved is acknowledged by itself. Returns whether it is kept; without a storage it is not.
   */
  async save(state) {
    if (!this.#making.shelf.isThere) return false;
    const saved = { state: JSON.stringify(state), position: this.position };
    this.#saved = saved;
    const isKept = await this.#keep();
    if (isKept) this.#processed(saved.position.sequence);
    return isKept;
  }
  /** The clocks as of now, by the server's time; undefined in a game without. */
  clock() {
    return this.#clock.read();
  }
  /** Cuts the connection as a lost network would. It comes back by itself. */
  disconnect() {
    this.#connection.cut("cut by hand");
  }
  /** Goes, and stays away until `resume`. What is sent meanwhile waits. */
  pause() {
    this.#connection.pause();
  }
  resume() {
    this.#connection.resume();
  }
  /** Goes for good; what is not confirmed is given up. `forget` also removes what the storage has. */
  async leave({ forget = false } = {}) {
    this.#acks.flush();
    this.#connection.close();
    await this.#finish(this.#end ?? new RejoinError("left", "the seat was left"), forget);
  }
  async #send(type, payload, { expect, next }) {
    if (this.#end) throw this.#end;
    const named = { ref: freshRef(), type, payload };
    return this.#outbox.add({ ...named, ...expect !== void 0 && { expect }, ...next !== void 0 && { next } });
  }
  #heard(text) {
    let frame;
    try {
      frame = read(text);
    } catch {
      return this.#connection.cut("a frame that is no JSON");
    }
    this.#heartbeat.heard();
    if (!frame) return;
    if (frame.kind === "welcome") return this.state === "connecting" ? this.#welcomed(frame.welcome) : void 0;
    if (this.state !== "connected") return;
    switch (frame.kind) {
      case "event":
        return this.#arrived(frame.event);
      case "ack":
        this.#acks.confirm(frame.sequence);
        return this.#note(this.userId, { lastAckSequence: this.#acks.confirmed });
      case "presence":
        this.#note(frame.presence.userId, { online: frame.presence.online });
        return this.#emitter.emit("presence", frame.presence);
      case "time":
        this.#clock.show(frame.timer);
        return this.#emitter.emit("time", frame.timer);
      case "draining":
        return this.#connection.draining(frame.reconnectAfterMs);
      case "pong":
        return this.#heartbeat.pong(frame.n, frame.serverTime);
      case "refusal":
        this.#head = Math.max(this.#head, frame.refusal.headSequence ?? 0);
        return frame.refusal.ref === void 0 ? this.#acks.refuse(frame.refusal) : this.#outbox.refuse(frame.refusal);
    }
  }
  #welcomed(welcome) {
    const { headSequence, heartbeatIntervalMs, players, recovered, serverTime, timer, token, userId } = welcome;
    this.#welcome = welcome;
    this.#players = players;
    this.#head = headSequence;
    this.#clock.begin(serverTime);
    this.#clock.show(timer);
    this.#acks.begin(players.find((player) => player.userId === userId)?.lastAckSequence ?? 0);
    this.#making.credential.replace(token ?? void 0);
    const resync = this.#history.begin(welcome);
    if (resync?.reason === "epoch") this.#beginAgain();
    this.#connection.welcomed();
    if (resync) this.#delivery.offer(["resync", resync]);
    const from = this.#history.position?.sequence ?? 0;
    this.#seen = from;
    this.#delivery.offer(["replay", { from, count: headSequence - from, recovered }]);
    if (timer) this.#emitter.emit("time", timer);
    this.#welcomedFirst();
    void this.#keep().then(() => {
      if (this.#welcome !== welcome || this.state !== "connected") return;
      this.#isProven = true;
      this.#heartbeat.start(heartbeatIntervalMs);
      this.#acks.open();
      this.#caughtUp();
    });
  }
  /** The game is in another life: what was known, saved or on its way belongs to the one before. */
  #beginAgain() {
    this.#saved = void 0;
    this.#acks.forget();
    this.#delivery.clear();
    this.#outbox.abandon(new RejoinError("other_epoch", "the game has begun another life"));
  }
  #arrived(event2) {
    const { sequence, ref, userId } = event2;
    this.#head = Math.max(this.#head, sequence);
    this.#seen = Math.max(this.#seen, sequence);
    const taken = this.#delivery.hasRoom() ? this.#history.take(sequence) : "known";
    const isHole = taken === "gap" && !this.#history.isWorthAsking();
    if (isHole) this.#delivery.offer(["resync", this.#history.skipTo(sequence)]);
    if (taken === "new" || isHole) this.#delivery.offer(["event", event2]);
    if (ref !== void 0 && userId === this.userId) this.#outbox.confirm(event2);
    if (taken === "gap" && !isHole) return this.#connection.cut("an event is missing");
    this.#caughtUp();
  }
  /** Lets moves out once everything missed is here: it may confirm some, and the others may depend on it. */
  #caughtUp() {
    if (!this.#welcome || !this.#isProven || this.#seen < this.#welcome.headSequence) return;
    this.#outbox.open(this.#welcome.maxMessageBytes);
  }
  #lost() {
    this.#isProven = false;
    this.#heartbeat.stop();
    this.#acks.close();
    this.#outbox.close();
  }
  #deliver(item) {
    const [name, value] = item;
    switch (name) {
      case "event":
        this.#position = { sequence: value.sequence, epoch: this.#history.position?.epoch ?? "" };
        this.#emitter.emit(name, value);
        if (!this.#saved) this.#processed(value.sequence);
        return;
      case "resync":
        this.#position = value.position;
        return this.#emitter.emit(name, value);
      case "replay":
        return this.#emitter.emit(name, value);
    }
  }
  #processed(sequence) {
    if (this.#making.acknowledges && this.role === "player") this.#acks.want(sequence);
  }
  #note(userId, news) {
    const player = this.#players.find((player2) => player2.userId === userId);
    if (player) Object.assign(player, news);
    else this.#players.push({ userId, online: false, lastAckSequence: 0, ...news });
  }
  #keep() {
    const { credential, shelf } = this.#making;
    return shelf.write({ token: credential.resumeToken, saved: this.#saved, outbox: this.#outbox.texts });
  }
  async #finish(error, forget = false) {
    this.#end = error;
    this.#refusedFirst(error);
    this.#outbox.abandon(error);
    if (error.closeCode === 1008) this.#making.credential.replace(void 0);
    const isOver = forget || error.closeCode === 1e3;
    await (isOver ? this.#making.shelf.remove() : this.#keep());
  }
};

// src/storage.ts
var PATIENCE_MS2 = 2e3;
var Shelf = class {
  #storage;
  #key;
  #surroundings;
  #last = Promise.resolve();
  #underWay = 0;
  constructor(storage, key, surroundings2) {
    this.#storage = storage;
    this.#key = key;
    this.#surroundings = surroundings2;
  }
  /** Whether there is anything to keep it in. */
  get isThere() {
    return this.#storage !== null;
  }
  async read() {
    const text = await this.#within(() => this.#storage?.get(this.#key));
    try {
      const entry = JSON.parse(text);
      const isWhole = entry.outbox.every((sent) => typeof JSON.parse(sent).ref === "string");
      return isWhole && Number.isSafeInteger(entry.saved?.position.sequence ?? 0) ? entry : void 0;
    } catch {
      return void 0;
    }
  }
  /** Writes, after what was to be written before. Returns whether it is kept. */
  write(entry) {
    return this.#put((storage) => storage.set(this.#key, JSON.stringify(entry)));
  }
  remove() {
    return this.#put((storage) => storage.remove(this.#key));
  }
  /** A storage that answers at once has it before this returns: a page may end at any moment. */
  #put(change) {
    const storage = this.#storage;
    if (!storage) return Promise.resolve(false);
    const run = () => this.#within(() => change(storage)).then((answer) => answer !== FAILED);
    const done = this.#underWay === 0 ? run() : this.#last.then(run);
    this.#underWay += 1;
    this.#last = done.then(() => this.#underWay -= 1);
    return done;
  }
  #within(call) {
    return new Promise((resolve) => {
      const stop = this.#surroundings.later(PATIENCE_MS2, () => resolve(FAILED));
      const done = (answer) => {
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
};
var FAILED = /* @__PURE__ */ Symbol("failed");
function sessionStorage() {
  try {
    const { sessionStorage: sessionStorage2 } = globalThis;
    if (!sessionStorage2) return null;
    return {
      get: (key) => sessionStorage2.getItem(key),
      set: (key, value) => sessionStorage2.setItem(key, value),
      remove: (key) => sessionStorage2.removeItem(key)
    };
  } catch {
    return null;
  }
}

// src/surroundings.ts
var surroundings = {
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
      listen(page, "visibilitychange", () => page.visibilityState === "visible" && tell("back"))
    ];
    return () => off.forEach((stop) => stop());
  }
};
function listen(target, name, heard) {
  target?.addEventListener?.(name, heard);
  return () => target?.removeEventListener?.(name, heard);
}

// src/rejoin.ts
var Rejoin = {
  /**
   * Takes a seat, the one of a page before this one where the storage knows of it. Resolves once the server has welcomed
   * us, and tries until then. Rejects with a RejoinError where the server's answer forbids to try again, with what `token`
   * threw, or with the signal's reason.
   */
  join: (options) => join(options, surroundings)
};
async function join(options, surroundings2) {
  const { gameId, role = "player", acknowledge = "auto", storage = sessionStorage(), signal } = options;
  signal?.throwIfAborted();
  const Socket = socketClass(options.WebSocket);
  if (!Socket) throw new RejoinError("invalid_options", "there is no WebSocket here: pass one as `WebSocket`");
  const url = place(options.url);
  const credential = new Credential(options.token);
  return abortable(signal, async () => {
    const userId = await credential.userId();
    const shelf = new Shelf(storage, `rejoin:${url.host}${url.pathname}:${role}:${gameId}:${userId}`, surroundings2);
    const restored = await shelf.read();
    credential.replace(restored?.token);
    signal?.throwIfAborted();
    const pace = { ...DEFAULT_PACE, ...options.reconnect };
    const acknowledges = acknowledge === "auto";
    const seat = new Seat({ endpoint: url, gameId, role, acknowledges, credential, shelf, restored, pace, Socket }, surroundings2);
    signal?.addEventListener("abort", () => void seat.leave(), { once: true });
    await seat.enter();
    return seat;
  });
}
function place(url) {
  try {
    return endpoint(url);
  } catch (cause) {
    throw new RejoinError("invalid_options", `no URL: \`${url}\``, { cause });
  }
}
function abortable(signal, work) {
  return new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    work().then(resolve, reject);
  });
}
export {
  Rejoin,
  RejoinError
};
