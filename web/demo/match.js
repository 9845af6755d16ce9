// What a game's events come to, by the rules of chess. Knows neither the connection nor the page.

import { Chess } from "/assets/chess.js";

const ENDS = [
  ["isCheckmate", (chess) => ({ winner: chess.turn() === "w" ? "black" : "white", how: "checkmate" })],
  ["isStalemate", () => ({ winner: null, how: "stalemate" })],
  ["isInsufficientMaterial", () => ({ winner: null, how: "nobody can win any more" })],
];

const other = (colour) => (colour === "white" ? "black" : "white");

export class Match {
  #colours;
  #chess = new Chess();
  /** `{san, sequence}` of each move; a move from before this page came has no sequence. */
  moves = [];
  /** `{winner, how}` once the game has ended; nobody's where it is drawn. */
  over = null;
  /** Which game of the record is played by itself, from 1 on. */
  famous = null;
  /** The last move, as chess.js has it. */
  last = undefined;
  /** False where earlier moves were missed for good: the next move tells them. */
  isWhole = true;

  /** `colours`: user to `white` or `black`. */
  constructor(colours) {
    this.#colours = colours;
  }

  /** The state that a page before this one has kept. */
  static restore(colours, { moves, over, famous }) {
    const match = new Match(colours);
    for (const { san } of moves) match.last = match.#chess.move(san);
    return Object.assign(match, { moves: [...moves], over, famous });
  }

  get state() {
    return { moves: this.moves, over: this.over, famous: this.famous };
  }

  get fen() {
    return this.#chess.fen();
  }

  get turn() {
    return this.#chess.turn() === "w" ? "white" : "black";
  }

  /** The last move's sequence, or that of the last before it that has one. */
  get lastMove() {
    return this.moves.at(-1)?.sequence ?? 0;
  }

  /** What a move is sent with. Whoever comes late, and to the last move alone, has the whole game by it. */
  payload(san) {
    const record = this.moves.map((move) => move.san).join(" ");
    return { san, record, ...(this.famous !== null && { famous: this.famous }) };
  }

  /** The position with moves that are not recorded yet; those that do not fit are left out. */
  withPending(sans) {
    const chess = new Chess(this.fen);
    for (const san of sans) {
      try {
        chess.move(san);
      } catch {
        break;
      }
    }
    return chess;
  }

  /** Forgets everything: the next move tells what was before it. */
  forget() {
    this.#chess = new Chess();
    this.moves = [];
    this.last = undefined;
    this.over = null;
    this.isWhole = false;
  }

  /** Takes an event. Returns the move as chess.js has it, where it is one, and undefined for what does not count. */
  take({ type, payload, userId, sequence }) {
    const colour = this.#colours[userId];
    switch (type) {
      case "move":
        return this.#move(payload, colour, sequence);
      case "famous":
        this.famous = Number.isInteger(payload?.game) ? payload.game : null;
        return undefined;
      case "resign":
        if (colour) this.over ??= { winner: other(colour), how: "resignation" };
        return undefined;
      case "draw":
        if (colour) this.over ??= { winner: null, how: "agreement" };
        return undefined;
      case "flag_fall":
        this.over ??= { winner: other(this.#colours[payload.userId]), how: "time" };
        return undefined;
    }
    return undefined;
  }

  #move(payload, colour, sequence) {
    if (!this.isWhole) this.#rebuild(payload);
    if (this.over || colour !== this.turn) return undefined;
    try {
      const move = (this.last = this.#chess.move(payload.san));
      this.moves.push({ san: move.san, sequence });
      const end = ENDS.find(([is]) => this.#chess[is]());
      if (end) this.over = end[1](this.#chess);
      return move;
    } catch {
      // Not a legal move. The service records what players send; what counts, the game says.
      return undefined;
    }
  }

  #rebuild({ record, famous }) {
    this.isWhole = true;
    try {
      for (const san of String(record ?? "").split(" ").filter(Boolean)) this.moves.push({ san: this.#chess.move(san).san });
      if (Number.isInteger(famous)) this.famous = famous;
    } catch {
      this.forget();
    }
  }
}
