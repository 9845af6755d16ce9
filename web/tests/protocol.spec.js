// The AsyncAPI document is one, its examples are what it says, and so is what a running server sends.

import { createRequire } from "node:module";
import Ajv from "ajv";
import addFormats from "ajv-formats";
import AxeBuilder from "@axe-core/playwright";
import { Player, addresses, call, expect, play, test } from "./fixture.js";

const official = createRequire(import.meta.url)("@asyncapi/specs/schemas/3.0.0.json");

/** The official schema brings the schema of schemas along. */
const OF_ITS_OWN = { meta: false, validateSchema: false };

function ajv(options = {}) {
  const made = new Ajv({ strict: false, allErrors: true, logger: false, ...options });
  addFormats(made);
  return made;
}

const document = async () => (await fetch(`${addresses.url}/asyncapi.json`)).json();

/** Checks values against the document's own schemas, by the name of a message. */
async function judge() {
  const described = await document();
  const schemas = ajv();
  schemas.addSchema(described, "asyncapi.json");
  return (name, value) => {
    const check = schemas.compile({ $ref: `asyncapi.json#/components/messages/${name}/payload` });
    return check(value) ? [] : check.errors.map((error) => `${name}${error.instancePath} ${error.message}`);
  };
}

test("the document is AsyncAPI 3", async () => {
  const validate = ajv(OF_ITS_OWN).compile(official);

  validate(await document());

  expect(validate.errors ?? []).toEqual([]);
});

test("a document that is none is found out", async () => {
  const validate = ajv(OF_ITS_OWN).compile(official);
  const broken = await document();
  broken.operations.toClient.action = "shout";

  expect(validate(broken)).toBe(false);
});

test("every example is what its message says", async () => {
  const [{ components }, errors] = [await document(), await judge()];

  for (const [name, message] of Object.entries(components.messages)) {
    expect(message.examples.length, name).toBeGreaterThan(0);
    for (const { payload } of message.examples) expect(errors(name, payload)).toEqual([]);
  }
});

test("what a server sends is what the document says", async ({ gameId }) => {
  const [{ components }, errors] = [await document(), await judge()];
  await play(gameId, { moves: 3, timeControl: { preset: "CUSTOM", totalTimeMs: 1_500 } });

  const bob = await Player.sit(gameId, "bob");
  const ann = await Player.sit(gameId, "ann");
  ann.socket.send(JSON.stringify({ type: "chat", payload: { text: "hello" }, ref: "c1" }));
  bob.socket.send(JSON.stringify({ type: "ping", payload: { n: 1 } }));
  bob.socket.send(JSON.stringify({ type: "ack", payload: { sequence: 2 } }));
  bob.socket.send(JSON.stringify({ type: "Move" }));
  for (const type of ["GAME_CHAT", "PONG", "GAME_ACK", "ERROR", "GAME_FLAG_FALL"]) await bob.sees(type);

  const name = ({ type }) => (type in components.messages ? type : "GAME_EVENT");
  expect(bob.frames.flatMap((frame) => errors(name(frame), frame))).toEqual([]);
  // All there are, but for what is sent when a node is about to stop.
  const all = Object.keys(components.messages).filter((key) => key === key.toUpperCase() && key !== "DRAINING");
  expect([...new Set(bob.frames.map(name))].sort()).toEqual(all.sort());
  await Promise.all([ann.leave(), bob.leave()]);
});

for (const colorScheme of ["light", "dark"]) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test("the protocol is shown message by message", async ({ page }) => {
      const { components, channels } = await document();

      await page.goto(`${addresses.url}/docs/protocol#message-GAME_RESUME`);

      await expect(page.locator("details.call")).toHaveCount(Object.keys(components.messages).length);
      await expect(page.locator("#message-GAME_RESUME")).toHaveAttribute("open", "");
      await expect(page.getByRole("region", { name: "code, reason" }).locator("tbody tr")).toHaveCount(channels.game["x-close-codes"].length);
      const parts = new AxeBuilder({ page }).include(".bar").include(".contents").include("#message-GAME_RESUME").include("#schema-Timer");
      const { violations } = await parts.analyze();
      expect(violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes[0].html}`)).toEqual([]);
    });
  });
}
