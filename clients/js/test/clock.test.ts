import assert from "node:assert/strict";
import { test } from "node:test";

import { ServerClock } from "../src/clock.js";
import type { Timer } from "../src/frames.js";

function timer(changes: Partial<Timer> = {}, delayMs = 0): Timer {
  const config = { preset: "CUSTOM", totalTimeMs: 60_000, incrementMs: 0, delayMs, turnTypes: ["move"], onDisconnect: "run" as const, graceMs: 0 };
  return { active: "ann", remainingMs: { ann: 10_000, bob: 10_000 }, paused: false, config, serverTime: 100_000, ...changes };
}

function clock() {
  const time = { now: 0 };
  const server = new ServerClock(() => time.now);
  server.begin(100_000);
  return { time, server, left: () => server.read()?.remainingMs };
}

test("a game without clocks shows none", () => {
  assert.equal(clock().server.read(), undefined);
});

test("the active player's clock runs, down to nothing, and nobody else's", () => {
  const { time, server, left } = clock();
  server.show(timer());

  time.now = 4_000;
  assert.deepEqual(left(), { ann: 6_000, bob: 10_000 });
  time.now = 40_000;
  assert.deepEqual(left(), { ann: 0, bob: 10_000 });
});

test("clocks stand while paused, and when a flag has fallen", () => {
  const { time, server, left } = clock();
  for (const changes of [{ paused: true }, { active: null }]) {
    server.show(timer(changes));
    time.now += 5_000;
    assert.deepEqual(left(), { ann: 10_000, bob: 10_000 });
  }
});

test("of several pings the fastest tells the time", () => {
  const { time, server, left } = clock();
  server.show(timer());
  time.now = 1_000;

  server.measured(0, 40, 100_520);
  server.measured(0, 900, 109_000);

  // 100,520 was at 20: it is 101,500 at 1,000.
  assert.equal(left()?.ann, 8_500);
});

test("latency is smoothed", () => {
  const { server } = clock();
  server.measured(0, 100, 0);
  server.measured(0, 200, 0);

  assert.equal(server.latencyMs, 125);
});

test("a turn's delay is not shown as lost", () => {
  const { time, server, left } = clock();
  server.show(timer({ active: "bob" }, 3_000));
  server.show(timer({ active: "ann" }, 3_000));
  time.now = 2_000;
  const within = left()?.ann;
  time.now = 5_000;
  const beyond = left()?.ann;
  server.show(timer({ serverTime: 102_000 }, 3_000));
  const later = left()?.ann;

  assert.deepEqual([within, beyond, later], [10_000, 8_000, 8_000]);
});
