// The console: signs in, then asks the node each second and shows what it says.

import { Api } from "/console/api.js";
import { showBreakers } from "/console/breakers.js";
import { Controls } from "/console/controls.js";
import { Game } from "/console/game.js";
import { ago, span } from "/console/numbers.js";
import { Overview } from "/console/overview.js";
import { History, take } from "/console/sample.js";
import { Shards } from "/console/shards.js";

const EVERY_MS = 1_000;
const READINESS = { ready: "good", degraded: "warn" };

const at = (id) => document.getElementById(id);
const [overview, shards, game, controls] = [new Overview(), new Shards(), new Game(), new Controls()];
const whenIn = [...document.querySelectorAll("[data-when=in]"), at("board")];

let api = null;
let history = new History();
let paused = false;
let timer;

function leave(why) {
  clearTimeout(timer);
  Api.forget();
  api = null;
  history = new History();
  game.forget();
  whenIn.forEach((one) => { one.hidden = true; });
  at("sign-in").hidden = false;
  at("refusal").hidden = why === undefined;
  at("refusal").textContent = why ?? "";
  at("token").value = "";
  at("token").focus();
}

async function enter(candidate) {
  try {
    await candidate.get("/admin/flags");
  } catch (error) {
    return leave(error.status === 401 ? "This token was refused. It may have been rotated, or it is of another node." : `The node could not be asked: ${error.message}.`);
  }
  candidate.keep();
  api = candidate;
  at("sign-in").hidden = true;
  whenIn.forEach((one) => { one.hidden = false; });
  game.use(api);
  controls.use(api);
  return ask();
}

async function ask() {
  const asked = api;
  try {
    const sample = await take(asked);
    if (api !== asked) return;
    history.add(sample);
    show(sample);
    at("silence").hidden = true;
    game.refresh();
    controls.refresh();
  } catch (error) {
    if (api !== asked) return;
    if (error.status === 401) {
      leave("This token is not taken any more.");
      return;
    }
    const since = history.last ? ` What is shown is from ${ago(Date.now() - history.last.at)}.` : "";
    at("silence").textContent = `The node did not say how it is: ${error.message}.${since}`;
    at("silence").hidden = false;
    at("readiness").textContent = "silent";
    at("readiness").className = "badge bad";
  }
  if (!paused) timer = setTimeout(ask, EVERY_MS);
}

function show(sample) {
  const failing = Object.entries(sample.ready.checks ?? {}).filter(([, check]) => !["ok", "disabled"].includes(check));
  at("readiness").textContent = sample.ready.status;
  at("readiness").className = `badge ${READINESS[sample.ready.status] ?? "bad"}`;
  at("readiness").title = failing.map(([name, check]) => `${name}: ${check}`).join(", ");
  at("build").textContent = `${sample.version}, up ${span(sample.at - sample.startedAt)}`;
  overview.show(history);
  shards.show(history);
  showBreakers(sample.breakers);
}

at("sign-in-form").addEventListener("submit", (event) => {
  event.preventDefault();
  enter(new Api(at("token").value.trim()));
});
at("sign-out").addEventListener("click", () => leave());
at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", String(paused));
  at("pause").textContent = paused ? "Go on" : "Pause";
  clearTimeout(timer);
  if (!paused) ask();
});

const kept = Api.kept();
if (kept) enter(kept);
else leave();
