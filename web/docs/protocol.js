// Shows asyncapi.json.

import { element, prose, table } from "/assets/dom.js";
import { fields, heading, name, sample, shape, show, type } from "/docs/schema.js";

const WAYS = { send: { label: "to client", kind: "out" }, receive: { label: "to server", kind: "in" } };

function message(key, described, way) {
  const { label, kind } = WAYS[way];
  const { properties } = described.payload;
  const shown = element("details", { id: `message-${key}`, class: "call" },
    element("summary", {}, element("span", { class: `method ${kind}` }, label), element("code", {}, described.name), prose(described.summary, "span")));
  const inside = element("div", {}, described.description && prose(described.description));
  // Both ways the envelope is always the same: what is in it is of interest.
  const payload = properties.payload.properties ? properties.payload : described.payload;
  if (way === "send") {
    if (payload.description) inside.append(prose(payload.description));
    inside.append(payload.properties && payload !== described.payload ? fields(payload) : element("p", {}, "Payload: ", type(properties.payload)));
  } else {
    inside.append(fields(described.payload));
  }
  for (const example of described.examples) inside.append(sample(example.payload));
  shown.append(inside);
  return shown;
}

function page(document) {
  const channel = document.channels.game;
  const { messages, schemas } = document.components;
  const query = channel.bindings.ws.query;
  const shown = [heading("Connecting"), element("p", {}, element("code", {}, `GET ${channel.address}`)), prose(channel.description), fields(query)];
  for (const operation of Object.values(document.operations)) {
    shown.push(heading(operation.title));
    for (const { $ref } of operation.messages) shown.push(message(name($ref), messages[name($ref)], operation.action));
  }
  const closes = channel["x-close-codes"].map(({ code, reason, client }) => [element("code", {}, String(code)), reason, prose(client, "span")]);
  shown.push(heading("Closing"), table(["code", "reason", "what the client should do"], closes), heading("Schemas"));
  for (const [key, schema] of Object.entries(schemas)) {
    shown.push(element("section", { id: `schema-${key}`, class: "schema" }, element("h3", {}, key), ...shape(schema)));
  }
  return shown;
}

const main = document.getElementById("page");

try {
  const answer = await fetch("/asyncapi.json");
  const described = await answer.json();
  show(main, page(described), { title: "The client protocol", lead: [prose(described.info.description)] });
} catch (error) {
  main.append(element("p", { class: "note bad", role: "alert" }, `The description could not be shown: ${error}`));
}
