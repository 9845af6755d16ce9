import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff, DEFAULT_PACE } from "../src/backoff.js";

const ceilings = (backoff: Backoff, times: number) => Array.from({ length: times }, () => backoff.pause(0));

test("the ceiling doubles from 250 ms to 20 s", () => {
  const backoff = new Backoff(DEFAULT_PACE, () => 1);

  assert.deepEqual(ceilings(backoff, 9), [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 20_000, 20_000]);
});

test("pauses are spread over everything below the ceiling", () => {
  const pauses = Array.from({ length: 500 }, () => new Backoff(DEFAULT_PACE, Math.random).pause(0));

  assert.ok(pauses.every((pause) => pause >= 0 && pause < 250));
  assert.ok(pauses.some((pause) => pause < 50) && pauses.some((pause) => pause > 200));
});

test("what held for 30 s starts over, and what held shorter does not", () => {
  const backoff = new Backoff(DEFAULT_PACE, () => 1);
  ceilings(backoff, 3);

  assert.equal(backoff.pause(29_999), 2_000);
  assert.equal(backoff.pause(30_000), 250);
});
