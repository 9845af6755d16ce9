// Kasparov - Deep Blue, New York 1997, and a player who plays one of these games move by move.

let record;

/** The six games: `{moves: [san], result}`, asked for once. */
export function games() {
  record ??= fetch("/demo/deep-blue-1997.txt").then(async (response) => {
    const lines = (await response.text()).split("\n").filter((line) => line && !line.startsWith("#"));
    return lines.map((line) => {
      const moves = line.trim().split(/\s+/);
      return { result: moves.pop(), moves };
    });
  });
  return record;
}

/** What a colour is to do next: `{type, san?}`; undefined where it is not its turn, or where the game went another way. */
export function next({ moves, result }, match, colour) {
  const isSame = match.moves.every(({ san }, index) => san === moves[index]);
  if (!isSame || match.over || !match.isWhole) return undefined;
  if (match.moves.length < moves.length) {
    return match.turn === colour ? { type: "move", san: moves[match.moves.length] } : undefined;
  }
  const loser = { "1-0": "black", "0-1": "white" }[result];
  if (loser === undefined) return colour === "white" ? { type: "draw" } : undefined;
  return colour === loser ? { type: "resign" } : undefined;
}
