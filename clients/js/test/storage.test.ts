// What outlives a page.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Storage } from "../src/storage.js";
import { settle, until } from "./machine.js";
import { accessToken, listen, Table } from "./scripted.js";

function memory(): Storage & { entries: Map<string, string>; only(): any } {
  const entries = new Map<string, string>();
  return {
    entries,
    only: () => JSON.parse([...entries.values()][0] ?? "null"),
    get: (key) => entries.get(key) ?? null,
    set: (key, value) => void entries.set(key, value),
    remove: (key) => void entries.delete(key),
  };
}

/** The page goes, and its client with it: nothing of it runs any more. What storage had then is what the next page finds. */
function reload(storage: ReturnType<typeof memory>): ReturnType<typeof memory> {
  const next = memory();
  storage.entries.forEach((value, key) => next.entries.set(key, value));
  return next;
}

for (const kind of ["at once", "later"] as const) {
  test(`a page that comes back (storage that answers ${kind}) has its token, its state, its position and its moves`, Table.with(async (table) => {
    const kept = memory();
    const later = <T>(value: T) => new Promise<T>((resolve) => setTimeout(resolve, 1, value));
    const slow = (of: Storage): Storage => ({
      get: (key) => later(of.get(key) as string | null),
      set: (key, value) => later(undefined).then(() => of.set(key, value)),
      remove: (key) => later(undefined).then(() => of.remove(key)),
    });
    const as = (of: Storage) => (kind === "later" ? slow(of) : of);
    const { seat, visit, told } = await table.seated({ token: "t1" }, { storage: as(kept) });
    const board = { moves: ["e4"] };
    visit.live(1);
    await until(() => told.events.length === 1, "the event");
    const isKept = await seat.save(board);
    board.moves.push("changed after it was saved");
    void seat.send("move", { n: 2 });
    void seat.send("move", { n: 3 });
    const refs = (await visit.heard("move")).map((move) => move.ref);
    await settle();
    const next = reload(kept);

    const joining = table.join({ storage: as(next) });
    const second = await table.server.visit(2);
    second.welcome({ lastSequence: 1, headSequence: 1, token: "t2" });
    const restored = await joining;
    const before = [restored.restored, restored.position, restored.pending.map((move) => move.payload)];
    const again = listen(restored);
    second.live(2, (await second.heard("move"))[0]!.ref);
    second.live(3, (await second.heard("move", 2))[1]!.ref);
    await until(() => again.events.length === 2, "the moves");

    assert.equal(isKept, true);
    assert.deepEqual(second.protocols, ["rejoin.v1", "resume.t1"]);
    assert.deepEqual([second.after, second.url.searchParams.get("epoch")], ["1", "e1"]);
    assert.deepEqual(before, [{ moves: ["e4"] }, { sequence: 1, epoch: "e1" }, [{ n: 2 }, { n: 3 }]]);
    assert.deepEqual([second.of("move")[0]!.ref, restored.pending], [refs[0], []]);
    await settle();
    assert.deepEqual(next.only(), { token: "t2", saved: { state: JSON.stringify({ moves: ["e4"] }), position: { sequence: 1, epoch: "e1" } }, outbox: [] });
  }));
}

test("a page that has saved nothing passes no position, and is told what it will not get", Table.with(async (table) => {
  const kept = memory();
  const { visit, told } = await table.seated({}, { storage: kept });
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  const next = reload(kept);

  const joining = table.join({ storage: next });
  const second = await table.server.visit(2);
  second.welcome({ lastSequence: 1, headSequence: 1 });
  const again = listen(await joining);
  await settle();

  assert.deepEqual([second.after, second.protocols[1]], [null, "resume.t1"]);
  assert.deepEqual(again.all[0], ["resync", { reason: "gap", position: { sequence: 1, epoch: "e1" } }]);
}));

test("what is saved once bounds what is acknowledged by itself", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated({}, { storage: memory() });
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  await seat.save({ n: 1 });
  visit.live(2);
  visit.live(3);
  await until(() => told.events.length === 3, "the events");
  table.machine.pass(1_000);
  const [first] = await visit.heard("ack");
  await seat.save();
  table.machine.pass(1_000);

  assert.equal(first!.payload.sequence, 1);
  assert.equal((await visit.heard("ack", 2))[1]!.payload.sequence, 3);
}));

test("another user of the same page, game and server finds nothing of the one before", Table.with(async (table) => {
  const storage = memory();
  await table.seated({ token: "of ann" }, { storage });
  const { visit } = await table.seated({ userId: "bob" }, { storage, token: () => accessToken("bob") });

  assert.deepEqual(visit.protocols, ["rejoin.v1", `bearer.${accessToken("bob")}`]);
  assert.equal(storage.entries.size, 2);
}));

test("a move that was refused is not sent by the next page", Table.with(async (table) => {
  const storage = memory();
  const { seat, visit } = await table.seated({}, { storage });
  void seat.send("move");
  const [move] = await visit.heard("move");
  const during = storage.only().outbox.length;
  visit.refuse("conflict", { ref: move!.ref });
  await until(() => seat.pending.length === 0, "the refusal");

  assert.deepEqual([during, storage.only().outbox], [1, []]);
}));

test("a refusal of a move of the page before is told", Table.with(async (table) => {
  const storage = memory();
  const { seat, visit } = await table.seated({}, { storage });
  void seat.send("move", { n: 1 });
  await visit.heard("move");
  const { visit: second, told } = await table.seated({}, { storage: reload(storage) });
  second.refuse("conflict", { ref: (await second.heard("move"))[0]!.ref });
  await until(() => told.all.some(([name]) => name === "refused"), "the refusal");

  assert.deepEqual(told.all.find(([name]) => name === "refused")?.[1].payload, { n: 1 });
}));

test("leaving keeps the token, forgetting and the game's end remove everything, a refused user loses the token", Table.with(async (table) => {
  const left = memory();
  await (await table.seated({}, { storage: left })).seat.leave();
  const forgotten = memory();
  await (await table.seated({}, { storage: forgotten })).seat.leave({ forget: true });
  const ended = memory();
  (await table.seated({}, { storage: ended })).visit.close(1000, "Game ended");
  const revoked = memory();
  (await table.seated({}, { storage: revoked })).visit.close(1008, "Session revoked");
  await until(() => table.seats.every((seat) => seat.state === "closed"), "the ends");

  assert.equal(left.only().token, "t1");
  assert.deepEqual([forgotten.entries.size, ended.entries.size], [0, 0]);
  assert.deepEqual(revoked.only(), { outbox: [] });
}));

test("a stale token in storage falls back to the access token, once, and keeps position and moves", Table.with(async (table) => {
  const storage = memory();
  const { seat, visit, told } = await table.seated({}, { storage });
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  await seat.save("state");
  const next = reload(storage);
  const joining = table.join({ storage: next });
  (await table.server.visit(2)).close(1008, "Session expired");
  const third = await table.server.visit(3);
  third.welcome({ lastSequence: 1, headSequence: 1 });

  assert.equal((await joining).restored, "state");
  assert.deepEqual([third.protocols[1], third.after], [`bearer.${accessToken("ann")}`, "1"]);
}));

test("a storage that throws, that rejects, or that holds nonsense costs nothing but what it was to keep", Table.with(async (table) => {
  const nope = () => {
    throw new Error("quota");
  };
  const never = () => Promise.reject(new Error("gone"));
  for (const storage of [{ get: nope, set: nope, remove: nope }, { get: never, set: never, remove: never }]) {
    const { seat, visit } = await table.seated({}, { storage });
    const sent = seat.send("move");
    visit.live(1, (await visit.heard("move"))[0]!.ref);

    assert.equal((await sent).sequence, 1);
    assert.equal(await seat.save(1), false);
    await seat.leave({ forget: true });
  }
  for (const text of ["{", "null", "7", '{"outbox":["x"]}', '{"outbox":[],"saved":{}}']) {
    const storage = { ...memory(), get: () => text };
    const { visit } = await table.seated({}, { storage });
    assert.equal(visit.protocols[1], `bearer.${accessToken("ann")}`, text);
  }
}));

test("a storage that never answers is not waited for", Table.with(async (table) => {
  const never = () => new Promise<never>(() => {});
  const joining = table.join({ storage: { get: never, set: never, remove: never } });
  await settle();
  table.machine.pass(2_000);
  const visit = await table.server.visit(1);
  visit.welcome();
  await joining;
  table.machine.pass(2_000);

  await visit.heard("ping");
}));
