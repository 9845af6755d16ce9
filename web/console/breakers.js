// The circuit breakers.

import { element } from "/assets/dom.js";
import { count } from "/console/numbers.js";

const STATES = {
  closed: { kind: "good", says: "Closed: calls go through." },
  half_open: { kind: "warn", says: "Half open: one call is tried." },
  open: { kind: "bad", says: "Open: calls are refused at once." },
};

export function showBreakers(breakers) {
  const cards = breakers.map((breaker) => {
    const { kind, says } = STATES[breaker.state];
    const fact = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));
    return element("div", { class: "card breaker", "data-breaker": breaker.dependency },
      element("header", {}, element("h3", {}, breaker.dependency === "redis" ? "Redis" : "Durable store"),
        element("span", { class: `badge ${kind}` }, breaker.state.replace("_", " "))),
      element("p", { class: "muted" }, says),
      element("dl", { class: "facts" },
        fact("lately", `${count(breaker.recentFailures)} of ${count(breaker.recentCalls)} failed`),
        fact("calls", count(breaker.calls)), fact("failed", count(breaker.failures)),
        fact("refused", count(breaker.refused)), fact("opened", `${count(breaker.opened)} ×`)));
  });
  document.getElementById("breaker-list").replaceChildren(...cards);
}
