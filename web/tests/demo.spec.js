// The page at play: a game goes on, whatever happens to its connections, its pages and its server.

import { readFileSync } from "node:fs";

import AxeBuilder from "@axe-core/playwright";
import { Chess } from "chess.js";
import { addresses, call, expect, test } from "./fixture.js";
import { chess, vendored } from "../vendor.js";

const RECORD = new URL("../../src/commands/smoke/deep-blue-1997.txt", import.meta.url);

/** A famous game, from 1 on, as it is on file. */
function famous(number) {
  const lines = readFileSync(RECORD, "utf8").split("\n").filter((line) => line && !line.startsWith("#"));
  const moves = lines[number - 1].trim().split(" ");
  return { result: moves.pop(), moves };
}

async function ask(path, body = {}) {
  const answer = await fetch(addresses.url + path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

async function made(timeControl) {
  return (await ask("/demo/games", { timeControl })).json();
}

/** The address that opens one seat alone. */
function link(game, seat) {
  const query = new URLSearchParams({ seat, game: game.gameId });
  const handed = new URLSearchParams({ white: game.white.userId, black: game.black.userId, token: game[seat].token });
  return `${addresses.url}/?${query}#${handed}`;
}

const place = (page, seat) => page.locator(`.place[data-seat=${seat}]`);
const square = (page, seat, name) => place(page, seat).locator(`[data-square=${name}]`);
const moves = (page, seat) => place(page, seat).getByRole("list", { name: /Moves that/ }).locator("li");
const log = (page, seat) => place(page, seat).locator("[data-part=log]");
const count = async (page, seat) => Number(await place(page, seat).getAttribute("data-moves"));

/** Both devices of the page, with their seats taken. */
async function open(page) {
  await page.goto(`${addresses.url}/`);
  for (const seat of ["white", "black"]) await expect(place(page, seat)).toHaveAttribute("data-state", "connected");
  return page.locator("#game-id").textContent();
}

async function write(page, seat, san) {
  await place(page, seat).getByRole("textbox").fill(san);
  await place(page, seat).getByRole("button", { name: "Move", exact: true }).click();
}

test("what is vendored is what the lock file names", async () => {
  expect(readFileSync(vendored, "utf8")).toBe(await chess());
});

test.describe("under fire", () => {
  test.use({ expected: ["WebSocket connection to"] });

  test("two devices play a whole game through cuts, a reload and a restart, and both have all of it", async ({ device }) => {
    const { moves: record } = famous(1);
    const game = await made();
    const ann = await device(link(game, "white"));
    const bob = await device(link(game, "black"));
    const players = [[ann, "white"], [bob, "black"]];
    for (const [page] of players) {
      expect(page.url()).not.toContain("token");
      await page.getByText("fast", { exact: true }).click();
    }

    await ann.getByRole("button", { name: "Play a famous game" }).click();
    for (const [after, harm] of [
      [6, () => place(ann, "white").getByRole("button", { name: "Cut the wire" }).click()],
      [12, () => place(bob, "black").getByRole("button", { name: "Cut the wire" }).click()],
      [20, () => bob.reload()],
      [30, () => place(ann, "white").getByRole("button", { name: "Cut the wire" }).click()],
      [38, () => ask("/demo/restart")],
      [50, () => place(bob, "black").getByRole("button", { name: "Cut the wire" }).click()],
      [60, () => ann.reload()],
      [70, () => place(ann, "white").getByRole("button", { name: "Cut the wire" }).click()],
    ]) {
      await expect.poll(() => Promise.all(players.map(([page, seat]) => count(page, seat))).then((counts) => Math.min(...counts)), { timeout: 30_000 }).toBeGreaterThanOrEqual(after);
      // One harm at a time: whoever is away hears nothing of a restart.
      for (const [page, seat] of players) await expect(place(page, seat)).toHaveAttribute("data-state", "connected");
      await harm();
      if (after === 20) await bob.getByText("fast", { exact: true }).click();
      if (after === 60) await ann.getByText("fast", { exact: true }).click();
    }

    const board = new Chess();
    for (const san of record) board.move(san);
    for (const [page, seat] of players) {
      await expect(place(page, seat).locator("[data-part=result]")).toHaveText("Ann wins: resignation.", { timeout: 30_000 });
      await expect(place(page, seat)).toHaveAttribute("data-fen", board.fen());
      expect(await moves(page, seat).allTextContents()).toEqual(record);
      // The first event begins the famous game, the last one resigns it.
      expect(await moves(page, seat).evaluateAll((items) => items.map((item) => Number(item.dataset.sequence)))).toEqual(record.map((_, index) => index + 2));
      const told = await log(page, seat).locator("li[data-sequence]").evaluateAll((items) => items.map((item) => Number(item.dataset.sequence)));
      expect(told).toEqual(Array.from({ length: record.length + 2 }, (_, index) => index + 1));
    }
    expect((await call("GET", `/v1/games/${game.gameId}`)).headSequence).toBe(record.length + 2);
    await expect(log(bob, "black")).toContainText("The page was loaded anew");
    await expect(log(ann, "white")).toContainText("The server is about to restart");
    await expect(log(ann, "white")).toContainText("The wire is cut. Next try in");
    await expect(log(ann, "white").locator(".back").first()).toContainText(/^·?Was away .*, missed (nothing|\d+ events?, all here) in/);
  });
});

test("a move made offline waits in the outbox, and arrives once", async ({ page }) => {
  const gameId = await open(page);
  const ann = place(page, "white");
  await ann.getByRole("button", { name: "Go offline 10 s" }).click();
  await expect(ann).toHaveAttribute("data-state", "offline");

  await write(page, "white", "e4");
  await expect(ann.locator("[data-part=outbox]")).toHaveText("e4");
  await expect(square(page, "white", "e4")).toHaveClass(/waiting/);
  expect((await call("GET", `/v1/games/${gameId}`)).headSequence).toBe(0);
  expect(await count(page, "black")).toBe(0);
  await ann.getByRole("button", { name: "Come back" }).click();

  for (const seat of ["white", "black"]) await expect(moves(page, seat)).toHaveText(["e4"]);
  await expect(ann.locator("[data-part=outbox] li")).toHaveCount(0);
  await expect(square(page, "white", "e4")).not.toHaveClass(/waiting/);
  await expect(log(page, "white")).toContainText("missed nothing");
  expect((await call("GET", `/v1/games/${gameId}`)).headSequence).toBe(1);
});

test("what was missed is told when the wire is back", async ({ page }) => {
  await open(page);
  await write(page, "white", "e4");
  await expect(moves(page, "black")).toHaveText(["e4"]);
  await place(page, "white").getByRole("button", { name: "Go offline 10 s" }).click();
  await expect(place(page, "black")).toContainText("Ann is away");

  await write(page, "black", "c5");
  await expect(moves(page, "black")).toHaveText(["e4", "c5"]);
  expect(await count(page, "white")).toBe(1);
  await place(page, "white").getByRole("button", { name: "Come back" }).click();

  await expect(moves(page, "white")).toHaveText(["e4", "c5"]);
  await expect(log(page, "white")).toContainText(/Was away .* missed 1 event, all here in/);
  await expect(log(page, "white").locator("li.replay[data-sequence='2']")).toContainText("c5, missed, by Bob");
  await expect(place(page, "black")).toContainText("Ann is here");
});

test("a game is played from the keyboard alone, and every square says what it is", async ({ page }) => {
  await open(page);
  const press = async (...keys) => {
    for (const key of keys) await page.keyboard.press(key);
  };

  await square(page, "white", "e2").focus();
  await press("Enter", "Escape", "ArrowUp", "ArrowUp", "Enter");
  expect(await count(page, "white")).toBe(0);
  await press("ArrowDown", "ArrowDown", "Enter");
  await expect(square(page, "white", "e2")).toHaveAttribute("aria-selected", "true");
  await press("ArrowUp", "ArrowUp", "Enter");

  for (const seat of ["white", "black"]) await expect(square(page, seat, "e4")).toHaveAttribute("aria-label", "e4, white pawn");
  await expect(page.getByRole("gridcell", { name: "e2, empty" })).toHaveCount(2);
  await expect(page.locator("#announcer")).toHaveText("Ann: e4");

  // Bob sees the board from his side: up is towards the lower ranks.
  await square(page, "black", "e7").focus();
  await press("Enter", "ArrowUp", "ArrowUp", "Enter");
  await expect(square(page, "white", "e5")).toHaveAttribute("aria-label", "e5, black pawn");

  await place(page, "white").getByRole("textbox").focus();
  await page.keyboard.type("Ke3");
  await press("Enter");
  await expect(place(page, "white").getByRole("alert")).toHaveText("Ke3 is no legal move here.");
  await page.keyboard.press("ControlOrMeta+A");
  await page.keyboard.type("Nf3");
  await press("Enter");
  await expect(moves(page, "black")).toHaveText(["e4", "e5", "Nf3"]);
});

test("pieces are moved by clicks and by dragging", async ({ page }) => {
  await open(page);
  await square(page, "white", "d2").click();
  await square(page, "white", "d4").click();
  await expect(moves(page, "black")).toHaveText(["d4"]);

  await square(page, "black", "g8").dragTo(square(page, "black", "f6"));

  await expect(moves(page, "white")).toHaveText(["d4", "Nf6"]);
});

test("a flag that falls ends the game", async ({ device }) => {
  const game = await made({ preset: "CUSTOM", totalTimeMs: 1_500 });
  const ann = await device(link(game, "white"));
  await expect(place(ann, "white")).toHaveAttribute("data-state", "connected");

  await write(ann, "white", "e4");

  await expect(place(ann, "white").locator("[data-part=result]")).toHaveText("Ann wins: time.");
  await expect(place(ann, "white").getByRole("textbox")).toBeDisabled();
  await expect(log(ann, "white")).toContainText("the flag of Bob has fallen");
});

test("another device takes the seat over with the whole game, and gives it back", async ({ page, device }) => {
  const gameId = await open(page);
  for (const [index, san] of ["e4", "e5", "Nf3"].entries()) {
    await write(page, index % 2 === 0 ? "white" : "black", san);
    await expect(moves(page, "black")).toHaveCount(index + 1);
  }
  // All but the last move is acknowledged, and gone.
  await expect.poll(async () => (await call("GET", `/v1/games/${gameId}`)).floorSequence).toBe(2);

  const phone = await device(await place(page, "black").getByRole("link", { name: "Play on another device" }).getAttribute("href"), { viewport: { width: 390, height: 844 } });
  await expect(moves(phone, "black")).toHaveText(["e4", "e5", "Nf3"]);
  await expect(place(page, "black")).toContainText("This seat is played on another device.");
  await write(phone, "black", "Nc6");
  await expect(moves(page, "white")).toHaveText(["e4", "e5", "Nf3", "Nc6"]);
  expect(phone.url()).not.toContain("token");
  await phone.reload();
  await expect(moves(phone, "black")).toHaveText(["e4", "e5", "Nf3", "Nc6"]);

  await place(page, "black").getByRole("button", { name: "Play it here" }).click();
  await expect(moves(page, "black")).toHaveText(["e4", "e5", "Nf3", "Nc6"]);
  await expect(place(phone, "black")).toContainText("This seat is played on another device.");
});

test("a reloaded page goes on, and a new game begins anew", async ({ page }) => {
  const gameId = await open(page);
  await write(page, "white", "e4");
  await expect(moves(page, "black")).toHaveText(["e4"]);

  await page.reload();
  await expect(page.locator("#game-id")).toHaveText(gameId);
  for (const seat of ["white", "black"]) await expect(moves(page, seat)).toHaveText(["e4"]);
  await write(page, "black", "e5");
  await expect(moves(page, "white")).toHaveText(["e4", "e5"]);
  await page.getByRole("button", { name: "New game" }).click();

  await expect(page.locator("#game-id")).not.toHaveText(gameId);
  for (const seat of ["white", "black"]) await expect(moves(page, seat)).toHaveCount(0);
});

for (const [colorScheme, viewport] of [["light", { width: 1320, height: 900 }], ["dark", { width: 390, height: 844 }]]) {
  test.describe(`${colorScheme}, ${viewport.width} pixels wide`, () => {
    test.use({ colorScheme, viewport });

    test("nothing stands in the way of those who see or move less", async ({ page }) => {
      await page.emulateMedia({ reducedMotion: "reduce" });
      await open(page);
      await write(page, "white", "e4");
      await expect(moves(page, "black")).toHaveText(["e4"]);
      await place(page, "white").getByRole("button", { name: "Go offline 10 s" }).click();
      await write(page, "black", "e5");
      await place(page, "black").getByText("all frames").click();

      const { violations } = await new AxeBuilder({ page }).analyze();

      const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
      expect(grave.map(({ id, nodes }) => `${id}: ${nodes[0].html}`)).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(viewport.width);
    });
  });
}
