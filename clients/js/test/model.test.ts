// Random losses, repeats and holes against a model that does nothing but count.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Delivery } from "../src/delivery.js";
import type { Welcome } from "../src/frames.js";
import { History } from "../src/history.js";
import { settle, until } from "./machine.js";
import { Table, type Visit } from "./scripted.js";

/** Numbers that look random and are the same each time (mulberry32). */
function dice(seed: number): (below: number) => number {
  return (below) => {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test("whatever is lost, repeated or left out, every event is delivered once and in order", () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const roll = dice(seed);
    const history = new History();
    const delivered: number[] = [];
    let heard = true;
    let refills = 0;
    const delivery = new Delivery<number>(() => heard, (sequence) => delivered.push(sequence), () => (refills += 1));
    const head = 1 + roll(60);

    for (let connections = 0; (history.position?.sequence ?? 0) < head; connections += 1) {
      assert.ok(connections < 10_000, `seed ${seed} never ends`);
      // The server starts anywhere up to where the client is, and skips one now and then.
      const from = roll(2) ? (history.position?.sequence ?? 0) : roll((history.position?.sequence ?? 0) + 1);
      assert.equal(history.begin({ epoch: "e", lastSequence: from, headSequence: head, recovered: true } as Welcome), undefined);
      for (let sequence = from + 1; sequence <= head; sequence += 1) {
        heard = roll(4) > 0;
        if (roll(12) === 0) break;
        if (roll(10) === 0) sequence -= roll(3);
        if (roll(15) === 0) sequence += 1;
        const taken = sequence < 1 || sequence > head ? "known" : history.take(sequence);
        if (taken === "gap") break;
        if (taken === "new") delivery.offer(sequence);
      }
    }
    heard = true;
    delivery.pump();

    assert.deepEqual(delivered, Array.from({ length: head }, (_, index) => index + 1), `seed ${seed}`);
    assert.equal(refills, 0);
  }
});

/** The contract's server in a few lines: one log, a ref recorded once, a copy to its sender. */
class Log {
  readonly events: { ref: string; n: number }[] = [];

  /** Reads what has come on a connection since the last time. */
  serve(visit: Visit, from: { read: number }, roll: (below: number) => number): void {
    for (const message of visit.received.slice(from.read)) {
      from.read += 1;
      if (message.type !== "move") continue;
      const fate = roll(8);
      if (fate === 0) return visit.cut();
      if (fate === 1) {
        visit.refuse("backpressure", { ref: message.ref, retryAfterMs: 50 });
        continue;
      }
      const known = this.events.findIndex((event) => event.ref === message.ref);
      if (known < 0) this.events.push({ ref: message.ref!, n: message.payload.n });
      if (fate === 2) return visit.cut();
      visit.live(known < 0 ? this.events.length : known + 1, message.ref);
    }
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`moves over connections that break at every step arrive once and in order (seed ${seed})`, Table.with(async (table) => {
    const roll = dice(seed);
    const log = new Log();
    const { seat, told } = await table.seated();
    const sent = Array.from({ length: 40 }, (_, n) => seat.send("move", { n }));
    const reads = new Map<Visit, { read: number }>();
    const deadline = Date.now() + 20_000;

    while (seat.pending.length > 0) {
      assert.ok(Date.now() < deadline, `stuck at ${log.events.length}`);
      for (const visit of table.server.visits) {
        if (!reads.has(visit)) {
          reads.set(visit, { read: 0 });
          if (reads.size > 1) {
            const after = Number(visit.after);
            visit.welcome({ lastSequence: after, headSequence: log.events.length });
            log.events.slice(after).forEach((event, index) => visit.replay(after + index + 1, event.ref));
          }
        }
        if (visit.isOpen) log.serve(visit, reads.get(visit)!, roll);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
      table.machine.pass(50);
    }
    const events = await Promise.all(sent);
    await settle();

    assert.deepEqual(log.events.map((event) => event.n), Array.from({ length: 40 }, (_, n) => n));
    assert.deepEqual(told.sequences(), Array.from({ length: 40 }, (_, n) => n + 1));
    assert.deepEqual(events.map((event) => event.sequence), told.sequences());
    assert.ok(table.server.visits.length > 3, "hardly anything was lost");
    await until(() => table.server.open <= 1, "one connection at most");
  }));
}
