// The page at play: two devices beside each other, or one alone where the address names a seat, and what can be done to them.

import { games } from "/demo/famous.js";
import { addSymbols } from "/demo/pieces.js";
import { Place } from "/demo/place.js";
import { keptGame, makeGame, namedGame, restart } from "/demo/table.js";

const CONTROLS = {
  normal: { preset: "NORMAL" },
  blitz: { preset: "BLITZ" },
  hasty: { preset: "CUSTOM", totalTimeMs: 30_000 },
};
const PLAYED = ["Kasparov", "Deep Blue"];

const at = (id) => document.getElementById(id);
let places = [];
let announced = 0;

/** Says a move once, whichever board sees it first. */
function announce(text, sequence) {
  if (sequence <= announced) return;
  announced = sequence;
  at("announcer").textContent = text;
}

function tell(text = "") {
  at("trouble").textContent = text;
  at("trouble").hidden = text === "";
}

function pace() {
  return Number(document.querySelector("input[name=pace]:checked").value);
}

function sit(game) {
  for (const place of places) place.leave();
  announced = 0;
  tell();
  const seats = game.seat ? [game.seat] : ["white", "black"];
  places = seats.map((colour) => new Place({ game, colour, told: announce, changed: showControls }));
  at("places").replaceChildren(...places.map((place) => place.root));
  at("places").classList.toggle("alone", places.length === 1);
  document.body.classList.toggle("alone", places.length === 1);
  at("restart").hidden = !game.mayRestart;
  at("game-id").textContent = game.gameId;
  for (const place of places) {
    place.paceMs = pace();
    void place.enter();
  }
  showControls();
}

async function begin() {
  try {
    sit(await makeGame(CONTROLS[at("control").value]));
    return true;
  } catch (error) {
    tell(`No game could be made: ${error.message}.`);
    return false;
  }
}

function showControls() {
  const match = places[0]?.match;
  const isPlaying = Boolean(match) && match.famous !== null && !match.over;
  at("famous").textContent = isPlaying ? "Stop the famous game" : "Play a famous game";
  at("famous").setAttribute("aria-pressed", String(isPlaying));
  at("famous").disabled = !match;
  at("which").disabled = isPlaying;
}

async function famous() {
  const [first] = places;
  if (first.match.famous !== null && !first.match.over) {
    await first.playFamous(null);
    return;
  }
  const isFresh = first.match.moves.length === 0 && !first.match.over;
  if (!isFresh && document.body.classList.contains("alone")) {
    tell("This game has begun already. Make a new one on the page with both boards.");
    return;
  }
  if (!isFresh && !(await begin())) return;
  const [white] = places;
  await white.seated;
  await white.playFamous(Number(at("which").value));
}

async function again() {
  at("restart").disabled = true;
  try {
    await restart();
    tell();
  } catch (error) {
    tell(`The server was not restarted: ${error.message}.`);
  }
  // It is back within a second or two, and so are both boards.
  setTimeout(() => (at("restart").disabled = false), 2_000);
}

async function nameGames() {
  const record = await games();
  at("which").replaceChildren(
    ...record.map(({ moves, result }, index) => {
      const [white, black] = index % 2 === 0 ? PLAYED : [...PLAYED].reverse();
      return new Option(`${index + 1}: ${white} – ${black}, ${result.replaceAll("1/2", "½")}, ${Math.ceil(moves.length / 2)} moves`, String(index + 1));
    }),
  );
}

addSymbols();
at("new-game").addEventListener("click", begin);
at("famous").addEventListener("click", () => void famous().catch((error) => tell(`${error.message}.`)));
at("restart").addEventListener("click", again);
for (const choice of document.querySelectorAll("input[name=pace]")) {
  choice.addEventListener("change", () => places.forEach((place) => (place.paceMs = pace())));
}
// A page out of the browser's memory has connections that are long gone.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());

await nameGames().catch(() => tell("The server does not answer."));
const named = namedGame();
if (named && !named.seats) {
  tell("This address opens nothing by itself: open it by the link beside the board.");
} else if (named) {
  sit(named);
} else {
  const kept = keptGame();
  if (kept) sit(kept);
  else await begin();
}
