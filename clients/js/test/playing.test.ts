// What a seat sends, what it delivers, and what it acknowledges.

import assert from "node:assert/strict";
import { test } from "node:test";

import { settle, until } from "./machine.js";
import { listen, Table, type Visit } from "./scripted.js";

/** The seat's next connection after the present one is lost. */
async function again(table: Table, welcome: object = {}): Promise<Visit> {
  const seat = table.seats.at(-1)!;
  await until(() => seat.state === "waiting", "the loss");
  const known = table.server.visits.length;
  while (seat.state === "waiting") table.machine.pass(25);
  const visit = await table.server.visit(known + 1);
  visit.welcome(welcome);
  await visit.heard("ping");
  return visit;
}

test("events come once and in order, live and replayed alike, with all they have", Table.with(async (table) => {
  const { visit, told } = await table.seated({ headSequence: 2, replayCount: 2 });

  visit.replay(1, "r1", "bob");
  visit.replay(2);
  visit.live(2);
  visit.live(3);
  visit.say("GAME_FLAG_FALL", { gameId: "g", userId: null, sequence: 4, flag_fall: { userId: "ann" }, createdAt: 9 });
  await until(() => told.events.length === 4, "the events");

  assert.deepEqual(told.events[0], { sequence: 1, type: "move", payload: { n: 1 }, userId: "bob", ref: "r1", createdAt: 1, replayed: true });
  assert.deepEqual(told.events[3], { sequence: 4, type: "flag_fall", payload: { userId: "ann" }, userId: null, createdAt: 9, replayed: false });
  assert.deepEqual(told.sequences(), [1, 2, 3, 4]);
  assert.deepEqual(told.all[0], ["replay", { from: 0, count: 2, recovered: true }]);
}));

test("a gap is asked for again, and nothing after it is delivered before", Table.with(async (table) => {
  const { visit, told } = await table.seated();
  visit.live(1);
  visit.live(3);
  const second = await again(table, { lastSequence: 1, headSequence: 3, replayCount: 2 });
  second.replay(2);
  second.replay(3);
  await until(() => told.events.length === 3, "the events");

  assert.equal(second.after, "1");
  assert.deepEqual(told.sequences(), [1, 2, 3]);
  assert.ok(!told.all.some(([name]) => name === "resync"));
}));

test("a gap that another connection does not fill is told, once, and play goes on", Table.with(async (table) => {
  const { visit, told } = await table.seated();
  visit.live(2);
  const second = await again(table, { headSequence: 2 });
  second.replay(2);
  second.live(3);
  await until(() => told.events.length === 2, "the events");

  assert.deepEqual(told.all.filter(([name]) => name === "resync"), [["resync", { reason: "gap", position: { sequence: 1, epoch: "e1" } }]]);
  assert.deepEqual(told.sequences(), [2, 3]);
}));

test("another epoch is told before its events, and what was on its way is given up", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  visit.live(1);
  const sent = seat.send("move", { n: 1 });
  visit.cut();
  const summary = { sequence: 4, state: { board: "new" } };
  const second = await again(table, { epoch: "e2", recovered: false, lastSequence: 4, headSequence: 5, summary });
  second.replay(5);

  await assert.rejects(sent, { code: "other_epoch" });
  await until(() => told.sequences().includes(5), "the event");
  const at = told.all.findIndex(([name]) => name === "resync");
  assert.deepEqual(told.all[at]?.[1], { reason: "epoch", summary, position: { sequence: 4, epoch: "e2" } });
  assert.ok(at < told.all.findIndex(([, value]) => value.sequence === 5));
  assert.deepEqual([seat.position, second.of("move")], [{ sequence: 5, epoch: "e2" }, []]);
}));

test("nothing is lost between joining and listening", Table.with(async (table) => {
  const { seat, visit } = await (async () => {
    const joining = table.join();
    const visit = await table.server.visit(1);
    visit.welcome({ lastSequence: 3, headSequence: 4, recovered: false });
    return { seat: await joining, visit };
  })();
  visit.replay(4);
  await settle();
  table.machine.pass(1_000);
  const before = [seat.position.sequence, visit.of("ack").length];

  const told = listen(seat);
  await until(() => told.events.length === 1, "the event");

  assert.deepEqual(before, [0, 0]);
  assert.deepEqual(told.all.map(([name]) => name), ["resync", "replay", "event"]);
}));

test("what nobody listens to is kept up to a bound, and asked for again from there", Table.with(async (table) => {
  const joining = table.join();
  const visit = await table.server.visit(1);
  visit.welcome();
  const seat = await joining;
  for (let sequence = 1; sequence <= 1_100; sequence += 1) visit.live(sequence, undefined, "bob");
  await until(() => seat.head === 1_100, "the events");

  const told = listen(seat);
  const second = await table.server.visit(2);
  second.welcome({ lastSequence: 999, headSequence: 1_100 });
  for (let sequence = 1_000; sequence <= 1_100; sequence += 1) second.replay(sequence, undefined, "bob");
  await until(() => told.events.length >= 1_100, "all events");

  assert.equal(second.after, "999");
  assert.deepEqual(told.sequences(), Array.from({ length: 1_100 }, (_, index) => index + 1));
}));

test("a listener that throws keeps nothing from the others", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const uncaught: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => uncaught.push(error.message));
  const off = seat.on("presence", () => {
    throw new Error("mine");
  });
  seat.on("presence", () => told.all.push(["after", {}]));

  visit.say("GAME_PRESENCE", { userId: "bob", online: true, at: 1 });
  await until(() => told.all.some(([name]) => name === "after"), "the other listener");
  await settle();
  off();
  process.removeAllListeners("uncaughtException");
  listeners.forEach((listener) => process.on("uncaughtException", listener));

  assert.deepEqual(uncaught, ["mine"]);
}));

test("a send resolves with the event that has its ref, after listeners had it", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const sent = seat.send("move", { san: "e4" }, { expect: 0, next: "bob" }).then((event) => [event.sequence, told.events.length]);
  const [move] = await visit.heard("move");
  visit.live(1, move!.ref, "bob");
  visit.live(2, move!.ref);

  assert.deepEqual(await sent, [2, 2]);
  assert.deepEqual({ ...move, ref: "" }, { type: "move", payload: { san: "e4" }, ref: "", expect: 0, next: "bob" });
  assert.deepEqual([move!.ref!.length <= 64, seat.pending], [true, []]);
}));

test("moves go out one by one, in order, and what is refused for good overtakes nobody", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const sent = [1, 2, 3].map((n) => seat.send("move", { n }));
  const [first] = await visit.heard("move");
  await settle();
  const early = visit.of("move").length;
  visit.refuse("not_your_turn", { ref: first!.ref });
  await assert.rejects(sent[0]!, { code: "not_your_turn" });
  visit.live(1, (await visit.heard("move", 2))[1]!.ref);
  visit.live(2, (await visit.heard("move", 3))[2]!.ref);

  assert.deepEqual((await Promise.all(sent.slice(1))).map((event) => event.sequence), [1, 2]);
  assert.deepEqual([early, visit.of("move").map((move) => move.payload.n)], [1, [1, 2, 3]]);
  assert.deepEqual(told.all.filter(([name]) => name === "refused").map(([, refused]) => [refused.payload.n, refused.error.code]), [[1, "not_your_turn"]]);
}));

for (const code of ["rate_limited", "backpressure", "unavailable", "unknown", "internal"]) {
  test(`${code} is tried again with the same ref, after the time asked for, before any other`, Table.with(async (table) => {
    const { seat, visit } = await table.seated();
    const sent = [1, 2].map((n) => seat.send("move", { n }));
    const [first] = await visit.heard("move");
    visit.refuse(code, { ref: first!.ref, retryAfterMs: 400 });
    await settle();
    table.machine.pass(399);
    await settle();
    const early = visit.of("move").length;
    table.machine.pass(1);
    const second = (await visit.heard("move", 2))[1]!;
    visit.live(1, second.ref);
    visit.live(2, (await visit.heard("move", 3))[2]!.ref);
    await Promise.all(sent);

    assert.deepEqual([early, second], [1, first]);
    assert.deepEqual(visit.of("move").map((move) => move.payload.n), [1, 1, 2]);
  }));
}

test("a refusal without a time to wait backs off", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  void seat.send("move");
  const [first] = await visit.heard("move");
  visit.refuse("unavailable", { ref: first!.ref });
  await settle();
  table.machine.pass(125);
  await visit.heard("move", 2);
  visit.refuse("unavailable", { ref: first!.ref });
  await settle();
  table.machine.pass(249);
  await settle();

  assert.equal(visit.of("move").length, 2);
}));

test("a fault of the service that one move brings about holds the others back five times only", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  const sent = seat.send("move", { n: 1 });
  void seat.send("move", { n: 2 });
  for (let times = 1; times <= 5; times += 1) {
    visit.refuse("internal", { ref: (await visit.heard("move", times)).at(-1)!.ref });
    await settle();
    table.machine.pass(4_000);
  }

  await assert.rejects(sent, { code: "internal" });
  assert.equal((await visit.heard("move", 6))[5]!.payload.n, 2);
}));

for (const [code, facts] of [["conflict", { headSequence: 9 }], ["flag_fallen", {}], ["forbidden", {}], ["game_ended", {}], ["too_large", {}], ["invalid_message", {}]] as const) {
  test(`${code} rejects the send, with what the server told`, Table.with(async (table) => {
    const { seat, visit } = await table.seated();
    const sent = seat.send("move");
    visit.refuse(code, { ref: (await visit.heard("move"))[0]!.ref, ...facts });

    await assert.rejects(sent, { name: "RejoinError", code, ...facts });
  }));
}

test("what was not confirmed is sent again on the next connection, in order, after what was missed", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const sent = [1, 2].map((n) => seat.send("move", { n }));
  const [first] = await visit.heard("move");
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");
  sent.push(seat.send("move", { n: 3 }));
  const second = await again(table, { headSequence: 1, replayCount: 1 });
  await settle();
  const early = second.of("move").length;
  second.replay(1, "x", "bob");
  const resent = (await second.heard("move"))[0]!;
  for (let n = 1; n <= 3; n += 1) second.live(n + 1, (await second.heard("move", n))[n - 1]!.ref);
  await Promise.all(sent);

  assert.deepEqual([early, resent], [0, first]);
  assert.deepEqual(second.of("move").map((move) => move.payload.n), [1, 2, 3]);
  assert.deepEqual(told.sequences(), [1, 2, 3, 4]);
}));

test("a replay that comes in one packet with the welcome lets moves out as well", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");
  void seat.send("move");
  table.machine.pass(125);
  const second = await table.server.visit(2);
  second.welcome({ headSequence: 2, replayCount: 2 });
  second.replay(1, "x", "bob");
  second.replay(2, "y", "bob");

  assert.equal((await second.heard("move")).length, 1);
}));

test("a confirmation that was lost is found in the replay, and nothing is sent again", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  const sent = seat.send("move");
  const [move] = await visit.heard("move");
  visit.cut();
  const second = await again(table, { headSequence: 1, replayCount: 1 });
  second.replay(1, move!.ref);

  assert.equal((await sent).sequence, 1);
  await settle();
  assert.deepEqual([second.of("move"), seat.pending], [[], []]);
}));

test("the original that comes again for a repeat confirms, and is not delivered twice", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const sent = seat.send("move");
  const [move] = await visit.heard("move");
  visit.live(1, undefined, "bob");
  visit.live(2, undefined, "bob");
  visit.live(1, move!.ref);

  assert.equal((await sent).sequence, 1);
  assert.deepEqual([told.sequences(), seat.state], [[1, 2], "connected"]);
}));

test("a message the server would close for is refused before it is sent", Table.with(async (table) => {
  const { seat, visit } = await table.seated({ maxMessageBytes: 200 });

  await assert.rejects(seat.send("chat", { text: "ä".repeat(100) }), { code: "too_large" });
  assert.deepEqual(visit.of("chat"), []);
}));

test("the outbox has a bound", Table.with(async (table) => {
  const { seat } = await table.seated();
  for (let n = 0; n < 256; n += 1) void seat.send("move", { n });

  await assert.rejects(seat.send("move"), { code: "outbox_full" });
  assert.equal(seat.pending.length, 256);
}));

test("leaving gives up what is on its way, whether anybody waits for it or not", Table.with(async (table) => {
  const { seat } = await table.seated();
  const sent = seat.send("move");
  void seat.send("move");
  await seat.leave();

  await assert.rejects(sent, { code: "left" });
  await assert.rejects(seat.send("move"), { code: "left" });
}));

test("what listeners have had is acknowledged by itself, gathered for 200 ms, and told before leaving", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  for (const sequence of [1, 2, 3]) visit.live(sequence);
  await until(() => told.events.length === 3, "the events");
  table.machine.pass(199);
  await settle();
  const early = visit.of("ack").length;
  table.machine.pass(1);
  const acks = await visit.heard("ack");
  visit.say("GAME_ACK", { gameId: "g", userId: "ann", sequence: 3, backlog: 0 });
  await until(() => seat.acknowledged === 3, "the confirmation");
  visit.live(4);
  await until(() => told.events.length === 4, "one more");
  await seat.leave();

  assert.deepEqual([early, acks.map((ack) => ack.payload.sequence)], [0, [3]]);
  assert.deepEqual((await visit.heard("ack", 2))[1]!.payload.sequence, 4);
  assert.equal(seat.players[0]!.lastAckSequence, 3);
}));

test("by hand, nothing is acknowledged that was not asked for, nor what was not delivered", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated({}, { acknowledge: "manual" });
  visit.live(1);
  visit.live(2);
  await until(() => told.events.length === 2, "the events");
  table.machine.pass(1_000);
  await settle();
  const unasked = visit.of("ack").length;
  seat.acknowledge(1);
  table.machine.pass(200);
  await visit.heard("ack");

  assert.deepEqual([unasked, visit.of("ack")[0]!.payload.sequence], [0, 1]);
  assert.throws(() => seat.acknowledge(3), { code: "invalid_ack" });
}));

test("an acknowledgement the server does not know of is said again on the next connection, or after a refusal", Table.with(async (table) => {
  const { visit, told } = await table.seated();
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  table.machine.pass(200);
  await visit.heard("ack");
  visit.refuse("backpressure", { retryAfterMs: 300 });
  await settle();
  table.machine.pass(300);
  await visit.heard("ack", 2);
  visit.cut();
  const second = await again(table, { lastSequence: 1, headSequence: 1 });

  assert.equal((await second.heard("ack"))[0]!.payload.sequence, 1);
}));

test("a spectator acknowledges nothing and passes its position with a fresh access token", Table.with(async (table) => {
  let asked = 0;
  const options = { role: "spectator", token: () => `jwt${(asked += 1)}` } as const;
  const { seat, visit, told } = await table.seated({ role: "spectator", token: null, sessionId: null, userId: "eve" }, options);
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  table.machine.pass(1_000);
  await settle();
  assert.throws(() => seat.acknowledge(1), { code: "forbidden" });
  visit.cut();
  const second = await again(table, { role: "spectator", token: null, userId: "eve", lastSequence: 1, headSequence: 1 });

  assert.deepEqual(visit.of("ack"), []);
  assert.deepEqual([second.url.searchParams.get("role"), second.after, second.protocols[1]], ["spectator", "1", "bearer.jwt2"]);
}));

test("presence is told and shows in the players", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  visit.say("GAME_PRESENCE", { gameId: "g", userId: "bob", online: true, at: 7 });
  await until(() => told.all.some(([name]) => name === "presence"), "the presence");

  assert.deepEqual(told.all.at(-1), ["presence", { userId: "bob", online: true, at: 7 }]);
  assert.deepEqual(seat.players[1], { userId: "bob", online: true, lastAckSequence: 0 });
}));

test("latency is the round trip of pings, and clocks run by the server's time", Table.with(async (table) => {
  const config = { preset: "BLITZ", totalTimeMs: 60_000, incrementMs: 0, delayMs: 0, turnTypes: ["move"], onDisconnect: "run", graceMs: 0 };
  const timer = { active: "ann", remainingMs: { ann: 60_000, bob: 50_000 }, paused: false, config, serverTime: 50_000 };
  const { seat, visit, told } = await table.seated({ timer });
  table.machine.pass(80);
  visit.say("PONG", { n: 1, serverTime: 50_090 });
  await until(() => seat.latency !== undefined, "the pong");

  // Half of the round trip ago the server showed 50,090: now it is 50,130.
  assert.deepEqual([seat.latency, seat.clock()?.remainingMs], [80, { ann: 59_870, bob: 50_000 }]);
  table.machine.pass(1_000);
  assert.equal(seat.clock()?.remainingMs.ann, 58_870);
  visit.say("GAME_TIME", { ...timer, active: "bob", remainingMs: { ann: 58_000, bob: 50_000 }, paused: true, serverTime: 51_200 });
  await until(() => told.all.some(([name]) => name === "time"), "the clocks");
  table.machine.pass(500);
  assert.deepEqual(seat.clock(), { active: "bob", remainingMs: { ann: 58_000, bob: 50_000 }, paused: true, config });
}));
