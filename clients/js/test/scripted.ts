// A server that says what a test tells it to, over real sockets.

import { once } from "node:events";
import { type IncomingMessage } from "node:http";
import { type AddressInfo } from "node:net";
import { WebSocket, WebSocketServer } from "ws";

import { type JoinOptions } from "../src/options.js";
import { join } from "../src/rejoin.js";
import { type Seat } from "../src/seat.js";
import { Machine, until } from "./machine.js";

export type Message = { type: string; payload: any; ref?: string; expect?: number; next?: string };

/** One connection, from the server's side. */
export class Visit {
  readonly url: URL;
  readonly protocols: string[];
  readonly received: Message[] = [];
  isOpen = true;
  readonly #socket: WebSocket;

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.#socket = socket;
    this.url = new URL(request.url ?? "", "ws://server");
    this.protocols = (request.headers["sec-websocket-protocol"] ?? "").split(/, */);
    socket.on("message", (data) => this.received.push(JSON.parse(String(data))));
    socket.on("close", () => (this.isOpen = false));
  }

  get after(): string | null {
    return this.url.searchParams.get("after");
  }

  say(type: string, payload: object): void {
    this.#socket.send(JSON.stringify({ type, payload, timestamp: "2026-11-21T04:00:00.000Z", senderId: null }));
  }

  raw(text: string): void {
    this.#socket.send(text);
  }

  welcome(changes: object = {}): void {
    const players = [{ userId: "ann", online: true, lastAckSequence: 0 }];
    const times = { heartbeatIntervalMs: 10_000, serverTime: 50_000, issuedAt: 0, expiresAt: 0 };
    const rest = { userId: "ann", role: "player", sessionId: "s1", token: "t1", resumed: false, recovered: true };
    const sequences = { lastSequence: 0, headSequence: 0, floorSequence: 0, replayCount: 0, epoch: "e1" };
    this.say("GAME_RESUME", { gameId: "g", maxMessageBytes: 1_000, players, ...times, ...rest, ...sequences, ...changes });
  }

  live(sequence: number, ref?: string, userId = "ann"): void {
    this.say("GAME_MOVE", { gameId: "g", userId, sequence, move: { n: sequence }, ref, createdAt: 1 });
  }

  replay(sequence: number, ref?: string, userId = "ann"): void {
    const message = { type: "move", payload: { n: sequence } };
    this.say("GAME_REPLAY", { gameId: "g", sequence, message, userId, ref, createdAt: 1 });
  }

  refuse(code: string, facts: object): void {
    this.say("ERROR", { code, message: "no", ...facts });
  }

  of(type: string): Message[] {
    return this.received.filter((message) => message.type === type);
  }

  /** Waits until the client has sent this many messages of a type; returns them. */
  async heard(type: string, count = 1): Promise<Message[]> {
    await until(() => this.of(type).length >= count, `${count} ${type}, got ${JSON.stringify(this.received)}`);
    return this.of(type);
  }

  close(code: number, reason = ""): void {
    this.#socket.close(code, reason);
  }

  /** Ends without a word, as a lost network does. */
  cut(): void {
    this.#socket.terminate();
  }
}

export class Scripted {
  readonly visits: Visit[] = [];
  readonly #server: WebSocketServer;

  private constructor(server: WebSocketServer) {
    this.#server = server;
    server.on("connection", (socket, request) => this.visits.push(new Visit(socket, request)));
  }

  static async start(): Promise<Scripted> {
    const handleProtocols = (offered: Set<string>) => (offered.has("rejoin.v1") ? "rejoin.v1" : false);
    const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols });
    await once(server, "listening");
    return new Scripted(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections are open right now. */
  get open(): number {
    return this.visits.filter((visit) => visit.isOpen).length;
  }

  /** Waits for the n-th connection, counted from 1. */
  async visit(n: number): Promise<Visit> {
    await until(() => this.visits.length >= n, `connection ${n}`);
    return this.visits[n - 1]!;
  }

  async stop(): Promise<void> {
    this.#server.clients.forEach((client) => client.terminate());
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

/** An access token as far as a client can read it. */
export function accessToken(userId: string): string {
  return `h.${Buffer.from(JSON.stringify({ sub: userId })).toString("base64url")}.s`;
}

/** What one test works with: a server, surroundings, and ways in. */
export class Table {
  readonly machine = new Machine();
  readonly server: Scripted;
  readonly seats: Seat[] = [];

  private constructor(server: Scripted) {
    this.server = server;
  }

  /** Runs a test at a table of its own and clears it afterwards. */
  static with(test: (table: Table) => Promise<void>): () => Promise<void> {
    return async () => {
      const table = new Table(await Scripted.start());
      try {
        const late = new Error("the test took longer than 30 s");
        const deadline = new Promise((_, reject) => setTimeout(reject, 30_000, late).unref());
        await Promise.race([test(table), deadline]);
      } finally {
        table.seats.forEach((seat) => void seat.leave());
        await table.server.stop();
      }
    };
  }

  join(options: Partial<JoinOptions> = {}): Promise<Seat> {
    const given = { url: this.server.url, gameId: "g", token: accessToken("ann"), WebSocket, ...options };
    return join(given, this.machine).then((seat) => {
      this.seats.push(seat);
      return seat;
    });
  }

  /** A seat, the connection it has, and what its listeners were told. */
  async seated(welcome: object = {}, options: Partial<JoinOptions> = {}) {
    const before = this.server.visits.length;
    const joining = this.join(options);
    const visit = await this.server.visit(before + 1);
    visit.welcome(welcome);
    const seat = await joining;
    const told = listen(seat);
    await visit.heard("ping");
    return { seat, visit, told };
  }
}

/** Everything a seat tells, in order. */
export function listen(seat: Seat) {
  const told = { events: [] as any[], all: [] as [string, any][], sequences: () => told.events.map((event) => event.sequence) };
  for (const name of ["replay", "resync", "presence", "time", "status", "refused"] as const) {
    seat.on(name, (value: unknown) => told.all.push([name, value]));
  }
  seat.on("event", (event) => {
    told.events.push(event);
    told.all.push(["event", event]);
  });
  return told;
}
