import assert from "node:assert/strict";
import { test } from "node:test";

import type { Welcome } from "../src/frames.js";
import { History } from "../src/history.js";

function welcome(changes: Partial<Welcome> = {}): Welcome {
  return { epoch: "e1", lastSequence: 0, headSequence: 0, recovered: true, ...changes } as Welcome;
}

function seen(count: number): History {
  const history = new History();
  history.begin(welcome());
  for (let sequence = 1; sequence <= count; sequence += 1) history.take(sequence);
  return history;
}

test("an event is taken once", () => {
  const history = seen(3);

  assert.deepEqual([history.take(4), history.take(4), history.take(2)], ["new", "known", "known"]);
});

test("a gap moves nothing, and is worth one more connection only", () => {
  const history = seen(3);

  assert.equal(history.take(6), "gap");
  assert.deepEqual(history.position, { sequence: 3, epoch: "e1" });
  assert.deepEqual([history.isWorthAsking(), history.isWorthAsking()], [true, false]);
  assert.deepEqual(history.skipTo(6), { reason: "gap", position: { sequence: 5, epoch: "e1" } });
  assert.equal(history.take(7), "new");
});

test("a connection that goes on where the last one stopped, or before, is no news", () => {
  const history = seen(3);

  assert.equal(history.begin(welcome({ lastSequence: 3, headSequence: 5 })), undefined);
  assert.equal(history.begin(welcome({ lastSequence: 1, headSequence: 5 })), undefined);
  assert.deepEqual([history.take(3), history.take(4)], ["known", "new"]);
});

test("another epoch, or a head behind what was seen, is another life", () => {
  for (const changes of [{ epoch: "e2", lastSequence: 0, headSequence: 9 }, { headSequence: 2, lastSequence: 1, recovered: false }]) {
    const history = seen(3);

    assert.equal(history.begin(welcome(changes))?.reason, "epoch");
    assert.equal(history.position?.sequence, changes.lastSequence);
  }
});

test("what was pruned comes as a summary, from which it goes on", () => {
  const summary = { sequence: 8, state: { board: "…" } };

  const resync = seen(3).begin(welcome({ lastSequence: 8, headSequence: 9, recovered: false, summary }));

  assert.deepEqual(resync, { reason: "floor", summary, position: { sequence: 8, epoch: "e1" } });
});

test("somebody who knows nothing is told when events do not begin with the first", () => {
  const summary = { sequence: 0, state: {} };

  assert.equal(new History().begin(welcome()), undefined);
  assert.equal(new History().begin(welcome({ lastSequence: 4, headSequence: 4 }))?.reason, "gap");
  assert.equal(new History().begin(welcome({ lastSequence: 4, headSequence: 4, recovered: false }))?.reason, "floor");
  assert.equal(new History().begin(welcome({ summary }))?.reason, "floor");
});

test("a page that has saved goes on from there", () => {
  const history = new History({ sequence: 4, epoch: "e1" });

  assert.deepEqual(history.position, { sequence: 4, epoch: "e1" });
  assert.equal(history.begin(welcome({ lastSequence: 4, headSequence: 5 })), undefined);
  assert.equal(history.take(5), "new");
});
