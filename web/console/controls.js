// What an operator may turn. Each asks first, and shows what holds afterwards.

import { element } from "/assets/dom.js";
import { confirm, tell } from "/console/confirm.js";

const LEVELS = { error: "what needs somebody", warn: "what was dealt with, too", info: "connection by connection", debug: "step by step", trace: "everything" };

export class Controls {
  #api;
  #place = document.getElementById("controls");
  #percent = element("input", { type: "range", id: "redis-percent", min: 0, max: 100, step: 1, oninput: () => this.#sayPercent() });
  #enabled = element("input", { type: "checkbox", id: "redis-enabled" });
  #said = element("output", { for: "redis-percent" });
  #level = element("select", { id: "log-level" }, ...Object.entries(LEVELS).map(([level, says]) => element("option", { value: level }, `${level}: ${says}`)));
  #redisNow = element("p", { class: "muted", id: "redis-now" });
  #levelNow = element("p", { class: "muted", id: "level-now" });

  constructor() {
    const card = (title, ...children) => element("div", { class: "card control" }, element("h3", {}, title), ...children);
    const button = (label, kind, act) => element("button", { type: "button", class: kind, onclick: act }, label);
    this.#place.append(
      card("Redis read-through", this.#redisNow,
        element("div", { class: "row" }, this.#enabled, element("label", { for: "redis-enabled" }, "Redis is asked for games")),
        element("div", { class: "row" }, element("label", { for: "redis-percent" }, "Share of games"), this.#percent, this.#said),
        button("Change…", "primary", () => this.#putFlags())),
      card("Log level", this.#levelNow, element("label", { for: "log-level" }, "What is logged"), this.#level,
        button("Change…", "primary", () => this.#putLevel())),
      card("Clean up", element("p", { class: "muted" }, "Removes expired sessions and games that nobody touched for the retention time, now rather than at the next interval."),
        button("Clean up…", "", () => this.#cleanUp())),
      card("Flush everything", element("p", { class: "muted" }, "Drops every game from memory. Players stay connected; games are loaded again as they are needed, which costs the durable store reads."),
        button("Flush memory…", "danger", () => this.#flush())));
  }

  use(api) {
    this.#api = api;
    this.refresh(true);
  }

  /** Shows what holds. What somebody is about to set is left alone, unless it is `afresh`. */
  async refresh(afresh = false) {
    try {
      const [{ redisReadThrough }, { level }] = await Promise.all([this.#api.get("/admin/flags"), this.#api.get("/admin/log-level")]);
      const { enabled, percent } = redisReadThrough;
      this.#redisNow.textContent = enabled ? `Now: ${percent} % of games use Redis.` : "Now: off.";
      this.#levelNow.textContent = `Now: ${level}.`;
      if (afresh) {
        this.#enabled.checked = enabled;
        this.#percent.value = String(percent);
        this.#level.value = level;
        this.#sayPercent();
      }
    } catch {
      // That the node does not answer is said by the page as a whole.
    }
  }

  #sayPercent() {
    this.#said.textContent = `${this.#percent.value} %`;
  }

  async #putFlags() {
    const [enabled, percent] = [this.#enabled.checked, Number(this.#percent.value)];
    const about = enabled
      ? `${percent} % of games will be looked for in Redis first. It holds at once and until the next start.`
      : "No game will be looked for in Redis. It holds at once and until the next start.";
    if (!(await confirm({ ask: "Change Redis read-through?", about, act: "Change" }))) return;
    await this.#act(() => this.#api.call("PUT", "/admin/flags", { redisReadThrough: { enabled, percent } }), () => `Redis read-through: ${enabled ? `${percent} %` : "off"}.`);
  }

  async #putLevel() {
    const level = this.#level.value;
    const about = level === "debug" || level === "trace" ? "That is a lot of lines at load. It holds at once and until the next start." : "It holds at once and until the next start.";
    if (!(await confirm({ ask: `Log at ${level}?`, about, act: "Change" }))) return;
    await this.#act(() => this.#api.call("PUT", "/admin/log-level", { level }), () => `Logging at ${level}.`);
  }

  async #cleanUp() {
    const about = "What is removed is gone: sessions that expired, and games beyond their retention time.";
    if (!(await confirm({ ask: "Clean up now?", about, act: "Clean up" }))) return;
    await this.#act(() => this.#api.call("POST", "/admin/cleanup"), ({ sessions, games, events }) => `Removed ${sessions} sessions, ${games} games, ${events} events.`);
  }

  async #flush() {
    const about = "Every game is loaded afresh when it is next needed. Nothing durable is lost, but the durable store will be read a lot.";
    if (!(await confirm({ ask: "Flush all games from memory?", about, act: "Flush memory", danger: true }))) return;
    await this.#act(() => this.#api.call("POST", "/admin/cache/flush", {}), () => "Flushed memory.");
  }

  async #act(call, done) {
    try {
      tell(done(await call()));
    } catch (error) {
      tell(error.message, "bad");
    }
    await this.refresh(true);
  }
}
