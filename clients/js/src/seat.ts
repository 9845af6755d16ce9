// A player's place in a game: what an application talks to.
// Says what each frame means for the parts, and leaves their work to them.

import { Acknowledging } from "./acknowledging.js";
import { address } from "./address.js";
import type { Pace } from "./backoff.js";
import { type Clock, ServerClock } from "./clock.js";
import { Connection, type State } from "./connection.js";
import type { Credential } from "./credential.js";
import { Delivery } from "./delivery.js";
import { Emitter } from "./emitter.js";
import { RejoinError } from "./error.js";
import { type Frame, type GameEvent, type Player, read, type Welcome } from "./frames.js";
import { Heartbeat } from "./heartbeat.js";
import { History, type Position } from "./history.js";
import type { SocketClass } from "./link.js";
import type { SeatEvents } from "./options.js";
import { freshRef, Outbox, type Pending } from "./outbox.js";
import type { Entry, Saved, Shelf } from "./storage.js";
import type { Surroundings } from "./surroundings.js";

/** What a seat is made of: the options of joining, resolved. */
export interface Making {
  endpoint: URL;
  gameId: string;
  role: "player" | "spectator";
  acknowledges: boolean;
  credential: Credential;
  shelf: Shelf;
  restored: Entry | undefined;
  pace: Pace;
  Socket: SocketClass;
}

type Item = { [Name in "event" | "replay" | "resync"]: [Name, SeatEvents[Name]] }["event" | "replay" | "resync"];

export class Seat {
  readonly gameId: string;
  readonly #making: Making;
  readonly #emitter = new Emitter<SeatEvents>();
  readonly #connection: Connection;
  readonly #history: History;
  readonly #delivery: Delivery<Item>;
  readonly #outbox: Outbox;
  readonly #acks: Acknowledging;
  readonly #heartbeat: Heartbeat;
  readonly #clock: ServerClock;
  readonly #joined: Promise<void>;
  #welcomedFirst = () => {};
  #refusedFirst = (_: RejoinError) => {};
  #saved: Saved | undefined;
  #position: Position;
  #welcome: Welcome | undefined;
  #players: Player[] = [];
  #head = 0;
  /** The last event that came on this connection, delivered or not. */
  #seen = 0;
  /** Whether this connection's token is kept, so that the one before it may be used up. */
  #isProven = false;
  #end: RejoinError | undefined;

  constructor(making: Making, surroundings: Surroundings) {
    this.#making = making;
    this.gameId = making.gameId;
    this.#saved = making.restored?.saved;
    this.#position = this.#saved?.position ?? { sequence: 0, epoch: "" };
    this.#history = new History(this.#saved?.position);
    this.#joined = new Promise((resolve, reject) => {
      this.#welcomedFirst = resolve;
      this.#refusedFirst = reject;
    });
    this.#clock = new ServerClock(surroundings.now);
    this.#delivery = new Delivery<Item>(
      () => this.#emitter.has("event") && this.state !== "closed",
      (item) => this.#deliver(item),
      () => this.#connection.renew(),
    );
    const send = (text: string) => this.#connection.send(text);
    this.#acks = new Acknowledging(surroundings, send);
    this.#outbox = new Outbox(surroundings, {
      send,
      changed: () => void this.#keep(),
      refused: (pending, error) => this.#emitter.emit("refused", { ...pending, error }),
    });
    this.#outbox.restore(making.restored?.outbox ?? []);
    this.#heartbeat = new Heartbeat(surroundings, {
      send,
      measured: (sentAt, receivedAt, serverTime) => this.#clock.measured(sentAt, receivedAt, serverTime),
      silent: () => this.#connection.cut("nothing was heard of the server"),
    });
    this.#connection = new Connection(surroundings, making.Socket, making.pace, {
      address: async () => ({
        url: address(making.endpoint, making.gameId, making.role, this.#history.position),
        protocols: ["rejoin.v1", await making.credential.protocol()],
      }),
      heard: (text) => this.#heard(text),
      lost: () => this.#lost(),
      doubted: () => this.#isProven && this.#heartbeat.probe(),
      held: () => making.credential.held(),
      fallsBack: (ending) => making.credential.fallsBack(ending),
      changed: (status) => this.#emitter.emit("status", status),
      ended: (error) => void this.#finish(error),
    });
  }

  /** Comes in. Resolves once the server has welcomed us; tries on until then, unless the answer forbids it. */
  enter(): Promise<void> {
    this.#connection.start();
    return this.#joined;
  }

  get userId(): string {
    return this.#welcome?.userId ?? "";
  }

  /** Null for a spectator. */
  get sessionId(): string | null {
    return this.#welcome?.sessionId ?? null;
  }

  get role(): "player" | "spectator" {
    return this.#welcome?.role ?? this.#making.role;
  }

  /** Who plays, whether they are there, and what they have acknowledged, as last heard. */
  get players(): Player[] {
    return this.#players.map((player) => ({ ...player }));
  }

  get state(): State {
    return this.#connection.state;
  }

  /** The last event that listeners were given. */
  get position(): Position {
    return { ...this.#position };
  }

  /** The highest sequence the server is known to have. */
  get head(): number {
    return this.#head;
  }

  /** The last acknowledgement the server is known to have. */
  get acknowledged(): number {
    return this.#acks.confirmed;
  }

  /** Moves not confirmed, oldest first. */
  get pending(): Pending[] {
    return this.#outbox.pending;
  }

  /** Milliseconds of a round trip, smoothed; undefined before the first ping is answered. */
  get latency(): number | undefined {
    return this.#clock.latencyMs;
  }

  /** What a page before this one has saved; `position` is where it was then. */
  get restored(): unknown {
    const state = this.#making.restored?.saved?.state;
    return state === undefined ? undefined : JSON.parse(state);
  }

  /** Adds a listener; returns how to remove it. */
  on<Name extends keyof SeatEvents>(name: Name, listener: (value: SeatEvents[Name]) => void): () => void {
    const off = this.#emitter.on(name, listener);
    // Not at once: those who are added in the same breath hear it, too.
    queueMicrotask(() => this.#delivery.pump());
    return off;
  }

  /**
   * Records an event. Kept in order, and across connections, until it is confirmed: resolves with the event as everybody
   * sees it. Rejects with a RejoinError where it is refused for good, or the seat ends first.
   */
  send(type: string, payload: unknown = {}, options: Pick<Pending, "expect" | "next"> = {}): Promise<GameEvent> {
    const sent = this.#send(type, payload, options);
    // Whoever does not wait for it hears of a refusal by `refused`, and not by a crash.
    sent.catch(() => {});
    return sent;
  }

  /** Says that everything up to this event has been processed. Throws where it was not delivered yet. */
  acknowledge(sequence: number): void {
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
  async save(state?: unknown): Promise<boolean> {
    if (!this.#making.shelf.isThere) return false;
    const saved = { state: JSON.stringify(state), position: this.position };
    this.#saved = saved;
    const isKept = await this.#keep();
    if (isKept) this.#processed(saved.position.sequence);
    return isKept;
  }

  /** The clocks as of now, by the server's time; undefined in a game without. */
  clock(): Clock | undefined {
    return this.#clock.read();
  }

  /** Cuts the connection as a lost network would. It comes back by itself. */
  disconnect(): void {
    this.#connection.cut("cut by hand");
  }

  /** Goes, and stays away until `resume`. What is sent meanwhile waits. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    this.#connection.resume();
  }

  /** Goes for good; what is not confirmed is given up. `forget` also removes what the storage has. */
  async leave({ forget = false } = {}): Promise<void> {
    this.#acks.flush();
    this.#connection.close();
    await this.#finish(this.#end ?? new RejoinError("left", "the seat was left"), forget);
  }

  async #send(type: string, payload: unknown, { expect, next }: Pick<Pending, "expect" | "next">): Promise<GameEvent> {
    if (this.#end) throw this.#end;
    const named = { ref: freshRef(), type, payload };
    return this.#outbox.add({ ...named, ...(expect !== undefined && { expect }), ...(next !== undefined && { next }) });
  }

  #heard(text: string): void {
    let frame: Frame | undefined;
    try {
      frame = read(text);
    } catch {
      return this.#connection.cut("a frame that is no JSON");
    }
    this.#heartbeat.heard();
    if (!frame) return;
    if (frame.kind === "welcome") return this.state === "connecting" ? this.#welcomed(frame.welcome) : undefined;
    // Nothing of the game comes before the welcome.
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
        return frame.refusal.ref === undefined ? this.#acks.refuse(frame.refusal) : this.#outbox.refuse(frame.refusal);
    }
  }

  #welcomed(welcome: Welcome): void {
    const { headSequence, heartbeatIntervalMs, players, recovered, serverTime, timer, token, userId } = welcome;
    this.#welcome = welcome;
    this.#players = players;
    this.#head = headSequence;
    this.#clock.begin(serverTime);
    this.#clock.show(timer);
    this.#acks.begin(players.find((player) => player.userId === userId)?.lastAckSequence ?? 0);
    this.#making.credential.replace(token ?? undefined);

    const resync = this.#history.begin(welcome);
    if (resync?.reason === "epoch") this.#beginAgain();
    this.#connection.welcomed();
    if (resync) this.#delivery.offer(["resync", resync]);
    const from = this.#history.position?.sequence ?? 0;
    this.#seen = from;
    this.#delivery.offer(["replay", { from, count: headSequence - from, recovered }]);
    if (timer) this.#emitter.emit("time", timer);
    this.#welcomedFirst();

    // The first message uses up the token before this one, so this one is kept first.
    void this.#keep().then(() => {
      if (this.#welcome !== welcome || this.state !== "connected") return;
      this.#isProven = true;
      this.#heartbeat.start(heartbeatIntervalMs);
      this.#acks.open();
      this.#caughtUp();
    });
  }

  /** The game is in another life: what was known, saved or on its way belongs to the one before. */
  #beginAgain(): void {
    this.#saved = undefined;
    this.#acks.forget();
    this.#delivery.clear();
    this.#outbox.abandon(new RejoinError("other_epoch", "the game has begun another life"));
  }

  #arrived(event: GameEvent): void {
    const { sequence, ref, userId } = event;
    this.#head = Math.max(this.#head, sequence);
    this.#seen = Math.max(this.#seen, sequence);
    const taken = this.#delivery.hasRoom() ? this.#history.take(sequence) : "known";
    const isHole = taken === "gap" && !this.#history.isWorthAsking();
    if (isHole) this.#delivery.offer(["resync", this.#history.skipTo(sequence)]);
    if (taken === "new" || isHole) this.#delivery.offer(["event", event]);
    // Also where it comes again, or before others: it is recorded all the same.
    if (ref !== undefined && userId === this.userId) this.#outbox.confirm(event);
    if (taken === "gap" && !isHole) return this.#connection.cut("an event is missing");
    this.#caughtUp();
  }

  /** Lets moves out once everything missed is here: it may confirm some, and the others may depend on it. */
  #caughtUp(): void {
    if (!this.#welcome || !this.#isProven || this.#seen < this.#welcome.headSequence) return;
    this.#outbox.open(this.#welcome.maxMessageBytes);
  }

  #lost(): void {
    this.#isProven = false;
    this.#heartbeat.stop();
    this.#acks.close();
    this.#outbox.close();
  }

  #deliver(item: Item): void {
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

  #processed(sequence: number): void {
    if (this.#making.acknowledges && this.role === "player") this.#acks.want(sequence);
  }

  #note(userId: string, news: Partial<Player>): void {
    const player = this.#players.find((player) => player.userId === userId);
    if (player) Object.assign(player, news);
    else this.#players.push({ userId, online: false, lastAckSequence: 0, ...news });
  }

  #keep(): Promise<boolean> {
    const { credential, shelf } = this.#making;
    return shelf.write({ token: credential.resumeToken, saved: this.#saved, outbox: this.#outbox.texts });
  }

  async #finish(error: RejoinError, forget = false): Promise<void> {
    this.#end = error;
    this.#refusedFirst(error);
    this.#outbox.abandon(error);
    if (error.closeCode === 1008) this.#making.credential.replace(undefined);
    const isOver = forget || error.closeCode === 1000;
    await (isOver ? this.#making.shelf.remove() : this.#keep());
  }
}
