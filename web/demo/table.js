// The game that this page plays, and what opens it: made by the service, kept by the tab, handed to another device.

const KEPT = "rejoin.demo";
const PATIENCE_MS = 8_000;

async function ask(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(problem.detail ?? response.statusText);
  }
  return response;
}

/** Makes a game: `{gameId, seats: {white: {userId, token}, black: {…}}, mayRestart}`. */
export async function makeGame(timeControl) {
  const { gameId, white, black, mayRestart } = await (await ask("/demo/games", { timeControl })).json();
  const game = { gameId, seats: { white, black }, mayRestart };
  keep(game);
  return game;
}

/** Asks the service to start anew. Rejects where it is not to be had here. */
export async function restart() {
  await ask("/demo/restart", {});
}

/** The game that this tab has played before a reload. */
export function keptGame() {
  return JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
}

function keep(game) {
  sessionStorage.setItem(KEPT, JSON.stringify(game));
}

/** The game that the address names, one seat alone: its token is in the fragment, or was kept when it was. */
export function namedGame() {
  const query = new URLSearchParams(location.search);
  const [seat, gameId] = [query.get("seat"), query.get("game")];
  if (!["white", "black"].includes(seat) || !gameId) return null;
  const handed = new URLSearchParams(location.hash.slice(1));
  // At once, before anybody copies the address or looks over a shoulder.
  if (location.hash) history.replaceState(null, "", location.pathname + location.search);
  const name = `${KEPT}:${gameId}:${seat}`;
  if (handed.has("token")) {
    const users = { white: handed.get("white"), black: handed.get("black") };
    sessionStorage.setItem(name, JSON.stringify({ users, token: handed.get("token") }));
  }
  const kept = JSON.parse(sessionStorage.getItem(name) ?? "null");
  if (!kept) return { gameId, seat, seats: null };
  const { users, token } = kept;
  const seats = { white: { userId: users.white }, black: { userId: users.black } };
  seats[seat].token = token;
  return { gameId, seat, seats };
}

/** The address that opens one seat elsewhere. What opens it is in the fragment, which no server is ever sent. */
export function handOver({ gameId, seats }, seat) {
  const url = new URL("/", location.href);
  url.search = new URLSearchParams({ seat, game: gameId });
  url.hash = new URLSearchParams({ white: seats.white.userId, black: seats.black.userId, token: seats[seat].token });
  return url.href;
}

/** The name of a user, as people say it. */
export function nameOf(userId) {
  const name = (userId ?? "").split("~")[0];
  return name.charAt(0).toUpperCase() + name.slice(1);
}
