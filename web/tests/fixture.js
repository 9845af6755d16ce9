// What every test has: a page that may not complain, the API, and players.

import { test as base, expect } from "@playwright/test";
import WebSocket from "ws";

export { expect };

const { URL: url, ADMIN_URL: adminUrl, API_TOKEN: token } = process.env;
export const addresses = { url, adminUrl };
export const apiToken = token;

/** Calls the API as a game's backend or an operator does; fails where it refuses. */
export async function call(method, path, body) {
  const base = path.startsWith("/admin") ? adminUrl : url;
  const asked = { method, headers: { "X-API-Token": token }, body: body === undefined ? undefined : JSON.stringify(body) };
  const answer = await fetch(base + path, asked);
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
}

/** A connection of somebody with a seat: what it was told first, or how it was closed. */
export class Player {
  /** Everything it was sent. */
  frames = [];

  /** Takes a seat and comes with its token. */
  static async sit(gameId, userId, query = {}) {
    const { token: resume } = await call("POST", `/v1/games/${gameId}/sessions`, { userId });
    return Player.come({ gameId, resume, ...query });
  }

  static async come(query) {
    const player = new Player();
    player.socket = new WebSocket(`${url.replace("http", "ws")}/ws/game?${new URLSearchParams(query)}`);
    player.closed = new Promise((resolve) => player.socket.on("close", (code, reason) => resolve({ code, reason: String(reason) })));
    const first = new Promise((resolve) => {
      player.socket.on("message", (text) => {
        player.frames.push(JSON.parse(text));
        resolve(player.frames[0].payload);
      });
    });
    player.welcome = await Promise.race([first, player.closed]);
    return player;
  }

  /** Waits for a frame of this type. */
  async sees(type) {
    await expect.poll(() => this.frames.map((frame) => frame.type), { timeout: 15_000 }).toContain(type);
  }

  async leave() {
    this.socket.close();
    await this.closed;
  }
}

/** A game with moves that ann and bob have made, acknowledged up to `acknowledged` by both. */
export async function play(gameId, { moves = 6, acknowledged = 0, players = ["ann", "bob"], ...rest } = {}) {
  await call("PUT", `/v1/games/${gameId}`, { players, ...rest });
  for (const userId of players) await call("POST", `/v1/games/${gameId}/sessions`, { userId });
  const events = Array.from({ length: moves }, (_, index) => ({ type: "move", payload: { n: index + 1 }, userId: players[index % players.length] }));
  if (moves > 0) await call("POST", `/v1/games/${gameId}/events`, events);
  if (acknowledged > 0) for (const userId of players) await call("POST", `/v1/games/${gameId}/acks`, { userId, sequence: acknowledged });
  return call("GET", `/v1/games/${gameId}`);
}

let games = 0;

export const test = base.extend({
  /** Parts of complaints that the test provokes, such as of an answer with status 401. */
  expected: [[], { option: true }],

  page: async ({ page, expected }, use) => {
    const complaints = [];
    page.on("pageerror", (error) => complaints.push(`page error: ${error.stack ?? error}`));
    page.on("console", (message) => {
      const provoked = expected.some((part) => message.text().includes(part));
      if (["error", "warning"].includes(message.type()) && !provoked) complaints.push(`console ${message.type()}: ${message.text()}`);
    });
    await page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", (event) => console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
    });

    await use(page);

    expect(complaints, "the page complained").toEqual([]);
  },

  /** The console, signed in. */
  desk: async ({ page }, use) => {
    await page.goto(`${adminUrl}/console`);
    await page.getByLabel("API token").fill(apiToken);
    await page.getByRole("button", { name: "Sign in" }).click();
    await expect(page.locator("#tile-connections")).toHaveText(/\d/);
    await use(page);
  },

  /** A game's name that no other test has. */
  gameId: async ({}, use) => {
    games += 1;
    await use(`web-${process.pid}-${games}`);
  },
});
