// One game: where it is, who sits there, and why a resume failed or lost something.

import { element, table } from "/assets/dom.js";
import { confirm, tell } from "/console/confirm.js";
import { ago, bytes, clock, count, remaining, span } from "/console/numbers.js";

const PLACES = {
  memory: { kind: "good", says: "in memory" },
  redis: { kind: "accent", says: "cached in Redis" },
  store: { kind: "warn", says: "in the durable store alone" },
  nowhere: { kind: "bad", says: "nowhere: it was ended" },
};
const OUTCOMES = {
  resumed: { kind: "good", says: "resumed" },
  new_session: { kind: "accent", says: "new session" },
  watching: { kind: "accent", says: "watching" },
  not_recovered: { kind: "warn", says: "not recovered" },
  refused: { kind: "bad", says: "refused" },
  ended: { kind: "", says: "ended" },
};

export class Game {
  #api;
  #shown = null;
  #asked = 0;
  #place = document.getElementById("game");

  constructor() {
    document.getElementById("look-up").addEventListener("submit", (event) => {
      event.preventDefault();
      this.look(document.getElementById("game-id").value.trim());
    });
  }

  use(api) {
    this.#api = api;
    const [, named] = /^#game=(.+)$/.exec(location.hash) ?? [];
    if (named) this.look(decodeURIComponent(named));
  }

  look(gameId) {
    if (gameId === "") return;
    this.#shown = gameId;
    document.getElementById("game-id").value = gameId;
    history.replaceState(null, "", `#game=${encodeURIComponent(gameId)}`);
    this.#place.replaceChildren(element("p", { class: "muted pending" }, "Looking…"));
    this.refresh();
  }

  forget() {
    this.#shown = null;
    this.#place.replaceChildren();
  }

  async refresh() {
    if (this.#shown === null) return;
    const [gameId, asked] = [this.#shown, ++this.#asked];
    try {
      const game = await this.#api.get(`/admin/games/${encodeURIComponent(gameId)}`);
      // The answer to an older question, or whoever looks has the keyboard in what would be replaced.
      if (asked !== this.#asked) return;
      this.#show(game);
    } catch (error) {
      if (asked !== this.#asked) return;
      const says = error.status === 404 ? `There is no game ${gameId}, and nobody has come for it lately.` : error.message;
      this.#place.replaceChildren(element("p", { class: "note warn", role: "alert" }, says));
    }
  }

  #show(body) {
    const focused = document.activeElement?.dataset?.key;
    const scrolled = [...this.#place.querySelectorAll(".scroll")].map((box) => box.scrollLeft);
    const place = PLACES[body.foundIn];
    const head = element("header", {},
      element("h3", { id: "game-name" }, element("code", {}, body.gameId)),
      element("span", { class: `badge ${place.kind}`, id: "found-in" }, place.says),
      element("span", { class: "badge plain" }, `shard ${body.shard}`),
      body.game && element("span", { class: "badge plain", title: body.game.epoch }, `epoch ${body.game.epoch.slice(0, 8)}`),
      element("div", { class: "spacer" }),
      element("button", { type: "button", class: "small", "data-key": "flush", onclick: () => this.#flush(body) }, "Flush…"));
    this.#place.replaceChildren(element("div", { class: "game" }, head, tiers(body), ...this.#standing(body), visits(body)));
    [...this.#place.querySelectorAll(".scroll")].forEach((box, index) => {
      box.scrollLeft = scrolled[index] ?? 0;
    });
    if (focused) this.#place.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }

  #standing({ game, gameId, connections }) {
    if (!game) return [];
    const watching = connections.filter((one) => one.role === "spectator").length;
    const facts = [
      ["head", count(game.headSequence)], ["floor", count(game.floorSequence)],
      ["kept", count(game.headSequence - game.floorSequence)],
      ["connections", `${count(connections.length)}${watching ? `, ${watching} watching` : ""}`],
      ["summary", game.summarySequence === undefined ? "none" : `at ${count(game.summarySequence)}`],
      ["made", ago(Date.now() - game.createdAt)], ["changed", ago(Date.now() - game.updatedAt)],
    ];
    const list = facts.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", { "data-fact": name }, value)));
    return [
      element("dl", { class: "facts wide" }, ...list),
      ruler(game),
      game.timer && clocks(game.timer),
      element("h4", {}, "Seats"),
      this.#seats(game, gameId),
    ];
  }

  #seats(game, gameId) {
    const behind = Math.max(...game.seats.map((seat) => seat.backlog), 1);
    const rows = game.seats.map((seat) => {
      const state = seat.revokedAt ? ["bad", "revoked"] : seat.online ? ["good", "online"] : seat.sessionId ? ["", "away"] : ["", "never came"];
      const backlog = element("div", { class: "backlog" }, element("i", { "--share": `${(100 * seat.backlog) / behind}%` }), count(seat.backlog));
      const cells = [
        element("strong", {}, seat.userId),
        element("span", { class: `badge ${state[0]}` }, state[1]),
        count(seat.lastAckSequence),
        backlog,
        seat.holdsFloor ? element("span", { class: "badge plain warn" }, "holds the floor") : seat.named ? "named" : "guest",
        seat.lastHeartbeatAt ? ago(Date.now() - seat.lastHeartbeatAt) : "–",
        expiry(seat),
        seat.sessionId && !seat.revokedAt ? element("button", {
          type: "button", class: "small danger", "data-key": `revoke ${seat.userId}`, "aria-label": `Revoke the seat of ${seat.userId}`,
          onclick: () => this.#revoke(gameId, seat),
        }, "Revoke…") : "",
      ];
      return element("tr", { "data-user": seat.userId }, ...cells.map((cell, index) => element("td", index === 2 ? { class: "number" } : {}, cell)));
    });
    return table(["user", "now", "acknowledged", "backlog", "pruning", "last seen", "token", ""], rows, { caption: `Seats of ${gameId}`, numbers: [2] });
  }

  async #flush({ gameId, redis }) {
    const both = redis.state === "present" || redis.state === "absent";
    const sure = await confirm({
      ask: `Flush ${gameId}?`, act: "Flush",
      about: `It is dropped from memory${both ? " and from Redis" : ""}, and loaded again from the durable store when somebody needs it. Nothing durable is lost.`,
    });
    if (sure) await this.#act(() => this.#api.call("POST", "/admin/cache/flush", { gameId, redis: both }), `Flushed ${gameId}.`);
  }

  async #revoke(gameId, seat) {
    const sure = await confirm({
      ask: `Revoke the seat of ${seat.userId}?`, act: "Revoke", danger: true,
      about: `The connection closes with 1008, the resume token opens nothing any more, and the seat holds back pruning no longer. With a new access token ${seat.userId} may take a seat again.`,
    });
    if (sure) await this.#act(() => this.#api.call("DELETE", `/admin/sessions/${seat.sessionId}`), `Revoked the seat of ${seat.userId} in ${gameId}.`);
  }

  async #act(call, done) {
    try {
      await call();
      tell(done);
    } catch (error) {
      tell(error.message, "bad");
    }
    await this.refresh();
  }
}

function expiry(seat) {
  if (!seat.expiresAt || seat.revokedAt) return "–";
  if (seat.online) return "while online";
  const left = seat.expiresAt - Date.now();
  return left > 0 ? `${span(left)} left` : "expired";
}

/** From the fastest place to the one that lasts. */
function tiers({ memory, redis, store }) {
  const STATES = { present: "here", absent: "not here", unavailable: "does not answer", unused: "not used for this game" };
  const tier = (name, state, about) => element("li", { class: state, "data-tier": name.toLowerCase() },
    element("h4", {}, name), element("b", {}, STATES[state]), element("small", {}, about));
  const [kept, from, to] = [store.headSequence - store.floorSequence, count(store.floorSequence + 1), count(store.headSequence)];
  return element("ol", { class: "tiers", "aria-label": "Where the game is, fastest place first" },
    tier("Memory", memory.state, memory.state === "present" ? `${count(memory.events)} events, ${bytes(memory.bytes)}` : "loaded when somebody comes"),
    tier("Redis", redis.state, redis.events === undefined ? "" : `${count(redis.events)} events`),
    tier("Durable store", store.state, store.state !== "present" ? "" : kept > 0 ? `${count(kept)} events, ${from} to ${to}` : "everything pruned"));
}

/** The game's sequence as a line: what is pruned, what is kept, and where each seat stands. */
function ruler(game) {
  const live = game.seats.filter((seat) => !seat.revokedAt);
  const lowest = Math.min(game.floorSequence, ...live.map((seat) => seat.lastAckSequence));
  const start = Math.max(0, lowest - (game.headSequence - lowest) * 0.15);
  const at = (sequence) => `${((100 * (sequence - start)) / Math.max(game.headSequence - start, 1)).toFixed(2)}%`;
  const places = new Map();
  for (const seat of live) places.set(seat.lastAckSequence, [...(places.get(seat.lastAckSequence) ?? []), seat]);
  const stops = [...places].sort(([a], [b]) => a - b);
  const names = (seats) => seats.map((seat) => seat.userId).join(", ");
  const label = `Pruned up to ${game.floorSequence}, kept up to ${game.headSequence}. ${stops.map(([sequence, seats]) => `${names(seats)} at ${sequence}`).join("; ")}`;
  const marks = stops.map(([sequence, seats]) => element("i", { class: seats.some((seat) => seat.holdsFloor) ? "mark slow" : "mark", "--at": at(sequence) }));
  const said = stops.map(([sequence, seats]) => element("li", {}, element("b", {}, names(seats)), ` at ${count(sequence)}`));
  return element("figure", { class: "ruler" },
    element("div", { class: "track", role: "img", "aria-label": label, "--floor": at(game.floorSequence) }, ...marks),
    element("figcaption", {}, element("ul", {},
      element("li", { class: "gone" }, `pruned to ${count(game.floorSequence)}`), element("li", { class: "kept" }, `kept to ${count(game.headSequence)}`), ...said)));
}

function clocks(timer) {
  const since = Date.now() - timer.serverTime;
  const faces = Object.entries(timer.remainingMs).map(([user, ms]) => {
    const runs = user === timer.active && !timer.paused;
    return element("div", { class: `face${user === timer.active ? " active" : ""}` },
      element("span", {}, user), element("b", {}, remaining(ms - (runs ? since : 0))), element("small", {}, user === timer.active ? (timer.paused ? "paused" : "to move") : ""));
  });
  return element("div", { class: "faces", role: "group", "aria-label": "Clocks" }, ...faces);
}

function visits({ visits }) {
  if (visits.length === 0) {
    return element("div", {}, element("h4", {}, "Who came and went"), element("p", { class: "muted" }, "Nobody yet, as far as this node remembers."));
  }
  const rows = visits.map((visit) => {
    const { kind, says } = OUTCOMES[visit.outcome];
    const code = visit.closeCode ? ` ${visit.closeCode}` : "";
    return element("li", { "data-outcome": visit.outcome },
      element("time", { datetime: new Date(visit.at).toISOString(), title: clock(visit.at) }, clock(visit.at)),
      element("strong", {}, visit.userId ?? "a stranger", visit.role === "spectator" && element("small", { class: "muted" }, " watching")),
      element("span", { class: `badge ${kind}` }, says + code),
      element("p", {}, visit.explanation));
  });
  return element("div", {}, element("h4", {}, "Who came and went, newest first"), element("ol", { class: "visits" }, ...rows));
}
