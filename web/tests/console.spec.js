// The console shows what the API says, explains what became of a resume, and asks before it does anything.

import AxeBuilder from "@axe-core/playwright";
import { Player, addresses, apiToken, call, expect, play, test } from "./fixture.js";

const CONSOLE = `${addresses.adminUrl}/console`;

async function lookUp(desk, gameId) {
  await desk.getByRole("searchbox", { name: "Game" }).fill(gameId);
  await desk.getByRole("button", { name: "Look up" }).click();
  await expect(desk.locator("#game-name")).toHaveText(gameId);
}

/** Presses a button, and answers the question that has to come: it names what will be done. */
async function answer(desk, button, question, yes) {
  await button.click();
  const dialog = desk.getByRole("dialog", { name: question });
  await expect(dialog).toBeVisible();
  await dialog.getByRole("button", { name: yes ?? "Leave it", exact: true }).click();
  await expect(dialog).toBeHidden();
}

test.describe("signing in", () => {
  test.use({ expected: ["status of 401"] });

  test("a wrong token is said to be refused", async ({ page }) => {
    await page.goto(CONSOLE);
    await expect(page.getByText("data/secrets.env")).toBeVisible();

    await page.getByLabel("API token").fill("not-a-token-of-this-node-0123456789");
    await page.getByRole("button", { name: "Sign in" }).click();

    await expect(page.getByRole("alert")).toContainText("This token was refused");
    await expect(page.locator("#board")).toBeHidden();
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0);
  });
});

test("a token is kept until its holder signs out", async ({ desk }) => {
  await desk.reload();
  await expect(desk.locator("#tile-connections")).toHaveText(/\d/);

  await desk.getByRole("button", { name: "Sign out" }).click();

  await expect(desk.getByLabel("API token")).toBeFocused();
  expect(await desk.evaluate(() => sessionStorage.length)).toBe(0);
  expect(await desk.content()).not.toContain(apiToken);
});

test("the numbers are those of the API", async ({ desk, gameId }) => {
  await play(gameId);
  const [ann, eve] = [await Player.sit(gameId, "ann"), await Player.sit(gameId, "bob", { role: "spectator" })];

  const entries = (await call("GET", "/admin/shards")).shards.map((shard) => String(shard.entries));
  await expect(desk.locator("#tile-connections")).toHaveText("2");
  await expect(desk.getByText("1 playing, 1 watching")).toBeVisible();
  await desk.getByText("Entries", { exact: true }).click();
  await expect(desk.locator(".cell b")).toHaveText(entries);

  const { breakers } = await call("GET", "/admin/breakers");
  await expect(desk.locator(".breaker")).toHaveCount(breakers.length);
  for (const { dependency, state } of breakers) {
    await expect(desk.locator(`[data-breaker=${dependency}] .badge`)).toHaveText(state.replace("_", " "));
  }
  await Promise.all([ann.leave(), eve.leave()]);
  await expect(desk.locator("#tile-connections")).toHaveText("0");
});

test("each shard and each plot can be read as a table", async ({ desk, gameId }) => {
  await play(gameId);
  await desk.getByText("As a table").first().click();

  const { shards } = await call("GET", "/admin/shards");
  const rows = desk.getByRole("table", { name: "Every shard, as of now" }).getByRole("row");
  await expect(rows).toHaveCount(shards.length + 1);
  for (const [index, shard] of shards.entries()) await expect(rows.nth(index + 1).getByRole("cell").nth(3)).toHaveText(String(shard.entries));

  const figure = desk.getByRole("region", { name: "Commit latency", exact: true });
  await figure.getByText("As a table").click();
  await expect(figure.getByRole("columnheader")).toHaveText(["time", "p50", "p99"]);
  await expect(figure.getByRole("img")).toHaveAttribute("aria-label", /Commit latency\. p50: now .*highest/);
});

test("a shard that is pressed shows its own history", async ({ desk }) => {
  await desk.getByRole("button", { name: /^Shard 1:/ }).click();

  await expect(desk.getByRole("button", { name: /^Shard 1:/ })).toHaveAttribute("aria-pressed", "true");
  await expect(desk.getByRole("region", { name: "Memory, shard 1" })).toContainText("shard 1");
});

test("a game is shown as it stands", async ({ desk, gameId }) => {
  await play(gameId, { moves: 9, timeControl: { preset: "BLITZ" } });
  await call("POST", `/v1/games/${gameId}/acks`, { userId: "ann", sequence: 7 });
  await call("POST", `/v1/games/${gameId}/acks`, { userId: "bob", sequence: 4 });
  const bob = await Player.sit(gameId, "bob");

  await lookUp(desk, gameId);

  await expect(desk.locator("#found-in")).toHaveText("in memory");
  await expect(desk.locator('[data-fact="head"]')).toHaveText("9");
  await expect(desk.locator('[data-fact="floor"]')).toHaveText("4");
  await expect(desk.locator("[data-user=ann] td")).toHaveText(["ann", "away", "7", "2", "named", /.+/, /left/, "Revoke…"]);
  await expect(desk.locator("[data-user=bob] td")).toHaveText(["bob", "online", "4", "5", "holds the floor", /.+/, "while online", "Revoke…"]);
  await expect(desk.getByRole("group", { name: "Clocks" })).toContainText("to move");
  await bob.leave();
  await expect(desk.locator("[data-user=bob] .badge").first()).toHaveText("away");
});

test("it says why a resume was not recovered", async ({ desk, gameId }) => {
  const { epoch } = await play(gameId, { moves: 6, acknowledged: 4 });
  const watcher = await Player.sit(gameId, "ann", { role: "spectator", after: 1, epoch });
  expect(watcher.welcome).toMatchObject({ recovered: false, lastSequence: 4 });

  await lookUp(desk, gameId);

  const visit = desk.locator("[data-outcome=not_recovered]");
  await expect(visit).toContainText("ann");
  await expect(visit).toContainText("stood at 1, but everything up to 4 had been pruned: 3 events of what it missed are gone");
  await watcher.leave();
});

test("it says why somebody was not let in", async ({ desk, gameId }) => {
  await play(gameId);
  const stranger = await Player.come({ gameId, resume: "made-up" });
  expect(stranger.welcome).toEqual({ code: 1008, reason: "Invalid resume token" });

  await lookUp(desk, gameId);

  await expect(desk.locator("[data-outcome=refused]")).toContainText("a stranger");
  await expect(desk.locator("[data-outcome=refused]")).toContainText("refused 1008");
});

test.describe("a game that is not there", () => {
  test.use({ expected: ["status of 404"] });

  test("is said not to be", async ({ desk, gameId }) => {
    await desk.getByRole("searchbox", { name: "Game" }).fill(gameId);
    await desk.keyboard.press("Enter");

    await expect(desk.locator("#game")).toContainText(`There is no game ${gameId}`);
  });
});

test("flushing a game asks first, and the next call brings it back", async ({ desk, gameId }) => {
  await play(gameId);
  await lookUp(desk, gameId);
  const flush = desk.getByRole("button", { name: "Flush…" });

  await answer(desk, flush, `Flush ${gameId}?`);
  expect((await call("GET", `/admin/games/${gameId}`)).foundIn).toBe("memory");
  await expect(async () => {
    // What waits to be written keeps a game in memory for a moment.
    await answer(desk, flush, `Flush ${gameId}?`, "Flush");
    await expect(desk.locator("#found-in")).toHaveText("in the durable store alone", { timeout: 1_000 });
  }).toPass();

  await expect(desk.locator("#told")).toHaveText(`Flushed ${gameId}.`);
  expect(await call("GET", `/v1/games/${gameId}`)).toMatchObject({ headSequence: 6, cached: false });
  await expect(desk.locator("#found-in")).toHaveText("in memory");
});

test("revoking a seat asks first, ends its connection, and the seat can be taken again", async ({ desk, gameId }) => {
  await play(gameId);
  const ann = await Player.sit(gameId, "ann");
  await lookUp(desk, gameId);
  const revoke = desk.getByRole("button", { name: "Revoke the seat of ann" });

  await answer(desk, revoke, "Revoke the seat of ann?");
  expect(ann.socket.readyState).toBe(ann.socket.OPEN);
  await answer(desk, revoke, "Revoke the seat of ann?", "Revoke");

  expect(await ann.closed).toEqual({ code: 1008, reason: "Session revoked" });
  await expect(desk.locator("[data-user=ann] .badge").first()).toHaveText("revoked");
  await expect(desk.locator("[data-outcome=ended]")).toContainText("the session was revoked");
  const again = await Player.sit(gameId, "ann");
  await expect(desk.locator("[data-user=ann] .badge").first()).toHaveText("online");
  await again.leave();
});

test("the share of games in Redis is changed after a question, and back", async ({ desk }) => {
  const before = (await call("GET", "/admin/flags")).redisReadThrough;
  const change = desk.locator(".control", { hasText: "Redis read-through" }).getByRole("button", { name: "Change…" });
  const share = desk.getByLabel("Share of games");
  await expect(share).toHaveValue(String(before.percent));

  await share.fill("35");
  await answer(desk, change, "Change Redis read-through?");
  expect((await call("GET", "/admin/flags")).redisReadThrough).toEqual(before);
  await answer(desk, change, "Change Redis read-through?", "Change");
  await expect(desk.getByText("Now: 35 % of games use Redis.")).toBeVisible();
  expect((await call("GET", "/admin/flags")).redisReadThrough).toEqual({ enabled: true, percent: 35 });

  await share.fill(String(before.percent));
  await answer(desk, change, "Change Redis read-through?", "Change");
  await expect(desk.getByText(`Now: ${before.percent} % of games use Redis.`)).toBeVisible();
  expect((await call("GET", "/admin/flags")).redisReadThrough).toEqual(before);
});

test("the log level is changed after a question, and back", async ({ desk }) => {
  const before = (await call("GET", "/admin/log-level")).level;
  const change = desk.locator(".control", { hasText: "Log level" }).getByRole("button", { name: "Change…" });

  await desk.getByLabel("What is logged").selectOption("warn");
  await answer(desk, change, "Log at warn?");
  expect(await call("GET", "/admin/log-level")).toEqual({ level: before });
  await answer(desk, change, "Log at warn?", "Change");
  await expect(desk.locator("#level-now")).toHaveText("Now: warn.");
  expect(await call("GET", "/admin/log-level")).toEqual({ level: "warn" });

  await desk.getByLabel("What is logged").selectOption(before);
  await answer(desk, change, `Log at ${before}?`, "Change");
  await expect(desk.locator("#level-now")).toHaveText(`Now: ${before}.`);
  expect(await call("GET", "/admin/log-level")).toEqual({ level: before });
});

test("cleaning up and flushing everything ask first", async ({ desk, gameId }) => {
  await play(gameId);

  await desk.getByRole("button", { name: "Flush memory…" }).click();
  await desk.keyboard.press("Escape");
  await expect(desk.getByRole("dialog")).toBeHidden();
  expect((await call("GET", `/admin/games/${gameId}`)).foundIn).toBe("memory");
  await answer(desk, desk.getByRole("button", { name: "Flush memory…" }), "Flush all games from memory?", "Flush memory");
  await expect(desk.locator("#told")).toHaveText("Flushed memory.");
  expect((await call("GET", `/v1/games/${gameId}`)).headSequence).toBe(6);

  await answer(desk, desk.getByRole("button", { name: "Clean up…" }), "Clean up now?", "Clean up");
  await expect(desk.locator("#told")).toHaveText(/^Removed \d+ sessions, \d+ games, \d+ events\.$/);
});

test.describe("a node that does not answer", () => {
  test.use({ expected: ["ERR_FAILED"] });

  test("is said to be silent, and shown again once it is back", async ({ desk }) => {
    await desk.route("**/admin/shards", (route) => route.abort("failed"));
    await expect(desk.getByRole("alert")).toContainText("the node does not answer");

    await desk.unroute("**/admin/shards");

    await expect(desk.getByRole("alert")).toBeHidden();
    await expect(desk.locator("#readiness")).toHaveText("ready");
  });
});

for (const colorScheme of ["light", "dark"]) {
  test.describe(colorScheme, () => {
    test.use({ colorScheme });

    test("nothing stands in the way of those who see or move less", async ({ desk, gameId }) => {
      const { epoch } = await play(gameId, { moves: 6, acknowledged: 4, timeControl: { preset: "BLITZ" } });
      const watcher = await Player.sit(gameId, "ann", { role: "spectator", after: 1, epoch });
      await lookUp(desk, gameId);
      await desk.getByText("As a table").first().click();
      const grave = async () => {
        const { violations } = await new AxeBuilder({ page: desk }).analyze();
        return violations.filter(({ impact }) => ["serious", "critical"].includes(impact)).map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
      };

      await desk.getByRole("button", { name: "Pause" }).click();
      expect(await grave()).toEqual([]);
      await desk.getByRole("button", { name: "Flush…" }).click();
      expect(await grave()).toEqual([]);
      await desk.keyboard.press("Escape");
      await desk.getByRole("button", { name: "Sign out" }).click();
      expect(await grave()).toEqual([]);
      await watcher.leave();
    });
  });
}

test.describe("on a phone", () => {
  test.use({ viewport: { width: 360, height: 740 } });

  test("the page is no wider than the screen", async ({ desk, gameId }) => {
    await play(gameId);
    await lookUp(desk, gameId);

    expect(await desk.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
});
