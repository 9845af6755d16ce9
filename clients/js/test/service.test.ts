// The client and the real server: whole games through losses, crashes and reloads.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { WebSocket } from "ws";

import { type GameEvent, type JoinOptions, Rejoin, type Seat, type Storage } from "../src/index.js";
import { Service } from "./service.js";

const GAMES = "../../src/commands/smoke/deep-blue-1997.txt";
const within = { timeout: 60_000 };

let service: Service;
const seats: Seat[] = [];

before(async () => {
  service = await Service.start();
});
after(async () => {
  await Promise.all(seats.map((seat) => seat.leave()));
  await service.stop();
});

async function sit(gameId: string, userId: string, options: Partial<JoinOptions> = {}) {
  const token = () => service.token(userId, gameId);
  const reconnect = { baseMs: 20, capMs: 200 };
  const seat = await Rejoin.join({ url: service.url, gameId, token, WebSocket, reconnect, ...options });
  seats.push(seat);
  const events: GameEvent[] = [];
  seat.on("event", (event) => events.push(event));
  return { seat, events };
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isSo()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function memory(): Storage & { entries: Map<string, string> } {
  const entries = new Map<string, string>();
  return {
    entries,
    get: (key) => entries.get(key) ?? null,
    set: (key, value) => void entries.set(key, value),
    remove: (key) => void entries.delete(key),
  };
}

/** What is the same for everybody who sees an event. */
const shared = ({ replayed: _, ...event }: GameEvent) => event;

test("a game through cuts, a crash and a restart ends with the same whole history on both sides", within, async () => {
  const moves = readFileSync(GAMES, "utf8").split("\n")[2]!.split(" ").slice(0, -1);
  await service.call("PUT", "/v1/games/deep-blue-2", { players: ["white", "black"] });
  const [white, black] = [await sit("deep-blue-2", "white"), await sit("deep-blue-2", "black")];
  const players = [white, black];
  const faults: unknown[] = [];
  players.forEach(({ seat }) => seat.on("resync", (resync) => faults.push(resync)));

  for (const [index, san] of moves.entries()) {
    const player = players[index % 2]!;
    const sent = player.seat.send("move", { san }, { expect: index });
    if (index % 7 === 3) player.seat.disconnect();
    if (index % 5 === 4) players[(index + 1) % 2]!.seat.disconnect();
    if (index === 20) {
      await service.end("SIGKILL");
      await service.run();
    }
    if (index === 40) {
      await service.end("SIGTERM");
      await service.run();
    }
    assert.equal((await sent).sequence, index + 1);
  }
  await until(() => players.every(({ events }) => events.length >= moves.length), "the whole game");

  assert.deepEqual(white.events.map((event) => (event.payload as { san: string }).san), moves);
  assert.deepEqual(white.events.map(shared), black.events.map(shared));
  assert.deepEqual(white.events.map((event) => event.sequence), moves.map((_, index) => index + 1));
  assert.deepEqual(faults, []);
});

test("what was sent while away arrives once, in order, and is acknowledged and pruned", within, async () => {
  const [ann, bob] = [await sit("away", "ann"), await sit("away", "bob")];
  ann.seat.pause();
  const sent = Array.from({ length: 20 }, (_, n) => ann.seat.send("move", { n }));
  assert.equal(ann.seat.pending.length, 20);

  ann.seat.resume();
  await Promise.all(sent);
  await until(() => bob.events.length >= 20, "the moves");
  await until(() => ann.seat.acknowledged === 20 && bob.seat.acknowledged === 20, "the acknowledgements");

  assert.deepEqual(bob.events.map((event) => (event.payload as { n: number }).n), Array.from({ length: 20 }, (_, n) => n));
  assert.deepEqual(ann.seat.pending, []);
  assert.equal((await service.call("GET", "/v1/games/away")).floorSequence, 20);
});

test("a page that reloads comes back to its seat with its state, its moves and what it missed", within, async () => {
  const storage = memory();
  const asked: string[] = [];
  const ann = await sit("reload", "ann", { storage });
  const bob = await sit("reload", "bob");
  const board: number[] = [];
  ann.seat.on("event", (event) => {
    board.push(event.sequence);
    void ann.seat.save(board);
  });
  await ann.seat.send("move", { n: 1 });
  await bob.seat.send("move", { n: 2 });
  await until(() => ann.seat.acknowledged === 2, "the acknowledgement");
  // The page is gone between sending and confirmation; what storage had at that moment is all that is left of it.
  ann.seat.pause();
  void ann.seat.send("move", { n: 4 });
  const next = memory();
  storage.entries.forEach((value, key) => next.entries.set(key, value));
  await bob.seat.send("move", { n: 3 });

  const again = await sit("reload", "ann", {
    storage: next,
    WebSocket: class extends WebSocket {
      constructor(url: string, protocols: string[]) {
        super(url, protocols);
        asked.push(protocols[1]!.split(".")[0]!);
      }
    },
  });
  await until(() => again.events.length >= 2 && bob.events.length >= 4, "what was missed, and the move");

  assert.deepEqual([asked, again.seat.restored], [["resume"], [1, 2]]);
  assert.deepEqual(again.events.map(({ sequence, payload }) => [sequence, payload]), [[3, { n: 3 }], [4, { n: 4 }]]);
  assert.deepEqual(bob.events.map(({ payload }) => payload), [1, 2, 3, 4].map((n) => ({ n })));
});

test("a second page takes over, and the first one stops", within, async () => {
  const first = await sit("twice", "ann");
  const second = await sit("twice", "ann");
  await until(() => first.seat.state === "closed", "the end of the first");

  await assert.rejects(first.seat.send("move"), { code: "session_taken_over", closeCode: 4001 });
  assert.equal((await second.seat.send("move")).sequence, 1);
});

test("a game that ends, a revoked seat and a stranger are told apart", within, async () => {
  const ended = await sit("ends", "ann");
  await service.call("DELETE", "/v1/games/ends");
  await until(() => ended.seat.state === "closed", "the end");
  await assert.rejects(ended.seat.send("move"), { code: "game_ended" });

  const revoked = await sit("revokes", "ann");
  await service.call("DELETE", `/v1/sessions/${revoked.seat.sessionId}`);
  await until(() => revoked.seat.state === "closed", "the revocation");
  await assert.rejects(revoked.seat.send("move"), { code: "session_revoked" });

  await assert.rejects(sit("revokes", "ann", { token: "stranger" }), { code: "unauthorized" });
});

test("what the server refuses comes with its code, and presence, latency and clocks are there", within, async () => {
  const timeControl = { preset: "BLITZ" };
  await service.call("PUT", "/v1/games/blitz", { players: ["ann", "bob"], timeControl });
  const ann = await sit("blitz", "ann");
  const presence: unknown[] = [];
  ann.seat.on("presence", ({ userId, online }) => presence.push([userId, online]));
  const bob = await sit("blitz", "bob");
  await assert.rejects(bob.seat.send("move"), { code: "not_your_turn" });
  await assert.rejects(ann.seat.send("move", {}, { expect: 7 }), { code: "conflict", headSequence: 0 });
  await ann.seat.send("move", { san: "e4" });
  await until(() => ann.seat.clock()?.active === "bob" && bob.seat.latency !== undefined, "bob's turn");

  const then = ann.seat.clock()!.remainingMs.bob!;
  await until(() => ann.seat.clock()!.remainingMs.bob! < then - 50, "the clock to run");
  const [seen, known] = [ann.seat.clock()!.remainingMs.bob!, (await service.call("GET", "/v1/games/blitz")).timer.remainingMs.bob];
  assert.ok(Math.abs(seen - known) < 1_000, `${seen} against ${known}`);
  assert.deepEqual(presence, [["bob", true]]);
});

test("a spectator watches from where it was, and sends nothing", within, async () => {
  const ann = await sit("watched", "ann");
  const eve = await sit("watched", "eve", { role: "spectator" });
  await ann.seat.send("move", { n: 1 });
  await until(() => eve.events.length === 1, "the move");
  eve.seat.pause();
  await ann.seat.send("move", { n: 2 });
  eve.seat.resume();
  await until(() => eve.events.length === 2, "what was missed");

  assert.deepEqual([eve.seat.sessionId, eve.seat.role, eve.events[1]!.replayed], [null, "spectator", true]);
  await assert.rejects(eve.seat.send("move"), { code: "forbidden" });
});
