// Pictures of the console for the documentation, written when asked for: `npm run screenshots`, on a server with some
// shards and a Redis.

import { spawn } from "node:child_process";
import { Player, addresses, apiToken, call, expect, test } from "./fixture.js";

const FOLDER = new URL("../../docs/screenshots/", import.meta.url).pathname;
const SIZES = { wide: { viewport: { width: 1320, height: 1010 } }, phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1.5 } };
const WATCHED_MS = 70_000;
const GAME = "league-final";

/** A game that something has happened to. */
async function play() {
  const players = ["ann", "bob", "cat"];
  await call("PUT", `/v1/games/${GAME}`, { players, timeControl: { preset: "BLITZ" } });
  const early = await Player.sit(GAME, "bob");
  await early.leave();
  for (const userId of ["ann", "cat"]) await (await Player.sit(GAME, userId)).leave();
  const moves = Array.from({ length: 24 }, (_, index) => ({ type: "move", payload: { n: index + 1 }, userId: players[index % 3] }));
  await call("POST", `/v1/games/${GAME}/events`, moves);
  await call("PUT", `/v1/games/${GAME}/summary`, { sequence: 12, state: { board: "after 12" } });
  for (const [userId, sequence] of [["ann", 20], ["bob", 14], ["cat", 12]]) await call("POST", `/v1/games/${GAME}/acks`, { userId, sequence });
  const { epoch } = await call("GET", `/v1/games/${GAME}`);
  await Player.come({ gameId: GAME, resume: "made-up" });
  await Player.sit(GAME, "bob", { after: 99, epoch });
  await Player.sit(GAME, "ann");
  await Player.sit(GAME, "cat", { role: "spectator", after: 3, epoch });
  await Player.sit(GAME, "ann");
}

/** Tables where people sit, some longer than others. */
async function furnish() {
  for (let table = 1; table <= 40; table += 1) {
    const [gameId, players] = [`table-${table}`, ["ann", "bob"].map((name) => `${name}-${table}`)];
    await call("PUT", `/v1/games/${gameId}`, { players });
    const moves = Array.from({ length: (table * 17) % 43 }, (_, index) => ({ type: "move", payload: { n: index + 1 }, userId: players[index % 2] }));
    if (moves.length > 0) await call("POST", `/v1/games/${gameId}/events`, moves);
    for (const userId of players) await Player.sit(gameId, userId);
  }
}

test("the console in four ways @screenshots", async ({ browser }) => {
  test.setTimeout(300_000);
  await furnish();
  const traffic = spawn(process.env.REJOIN, ["smoke", "--url", addresses.url, "--rounds", "1000", "--timeout", "280"], { cwd: new URL("../..", import.meta.url).pathname, stdio: "ignore" });
  const looks = [];
  for (const colorScheme of ["light", "dark"]) {
    for (const [size, options] of Object.entries(SIZES)) {
      const page = await (await browser.newContext({ colorScheme, ...options })).newPage();
      await page.goto(`${addresses.adminUrl}/console`);
      await page.getByLabel("API token").fill(apiToken);
      await page.getByRole("button", { name: "Sign in" }).click();
      await expect(page.locator("#tile-connections")).toHaveText(/\d/);
      looks.push({ page, name: `${size}-${colorScheme}` });
    }
  }
  await looks[0].page.waitForTimeout(WATCHED_MS);
  for (const { page, name } of looks) await page.screenshot({ path: `${FOLDER}console-${name}.png` });
  await play();
  for (const { page, name } of looks) {
    await page.getByRole("searchbox", { name: "Game" }).fill(GAME);
    await page.getByRole("button", { name: "Look up" }).click();
    await expect(page.locator("#game-name")).toHaveText(GAME);
    // The bar would stand in the middle of it.
    await page.evaluate(() => document.querySelector(".bar").remove());
    await page.locator("#games").screenshot({ path: `${FOLDER}game-${name}.png` });
  }
  traffic.kill();
});
