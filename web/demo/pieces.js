// The pieces, drawn. Each kind is one symbol of the page; its colours come from the style sheet.

import { drawing } from "/assets/dom.js";

// As attributes: a symbol that is used elsewhere is not reached by a style sheet's selectors, but inherits its colours.
const BODY = { fill: "var(--body)", stroke: "var(--stroke)" };
const base = () => drawing("rect", { x: 10.5, y: 35.2, width: 24, height: 4.6, rx: 1.9, ...BODY });
const band = (x, y) => drawing("rect", { x, y, width: 45 - 2 * x, height: 3.2, rx: 1.4, ...BODY });
const shape = (d) => drawing("path", { d, ...BODY });
const line = (d) => drawing("path", { d, fill: "none", stroke: "var(--detail)" });
const ball = (cx, cy, r) => drawing("circle", { cx, cy, r, ...BODY });
const dot = (cx, cy, r) => drawing("circle", { cx, cy, r, fill: "var(--detail)" });

const SHAPES = {
  p: () => [shape("M15.3 35.2c.4-6.6 4.3-8 5-14.4h4.4c.7 6.4 4.6 7.8 5 14.4z"), band(16.6, 19.6), ball(22.5, 14.2, 5.7), base()],
  r: () => [
    shape("M15.2 35.2l1.6-15.6h11.4l1.6 15.6z"),
    shape("M12.4 9.2h4.7v3.3h3v-3.3h4.8v3.3h3v-3.3h4.7v7.4l-3.3 3.2H15.7l-3.3-3.2z"),
    band(14, 32.2),
    base(),
  ],
  n: () => [
    shape("M14.1 35.2c-.2-6.4 3.6-9.2 7-13-2.3 1.4-4.7 1.4-6.5 3.6-1.1 1.4-3 2-4.4.6-1.7-1.7-1-3.9.2-5.7 1.9-2.9 3.3-5.1 3.8-7.4.4-1.8 1.3-2.9 2.7-3.7l.3-3.9 3.9 3c8.6.7 13.4 7.3 12.9 16.6-.2 3.7-1.1 6.2-1.3 9.9z"),
    line("M21 11.6c5.4.9 8.5 5.2 8.3 12.4"),
    dot(17.2, 15.1, 1.25),
    base(),
  ],
  b: () => [
    ball(22.5, 7.8, 2.4),
    shape("M22.5 10c5.2 3.9 7.7 8 7.7 11.9 0 3.2-1.7 5.5-3.7 7.1h-8c-2-1.6-3.7-3.9-3.7-7.1 0-3.9 2.5-8 7.7-11.9z"),
    line("M25.4 14.8l-4.3 5.3"),
    band(16.2, 28.4),
    shape("M17.7 31.6h9.6l2.4 3.6H15.3z"),
    base(),
  ],
  q: () => [
    shape("M10.6 13.8l3.9 17.6h16l3.9-17.6-6.3 8.3-2.1-11.3-3.5 10.6-3.5-10.6-2.1 11.3z"),
    ball(10.3, 11.9, 2.2),
    ball(18.7, 8.8, 2.2),
    ball(26.3, 8.8, 2.2),
    ball(34.7, 11.9, 2.2),
    band(13.6, 30.4),
    base(),
  ],
  k: () => [
    drawing("path", { d: "M22.5 4.4v7.6M18.7 7.5h7.6", fill: "none", stroke: "var(--stroke)", "stroke-width": 2.4 }),
    shape("M22.5 16.4c1.5-4.8 9.3-6.8 11.8-1.8 2.3 4.8-2.5 9-4.3 16.6H15c-1.8-7.6-6.6-11.8-4.3-16.6 2.5-5 10.3-3 11.8 1.8z"),
    line("M22.5 16.6v12.2"),
    shape("M22.5 10.6c1.9 1.7 2.5 3.6 0 6.6-2.5-3-1.9-4.9 0-6.6z"),
    band(13.6, 30.4),
    base(),
  ],
};

const NAMES = { p: "pawn", r: "rook", n: "knight", b: "bishop", q: "queen", k: "king" };

/** What a square is called: "e4, white pawn". */
export function describe(square, piece) {
  return piece ? `${square}, ${colourOf(piece)} ${NAMES[piece.type]}` : `${square}, empty`;
}

export function colourOf(piece) {
  return piece.color === "w" ? "white" : "black";
}

/** Puts the symbols into the page, once. */
export function addSymbols() {
  const symbols = Object.entries(SHAPES).map(([kind, parts]) => drawing("symbol", { id: `piece-${kind}`, viewBox: "0 0 45 45" }, ...parts()));
  document.body.append(drawing("svg", { class: "symbols", "aria-hidden": "true", width: 0, height: 0 }, ...symbols));
}

/** A piece, as chess.js has it, to be seen. */
export function pieceOf(piece) {
  return drawing("svg", { class: `piece ${colourOf(piece)}`, viewBox: "1.5 1.5 42 42", "aria-hidden": "true" }, drawing("use", { href: `#piece-${piece.type}`, width: 45, height: 45 }));
}
