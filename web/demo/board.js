// A chess board to be looked at, clicked, dragged on, and played from the keyboard. Knows squares, not games.

import { element } from "/assets/dom.js";
import { describe, pieceOf } from "/demo/pieces.js";

const FILES = "abcdefgh";
const SLIDE_MS = 170;
const DRAG_PIXELS = 5;
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const still = matchMedia("(prefers-reduced-motion: reduce)");

export class Board {
  #grid;
  #cells = new Map();
  #isFlipped;
  #shown = new Map();
  #cursor;
  #picked = null;
  #drag = null;
  #targetsFrom;
  #moved;

  /**
   * `targetsFrom(square)` gives where a piece may go, `moved(from, to)` is told where one was dropped.
   */
  constructor(grid, { label, isFlipped, targetsFrom, moved }) {
    this.#grid = grid;
    this.#isFlipped = isFlipped;
    this.#targetsFrom = targetsFrom;
    this.#moved = moved;
    this.#cursor = isFlipped ? "e7" : "e2";
    grid.setAttribute("aria-label", label);
    grid.replaceChildren(...this.#ranks().map((rank) => element("div", { role: "row" }, ...this.#files().map((file) => this.#cell(file, rank)))));
    this.#cells.get(this.#cursor).tabIndex = 0;
    grid.addEventListener("keydown", (event) => this.#key(event));
    grid.addEventListener("click", (event) => this.#click(event));
    grid.addEventListener("pointerdown", (event) => this.#press(event));
    grid.addEventListener("pointermove", (event) => this.#pull(event));
    grid.addEventListener("pointerup", (event) => this.#release(event));
    grid.addEventListener("pointercancel", () => this.#endDrag());
  }

  /** Shows a position: `pieces` by square, the last move, who is in check, and squares of moves on their way. */
  show({ pieces, last, check, waiting, slides = true }) {
    const before = this.#shown;
    this.#shown = pieces;
    for (const [square, cell] of this.#cells) {
      const piece = pieces.get(square);
      const was = before.get(square);
      if (piece?.type !== was?.type || piece?.color !== was?.color) {
        cell.replaceChildren(...(piece ? [pieceOf(piece)] : []));
        cell.setAttribute("aria-label", describe(square, piece));
      }
      cell.classList.toggle("last", last?.includes(square) ?? false);
      cell.classList.toggle("check", square === check);
      cell.classList.toggle("waiting", waiting.includes(square));
    }
    if (slides && last && before.has(last[0]) && !pieces.has(last[0])) this.#slide(...last);
    if (this.#picked && !this.#targetsFrom(this.#picked).length) this.#letGo();
    this.#showPicked();
  }

  #ranks() {
    return this.#isFlipped ? [1, 2, 3, 4, 5, 6, 7, 8] : [8, 7, 6, 5, 4, 3, 2, 1];
  }

  #files() {
    return this.#isFlipped ? [...FILES].reverse() : [...FILES];
  }

  #cell(file, rank) {
    const square = `${file}${rank}`;
    const isDark = (FILES.indexOf(file) + rank) % 2 === 1;
    const cell = element("div", {
      role: "gridcell",
      class: `square ${isDark ? "dark" : "light"}`,
      tabindex: "-1",
      "data-square": square,
      "data-rank": this.#files()[0] === file ? rank : null,
      "data-file": this.#ranks()[7] === rank ? file : null,
      "aria-label": describe(square),
    });
    this.#cells.set(square, cell);
    return cell;
  }

  #slide(from, to) {
    const piece = this.#cells.get(to).firstElementChild;
    if (!piece || still.matches) return;
    const [start, end] = [this.#cells.get(from), this.#cells.get(to)].map((cell) => cell.getBoundingClientRect());
    piece.animate([{ translate: `${start.x - end.x}px ${start.y - end.y}px`, zIndex: 2 }, { translate: "0 0", zIndex: 2 }], { duration: SLIDE_MS, easing: "ease-out" });
  }

  #key(event) {
    const step = STEPS[event.key];
    if (step) {
      const [files, ranks] = [this.#files(), this.#ranks()];
      const clamp = (at) => Math.max(0, Math.min(7, at));
      const file = files[clamp(files.indexOf(this.#cursor[0]) + step[0])];
      const rank = ranks[clamp(ranks.indexOf(Number(this.#cursor[1])) + step[1])];
      this.#moveCursor(`${file}${rank}`);
    } else if (event.key === "Enter" || event.key === " ") {
      this.#choose(this.#cursor);
    } else if (event.key === "Escape") {
      this.#letGo();
    } else {
      return;
    }
    event.preventDefault();
  }

  #moveCursor(square) {
    this.#cells.get(this.#cursor).tabIndex = -1;
    this.#cursor = square;
    this.#cells.get(square).tabIndex = 0;
    this.#cells.get(square).focus();
  }

  #squareAt(event) {
    return document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-square]");
  }

  #click(event) {
    const cell = event.target.closest("[data-square]");
    if (!cell) return;
    this.#moveCursor(cell.dataset.square);
    this.#choose(cell.dataset.square);
  }

  /** Picks a piece up, or drops the one that is picked. */
  #choose(square) {
    const from = this.#picked;
    if (from && this.#targetsFrom(from).includes(square)) {
      this.#letGo();
      this.#moved(from, square);
      return;
    }
    this.#picked = square !== from && this.#targetsFrom(square).length > 0 ? square : null;
    this.#showPicked();
  }

  #letGo() {
    this.#picked = null;
    this.#showPicked();
  }

  #showPicked() {
    const targets = this.#picked ? this.#targetsFrom(this.#picked) : [];
    for (const [square, cell] of this.#cells) {
      cell.classList.toggle("picked", square === this.#picked);
      cell.classList.toggle("target", targets.includes(square));
      cell.setAttribute("aria-selected", String(square === this.#picked));
    }
  }

  /** A finger scrolls the page and taps; a mouse or a pen also drags. */
  #press(event) {
    const square = event.target.closest("[data-square]")?.dataset.square;
    if (event.pointerType === "touch" || event.button !== 0 || !square || !this.#targetsFrom(square).length) return;
    this.#drag = { from: square, x: event.clientX, y: event.clientY, isMoving: false };
  }

  #pull(event) {
    if (!this.#drag) return;
    const [dx, dy] = [event.clientX - this.#drag.x, event.clientY - this.#drag.y];
    if (!this.#drag.isMoving && Math.hypot(dx, dy) < DRAG_PIXELS) return;
    const cell = this.#cells.get(this.#drag.from);
    if (!this.#drag.isMoving) {
      this.#drag.isMoving = true;
      this.#grid.setPointerCapture(event.pointerId);
      this.#picked = this.#drag.from;
      this.#showPicked();
      cell.classList.add("dragged");
    }
    cell.style.setProperty("--dx", `${dx}px`);
    cell.style.setProperty("--dy", `${dy}px`);
  }

  #release(event) {
    const drag = this.#drag;
    this.#endDrag();
    if (!drag?.isMoving) return;
    this.#letGo();
    const to = this.#squareAt(event)?.dataset.square;
    if (to && this.#targetsFrom(drag.from).includes(to)) this.#moved(drag.from, to);
  }

  #endDrag() {
    if (this.#drag) this.#cells.get(this.#drag.from).classList.remove("dragged");
    this.#drag = null;
  }
}

/** The pieces of a position by square, and the square of the king that is in check. */
export function look(chess) {
  const pieces = new Map();
  let check;
  for (const piece of chess.board().flat()) {
    if (!piece) continue;
    pieces.set(piece.square, piece);
    if (piece.type === "k" && piece.color === chess.turn() && chess.inCheck()) check = piece.square;
  }
  return { pieces, check };
}
