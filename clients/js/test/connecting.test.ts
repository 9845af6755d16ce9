// How a seat connects, waits, and gives up.

import assert from "node:assert/strict";
import { test } from "node:test";

import { RejoinError } from "../src/error.js";
import { settle, until } from "./machine.js";
import { accessToken, listen, Table } from "./scripted.js";

test("the first connection offers the version first and the access token beside it, and no position", Table.with(async (table) => {
  const { visit, seat } = await table.seated();

  assert.equal(visit.url.pathname, "/ws/game");
  assert.equal(visit.url.search, "?gameId=g");
  assert.deepEqual(visit.protocols, ["rejoin.v1", `bearer.${accessToken("ann")}`]);
  assert.deepEqual([seat.userId, seat.gameId, seat.sessionId, seat.role, seat.state], ["ann", "g", "s1", "player", "connected"]);
}));

test("a lost connection comes back with the newest resume token, never in the URL, and with its position", Table.with(async (table) => {
  const { visit, told } = await table.seated({ token: "first" });
  visit.live(1);
  await until(() => told.events.length === 1, "the event");

  visit.cut();
  await until(() => told.all.some(([, status]) => status.state === "waiting"), "the loss");
  table.machine.pass(125);
  const second = await table.server.visit(2);
  second.welcome({ token: "second", lastSequence: 1, headSequence: 1 });
  await second.heard("ping");
  second.cut();
  await until(() => told.all.filter(([, status]) => status.state === "waiting").length === 2, "the next loss");
  table.machine.pass(250);
  const third = await table.server.visit(3);

  assert.deepEqual(second.protocols, ["rejoin.v1", "resume.first"]);
  assert.deepEqual(third.protocols, ["rejoin.v1", "resume.second"]);
  assert.deepEqual([second.after, second.url.searchParams.get("epoch")], ["1", "e1"]);
  assert.ok(!second.url.href.includes("first"));
}));

test("a connection lost before its first frame leaves the older token in force", Table.with(async (table) => {
  const { visit } = await table.seated({ token: "first" });

  visit.cut();
  await until(() => table.seats[0]!.state === "waiting", "the loss");
  table.machine.pass(125);
  (await table.server.visit(2)).cut();
  await until(() => table.seats[0]!.state === "waiting", "the next loss");
  table.machine.pass(250);

  assert.deepEqual((await table.server.visit(3)).protocols, ["rejoin.v1", "resume.first"]);
}));

test("the first message proves the token, at once, after it was kept", Table.with(async (table) => {
  const kept: string[] = [];
  let keep = () => {};
  const storage = {
    get: () => null,
    set: (_: string, entry: string) => {
      kept.push(JSON.parse(entry).token);
      return kept.length > 1 ? undefined : new Promise<void>((resolve) => (keep = resolve));
    },
    remove: () => {},
  };

  const joining = table.join({ storage });
  const visit = await table.server.visit(1);
  visit.welcome({ token: "new" });
  await joining;
  await settle();
  const early = visit.received.length;
  keep();
  await visit.heard("ping");

  assert.deepEqual([early, kept], [0, ["new"]]);
}));

for (const [code, reason, name] of [
  [1000, "Game ended", "game_ended"],
  [1003, "Text frames only", "text_frames_only"],
  [1008, "Missing game identifier", "missing_game_identifier"],
  [1008, "Unauthorized", "unauthorized"],
  [1008, "Forbidden", "forbidden"],
  [1008, "Session revoked", "session_revoked"],
  [1008, "Rate limited", "rate_limited"],
  [1009, "Message too big", "message_too_big"],
  [4001, "Session taken over", "session_taken_over"],
] as const) {
  test(`${code} ${reason}: stops for good, and says why`, Table.with(async (table) => {
    const { seat, visit, told } = await table.seated();
    const sent = seat.send("move");
    visit.close(code, reason);

    await assert.rejects(sent, { name: "RejoinError", code: name, closeCode: code });
    table.machine.pass(600_000);
    table.machine.news("back");
    await settle();

    assert.deepEqual(told.all.at(-1)?.[0], "refused");
    assert.ok(told.all.some(([, status]) => status.state === "closed" && status.code === code && status.reason === reason));
    assert.deepEqual([seat.state, table.server.visits.length], ["closed", 1]);
    await assert.rejects(seat.send("move"), { code: name });
  }));
}

for (const code of [1001, 1011, 1013, 4002, 4003, 4999]) {
  test(`${code}: comes back after a pause with jitter`, Table.with(async (table) => {
    const { seat, visit, told } = await table.seated();
    table.machine.chance = 0.9;

    visit.close(code, "Why");
    await until(() => seat.state === "waiting", "the loss");
    table.machine.pass(224);
    const before = seat.state;
    table.machine.pass(1);
    await table.server.visit(2);

    assert.equal(before, "waiting");
    assert.deepEqual(told.all.filter(([, status]) => status.state === "waiting").at(-1)?.[1], {
      state: "waiting", attempt: 0, delayMs: 225, code, reason: "Why",
    });
  }));
}

test("1012: the first try waits as long as DRAINING said, the next one backs off", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  visit.say("DRAINING", { reconnectAfterMs: 700 });
  visit.close(1012, "Service restart");
  await until(() => seat.state === "waiting", "the loss");

  table.machine.news("back");
  table.machine.pass(699);
  const before = seat.state;
  table.machine.pass(1);
  (await table.server.visit(2)).cut();
  await until(() => seat.state === "waiting", "the next loss");
  table.machine.pass(125);

  assert.equal(before, "waiting");
  await table.server.visit(3);
}));

test("pauses double while nothing holds, and start over after 30 s connected", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  const delays = () => told.all.filter(([name, status]) => name === "status" && status.delayMs !== undefined).map(([, status]) => status.delayMs);
  table.machine.chance = 0.5;

  let last = visit;
  for (const pause of [125, 250, 500]) {
    const known = table.server.visits.length;
    last.cut();
    await until(() => seat.state === "waiting", "a loss");
    table.machine.pass(pause);
    last = await table.server.visit(known + 1);
  }
  last.welcome();
  await last.heard("ping");
  last.say("PONG", { n: 2, serverTime: 1 });
  for (let seconds = 0; seconds < 30; seconds += 5) {
    table.machine.pass(5_000);
    last.say("GAME_PRESENCE", { userId: "bob", online: true, at: 1 });
    const heard = told.all.length;
    await until(() => told.all.length > heard - 1 && told.all.filter(([name]) => name === "presence").length > seconds / 5, "a frame");
  }
  last.cut();
  await until(() => seat.state === "waiting", "the last loss");

  assert.deepEqual(delays(), [125, 250, 500, 125]);
}));

test("a try that gets no answer ends after 10 s", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");
  table.machine.pass(125);
  const silent = await table.server.visit(2);

  table.machine.pass(9_999);
  const before = seat.state;
  table.machine.pass(1);

  assert.deepEqual([before, seat.state], ["connecting", "waiting"]);
  await until(() => !silent.isOpen, "the end of the silent connection");
}));

test("a token that never comes ends a try as well, and comes too late afterwards", Table.with(async (table) => {
  const asked: ((token: string) => void)[] = [];
  const token = () => (asked.length === 0 ? (asked.push(() => {}), accessToken("eve")) : new Promise<string>((resolve) => asked.push(resolve)));
  const { seat, visit } = await table.seated({ role: "spectator", token: null, userId: "eve" }, { token, role: "spectator" });
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");

  table.machine.pass(125);
  table.machine.pass(10_000);
  const before = seat.state;
  asked[1]!("late");
  await settle();

  assert.deepEqual([before, table.server.visits.length], ["waiting", 1]);
}));

for (const reason of ["Session expired", "Invalid resume token"]) {
  test(`1008 ${reason}: a fresh access token is tried, at once and once`, Table.with(async (table) => {
    let asked = 0;
    const { seat, visit } = await table.seated({}, { token: () => accessToken(`ann${(asked += 1)}`) });
    visit.cut();
    await until(() => seat.state === "waiting", "the loss");
    table.machine.pass(125);
    (await table.server.visit(2)).close(1008, reason);
    const third = await table.server.visit(3);
    third.close(1008, reason);
    await until(() => seat.state === "closed", "the end");
    table.machine.pass(600_000);
    await settle();

    assert.deepEqual(third.protocols, ["rejoin.v1", `bearer.${accessToken("ann2")}`]);
    assert.deepEqual([asked, table.server.visits.length], [2, 3]);
  }));
}

test("a seat that dies again and again right after its access token opened it is given up", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  visit.close(1008, "Session expired");
  const second = await table.server.visit(2);
  second.welcome();
  await second.heard("ping");
  second.close(1008, "Session expired");
  await until(() => seat.state === "closed", "the end");

  assert.equal(table.server.visits.length, 2);
}));

test("once a connection has held, an expired session may be opened anew again", Table.with(async (table) => {
  const { seat, visit } = await table.seated({}, { reconnect: { resetAfterMs: 1_000 } });
  visit.close(1008, "Session expired");
  const second = await table.server.visit(2);
  second.welcome();
  await second.heard("ping");

  table.machine.pass(1_000);
  second.close(1008, "Session expired");
  const third = await table.server.visit(3);

  assert.ok(third.protocols[1]?.startsWith("bearer."));
  assert.equal(seat.state, "connecting");
}));

test("a token function that fails costs a try, and no more", Table.with(async (table) => {
  let asked = 0;
  const token = () => {
    asked += 1;
    if (asked === 2) throw new Error("offline");
    return accessToken("ann");
  };
  const { seat, visit } = await table.seated({ token: null }, { token });
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");
  table.machine.pass(125);
  await until(() => seat.state === "waiting", "the failed try");
  table.machine.pass(250);

  await table.server.visit(2);
  assert.equal(asked, 3);
}));

test("joining rejects what another try would not mend", Table.with(async (table) => {
  const joining = table.join();
  (await table.server.visit(1)).close(1008, "Forbidden");

  await assert.rejects(joining, (error) => error instanceof RejoinError && error.code === "forbidden");
}));

test("joining goes on until the server is there, or the signal comes", Table.with(async (table) => {
  const control = new AbortController();
  const joining = table.join({ signal: control.signal });
  (await table.server.visit(1)).cut();
  await settle();
  table.machine.pass(250);
  (await table.server.visit(2)).close(1013, "Try again later");
  await settle();

  control.abort(new Error("enough"));
  await assert.rejects(joining, { message: "enough" });
  table.machine.pass(600_000);
  await settle();

  assert.equal(table.server.visits.length, 2);
}));

test("the signal leaves a seat that was joined", Table.with(async (table) => {
  const control = new AbortController();
  const { seat, visit } = await table.seated({}, { signal: control.signal });

  control.abort();

  assert.equal(seat.state, "closed");
  await until(() => !visit.isOpen, "the goodbye");
}));

test("bad options are told by name", Table.with(async (table) => {
  await assert.rejects(table.join({ url: "http://" }), { code: "invalid_options" });
  await assert.rejects(table.join({ url: "gopher://host" }), { code: "invalid_options" });
}));

test("a page that comes back tries at once, and only one connection at a time", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  table.machine.chance = 1;
  visit.cut();
  await until(() => seat.state === "waiting", "the loss");

  table.machine.news("gone");
  const idle = seat.state;
  table.machine.news("back");
  table.machine.news("back");
  const second = await table.server.visit(2);
  second.welcome();
  await second.heard("ping");
  table.machine.pass(1_000);
  await settle();

  assert.deepEqual([idle, seat.state, table.server.open, table.server.visits.length], ["waiting", "connected", 1, 2]);
}));

for (const news of ["back", "gone"] as const) {
  test(`a connection in doubt (${news}) has 3 s to show that it lives`, Table.with(async (table) => {
    const { seat, visit, told } = await table.seated();
    visit.say("PONG", { n: 1, serverTime: 50_000 });
    await until(() => seat.latency !== undefined, "the first pong");

    table.machine.news(news);
    await visit.heard("ping", 2);
    visit.say("PONG", { n: 2, serverTime: 50_000 });
    visit.say("GAME_PRESENCE", { userId: "bob", online: true, at: 1 });
    await until(() => told.all.some(([name]) => name === "presence"), "a sign of life");
    table.machine.pass(3_000);
    const alive = seat.state;
    table.machine.news(news);
    table.machine.pass(2_999);
    const doubted = seat.state;
    table.machine.pass(1);

    assert.deepEqual([alive, doubted, seat.state], ["connected", "connected", "waiting"]);
  }));
}

test("a connection without any frame for two intervals is dead", Table.with(async (table) => {
  const { seat, visit } = await table.seated({ heartbeatIntervalMs: 4_000 });

  table.machine.pass(4_000);
  await visit.heard("ping", 2);
  table.machine.pass(3_999);
  const before = seat.state;
  table.machine.pass(1);

  assert.deepEqual([before, seat.state], ["connected", "waiting"]);
}));

test("any frame keeps a connection alive", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated({ heartbeatIntervalMs: 4_000 });

  for (let sequence = 1; sequence <= 5; sequence += 1) {
    visit.live(sequence, undefined, "bob");
    await until(() => told.events.length === sequence, "the event");
    table.machine.pass(4_000);
  }

  assert.deepEqual([seat.state, table.server.visits.length], ["connected", 1]);
}));

test("what is no JSON costs the connection, and an unknown frame nothing", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  visit.say("NEWS", { a: 1 });
  visit.say("GAME_SHINY", { gameId: "g", shiny: true });
  visit.live(1);
  await until(() => told.events.length === 1, "the event");
  const alive = seat.state;

  visit.raw("no json");
  await until(() => seat.state === "waiting", "the end");

  assert.equal(alive, "connected");
}));

test("pause stays away, resume comes back at once with what was missed", Table.with(async (table) => {
  const { seat, visit, told } = await table.seated();
  seat.pause();
  await until(() => !visit.isOpen, "the goodbye");
  table.machine.news("back");
  table.machine.pass(600_000);
  await settle();
  const away = [seat.state, table.server.visits.length];

  seat.resume();
  const second = await table.server.visit(2);
  second.welcome({ headSequence: 1, replayCount: 1 });
  second.replay(1);
  await until(() => told.events.length === 1, "what was missed");

  assert.deepEqual(away, ["waiting", 1]);
}));

test("disconnect cuts, and comes back by itself", Table.with(async (table) => {
  const { seat, visit } = await table.seated();

  seat.disconnect();
  const cut = seat.state;
  table.machine.pass(125);
  await table.server.visit(2);

  assert.equal(cut, "waiting");
  await until(() => !visit.isOpen, "the cut");
}));

test("a taken over seat is not disturbed by frames of the past", Table.with(async (table) => {
  const { seat, visit } = await table.seated();
  seat.disconnect();
  table.machine.pass(125);
  const second = await table.server.visit(2);
  second.welcome({ token: "t2" });
  await second.heard("ping");
  visit.close(4001, "Session taken over");
  await settle();

  assert.deepEqual([seat.state, listen(seat).all], ["connected", []]);
}));
