// One player's device: a connection, a board, a clock and what goes over the wire. Two of them share nothing but the page.

import { Rejoin } from "/assets/rejoin-client.js";
import { element } from "/assets/dom.js";
import { Board, look } from "/demo/board.js";
import { face, isShort } from "/demo/clocks.js";
import { games, next } from "/demo/famous.js";
import { Log } from "/demo/log.js";
import { Match } from "/demo/match.js";
import { handOver, nameOf } from "/demo/table.js";
import { tapped } from "/demo/wire.js";
import { Words } from "/demo/words.js";

const OFFLINE_MS = 10_000;
const TICK_MS = 100;

const STATES = {
  connecting: ["warn", "coming back"],
  connected: ["good", "connected"],
  waiting: ["warn", "cut off"],
  closed: ["bad", "gone"],
};

const other = (colour) => (colour === "white" ? "black" : "white");

export class Place {
  #game;
  #colour;
  #told;
  #colours;
  #match;
  #board;
  #words;
  #log;
  #seat = null;
  #leaving = new AbortController();
  #frozen = null;
  #isRestored = false;
  #offlineUntil = 0;
  #playing;
  #parts = {};
  #isSeated;
  /** Settled once the seat is taken for the first time. */
  seated = new Promise((resolve) => (this.#isSeated = resolve));
  /** Milliseconds between the moves of a famous game. */
  paceMs = 900;

  /** `told(text, sequence)` announces a move; `changed()` is called when the game is another. */
  constructor({ game, colour, told, changed }) {
    const { seats } = game;
    this.#game = game;
    this.#colour = colour;
    this.#told = told;
    this.changed = changed;
    this.#colours = { [seats.white.userId]: "white", [seats.black.userId]: "black" };
    this.#match = new Match(this.#colours);
    this.root = document.getElementById("place").content.firstElementChild.cloneNode(true);
    this.root.dataset.seat = colour;
    for (const part of this.root.querySelectorAll("[data-part]")) this.#parts[part.dataset.part] = part;
    const { board, name, log, san, cut, offline, elsewhere, resign, quiet, form, take, clock } = this.#parts;
    const who = nameOf(this.#userId);
    this.root.setAttribute("aria-label", `${who}'s device`);
    name.textContent = who;
    this.#parts.side.textContent = colour;
    clock.setAttribute("aria-label", `${who}'s clock`);
    this.#parts.record.setAttribute("aria-label", `Moves that ${who} has seen`);
    log.setAttribute("aria-label", `What goes over ${who}'s wire`);
    this.#parts.sanLabel.textContent = `${who}'s move`;
    san.id = `san-${colour}`;
    this.#parts.sanLabel.htmlFor = san.id;
    elsewhere.href = handOver(game, colour);
    this.#board = new Board(board, {
      label: `${who}'s board`,
      isFlipped: colour === "black",
      targetsFrom: (square) => this.#targetsFrom(square),
      moved: (from, to) => this.#play({ from, to, promotion: "q" }),
    });
    this.#log = new Log(log, quiet);
    this.#words = new Words(this.#userId, (line) => this.#log.say(line));
    cut.addEventListener("click", () => this.cut());
    offline.addEventListener("click", () => (this.#offlineUntil ? this.#comeBack() : this.#goOffline()));
    resign.addEventListener("click", () => this.#seat?.send("resign"));
    take.addEventListener("click", () => this.enter());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#play(san.value.trim())) san.value = "";
    });
    this.#show();
    this.ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  get #userId() {
    return this.#game.seats[this.#colour].userId;
  }

  get match() {
    return this.#match;
  }

  get seat() {
    return this.#seat;
  }

  /** Takes the seat, the one of a page before a reload where there was one. */
  async enter() {
    this.#parts.gone.hidden = true;
    const { gameId, seats } = this.#game;
    try {
      const seat = await Rejoin.join({
        url: location.origin,
        gameId,
        token: seats[this.#colour].token,
        // What is acknowledged is gone for this seat. All but the last move is: whoever takes the seat on another device
        // has the game by that one.
        acknowledge: "manual",
        WebSocket: tapped((seen) => this.#words.frame(seen)),
        signal: this.#leaving.signal,
      });
      this.#sit(seat);
    } catch (error) {
      if (!this.#leaving.signal.aborted) this.#close(error.message);
    }
  }

  /** Goes for good, for another game. */
  leave() {
    clearInterval(this.ticking);
    clearTimeout(this.#playing);
    this.#leaving.abort();
    this.root.remove();
  }

  cut() {
    this.#seat?.disconnect();
  }

  /** Lets a game of the record play itself, on every device that has a seat; `null` ends that. */
  playFamous(number) {
    return this.#seat?.send("famous", { game: number });
  }

  #sit(seat) {
    this.#seat = seat;
    if (seat.restored && !this.#isRestored) {
      const { match, lines, frozen } = seat.restored;
      this.#match = Match.restore(this.#colours, match);
      this.#frozen = frozen;
      this.#log.restore(lines);
    }
    this.#isRestored = true;
    seat.on("status", (status) => this.#status(status));
    seat.on("resync", () => {
      this.#match.forget();
      this.#log.say({ kind: "note", text: "What was before is acknowledged and gone: the last move has the whole game" });
    });
    seat.on("refused", (refused) => {
      this.#words.refused(refused);
      this.#show();
    });
    seat.on("presence", () => this.#show());
    seat.on("event", (event) => this.#take(event));
    this.#status({ state: seat.state });
    this.#isSeated();
    this.#goOn();
  }

  #take(event) {
    const wasOver = this.#match.over !== null;
    const move = this.#match.take(event);
    if (move) this.#told(`${nameOf(event.userId)}: ${move.san}`, event.sequence);
    else if (event.type === "move") this.#log.say({ kind: "note", text: `${event.payload?.san} is recorded, but it is no legal move: the game leaves it out` });
    if (this.#match.over && !wasOver) {
      this.#frozen = event.replayed ? null : this.#seat.clock();
      this.#told(this.#verdict(), event.sequence + 0.5);
    }
    // A move of ours leaves the outbox right after it was told.
    queueMicrotask(() => this.#show(!event.replayed));
    this.#keep();
    this.changed();
    this.#goOn();
  }

  /** What is known outlives the page; only then may the service forget it. */
  async #keep() {
    const { sequence } = this.#seat.position;
    const seen = this.#match.lastMove > 0 ? Math.min(sequence, this.#match.lastMove - 1) : 0;
    const kept = await this.#seat.save({ match: this.#match.state, lines: this.#log.lines, frozen: this.#frozen });
    if (kept && seen > 0 && this.#seat.state !== "closed") this.#seat.acknowledge(seen);
  }

  /** Own moves on their way, oldest first. */
  get #waiting() {
    return (this.#seat?.pending ?? []).filter(({ type }) => type === "move").map(({ payload }) => payload.san);
  }

  get #view() {
    return this.#match.withPending(this.#waiting);
  }

  get #mayMove() {
    return Boolean(this.#seat) && this.#seat.state !== "closed" && !this.#match.over && this.#match.isWhole && this.#waiting.length === 0 && this.#match.turn === this.#colour;
  }

  #targetsFrom(square) {
    if (!this.#mayMove || this.#match.famous !== null) return [];
    return [...new Set(this.#view.moves({ square, verbose: true }).map(({ to }) => to))];
  }

  /** Sends a move, as squares or as players write it. Returns whether it is one. */
  #play(wanted) {
    const { error } = this.#parts;
    error.textContent = "";
    if (!this.#mayMove || this.#match.famous !== null) {
      error.textContent = this.#match.over ? "The game is over." : this.#match.famous !== null ? "The famous game plays by itself. Stop it first." : this.#seat?.state === "closed" ? "This seat is played elsewhere." : "It is not this player's turn.";
      return false;
    }
    try {
      const { san } = this.#view.move(wanted);
      void this.#seat.send("move", this.#match.payload(san)).catch(() => {});
      this.#show();
      return true;
    } catch {
      error.textContent = typeof wanted === "string" && wanted ? `${wanted} is no legal move here.` : "Write a move as players do: e4, Nf3, O-O.";
      return false;
    }
  }

  /** The next move of a famous game, where it is ours to make. */
  #goOn() {
    clearTimeout(this.#playing);
    if (this.#match.famous === null || this.#match.over) return;
    this.#playing = setTimeout(async () => {
      const game = (await games())[this.#match.famous - 1];
      const isFree = this.#seat && this.#seat.state !== "closed" && this.#seat.pending.length === 0;
      const step = game && isFree ? next(game, this.#match, this.#colour) : undefined;
      if (!step) return;
      void this.#seat.send(step.type, step.type === "move" ? this.#match.payload(step.san) : {}).catch(() => {});
      this.#show();
    }, this.paceMs);
  }

  #goOffline() {
    if (!this.#seat || this.#seat.state === "closed") return;
    this.#offlineUntil = performance.now() + OFFLINE_MS;
    this.#seat.pause();
  }

  #comeBack() {
    this.#offlineUntil = 0;
    this.#seat.resume();
  }

  #status(status) {
    this.#words.status(status);
    if (status.state === "closed") this.#close(status.code === 4001 ? "This seat is played on another device." : `This seat is closed${status.reason ? `: ${status.reason}` : ""}.`);
    this.#show();
    if (status.state === "connected") this.#goOn();
  }

  #close(why) {
    this.#parts.gone.hidden = false;
    this.#parts.why.textContent = why;
    this.#show();
  }

  #verdict() {
    const { winner, how } = this.#match.over;
    if (winner === null) return `Draw: ${how}.`;
    return `${nameOf(this.#game.seats[winner].userId)} wins: ${how}.`;
  }

  #show(slides = true) {
    const { state, outbox, result, record, cut, resign, turn, players, send, san } = this.#parts;
    const waiting = this.#waiting;
    const view = this.#view;
    const last = view.history({ verbose: true }).at(-1) ?? this.#match.last;
    this.#board.show({
      ...look(view),
      last: last && [last.from, last.to],
      waiting: waiting.length > 0 && last ? [last.to] : [],
      slides,
    });
    const [kind, words] = STATES[this.#seat?.state ?? "connecting"];
    const isOffline = this.#offlineUntil > 0;
    state.className = `badge ${kind}`;
    state.textContent = isOffline ? "offline" : this.#seat ? words : "joining";
    this.root.dataset.state = isOffline ? "offline" : (this.#seat?.state ?? "connecting");
    cut.disabled = this.#seat?.state !== "connected";
    resign.disabled = !this.#seat || this.#match.over !== null || this.#match.moves.length === 0;
    send.disabled = san.disabled = !this.#seat || this.#match.over !== null;
    const opponent = this.#seat?.players.find(({ userId }) => this.#colours[userId] === other(this.#colour));
    players.textContent = opponent ? `${nameOf(opponent.userId)} is ${opponent.online ? "here" : "away"}` : "";
    players.className = opponent?.online ? "muted" : "muted away";
    outbox.replaceChildren(...waiting.map((text) => element("li", {}, text)));
    this.#parts.outboxRow.hidden = waiting.length === 0;
    result.hidden = this.#match.over === null;
    result.textContent = this.#match.over ? this.#verdict() : "";
    turn.hidden = this.#match.over !== null;
    turn.textContent = !this.#match.isWhole ? "Waiting for the next move" : waiting.length > 0 ? "Not recorded yet" : this.#match.turn === this.#colour ? "To move" : `${nameOf(this.#game.seats[other(this.#colour)].userId)} to move`;
    this.root.dataset.fen = this.#match.fen;
    this.root.dataset.moves = String(this.#match.moves.length);
    this.#showRecord(record);
    this.#tick();
  }

  /** Two half-moves a row, as players write them down; each with its sequence. */
  #showRecord(record) {
    const { moves } = this.#match;
    if (moves.length < record.children.length) record.replaceChildren();
    for (let index = record.children.length; index < moves.length; index += 1) {
      const { san, sequence } = moves[index];
      record.append(element("li", { "data-number": index % 2 === 0 ? `${index / 2 + 1}.` : null, "data-sequence": sequence ?? null, title: sequence ? `event ${sequence}` : null }, san));
    }
    this.#log.follow();
    record.scrollTop = record.scrollHeight;
    this.#parts.noMoves.hidden = moves.length > 0;
  }

  #tick() {
    const { clock, rival, offline } = this.#parts;
    const now = this.#frozen ?? this.#seat?.clock();
    for (const [part, colour] of [[clock, this.#colour], [rival, other(this.#colour)]]) {
      const { userId } = this.#game.seats[colour];
      const ms = now?.remainingMs[userId];
      const text = ms === undefined ? "–:––" : face(ms);
      if (part.textContent !== text) part.textContent = text;
      part.classList.toggle("running", !this.#match.over && now?.active === userId && !now.paused);
      part.classList.toggle("short", ms !== undefined && isShort(ms));
    }
    if (this.#offlineUntil) {
      const leftMs = this.#offlineUntil - performance.now();
      if (leftMs <= 0) this.#comeBack();
      offline.textContent = `Come back (${Math.max(0, Math.ceil(leftMs / 1000))})`;
    } else if (offline.textContent !== "Go offline 10 s") {
      offline.textContent = "Go offline 10 s";
      this.#show();
    }
  }
}
