// One WebSocket that is silent once it is gone, whatever the runtime still has of it.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Link, type Socket } from "../src/link.js";

/** A browser's socket: it goes on delivering between `close()` and the end of the closing handshake. */
class Lingering implements Socket {
  static made: Lingering;
  readonly readyState = 1;
  onmessage: Socket["onmessage"] = null;
  onclose: Socket["onclose"] = null;
  onerror: Socket["onerror"] = null;

  constructor() {
    Lingering.made = this;
  }

  send(): void {}
  close(): void {}
}

for (const end of ["cut", "close"] as const) {
  test(`after ${end} nothing is heard of a link, not even its end`, () => {
    const heard: string[] = [];
    const link = new Link(Lingering, { url: "ws://here", protocols: [] }, (text) => heard.push(text), () => heard.push("ended"));
    Lingering.made.onmessage?.({ data: "before" });

    link[end]();
    Lingering.made.onmessage?.({ data: "after" });
    Lingering.made.onclose?.({ code: 1006, reason: "" });

    assert.deepEqual(heard, ["before"]);
  });
}
