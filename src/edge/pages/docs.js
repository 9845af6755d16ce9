"use strict";

// Shows openapi.json. Texts are set as text, never as markup.

const METHODS = ["get", "put", "post", "delete"];

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Writes a sentence, with `code` between backticks. */
function prose(text, tag = "p") {
  const parts = (text ?? "").split("`");
  return element(tag, {}, ...parts.map((part, index) => (index % 2 ? element("code", {}, part) : part)));
}

function table(headings, rows) {
  const head = element("tr", {}, ...headings.map((heading) => element("th", {}, heading)));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, ...rows));
}

function row(cells, attributes = {}) {
  return element("tr", attributes, ...cells.map((cell) => element("td", {}, cell)));
}

const name = (reference) => reference.split("/").pop();

/** Says what a schema is, in one line, with links to those that have a name. */
function type(schema) {
  if (schema.$ref) return element("a", { href: `#schema-${name(schema.$ref)}` }, name(schema.$ref));
  if (schema.type === "array") return element("span", {}, "list of ", type(schema.items));
  const some = schema.oneOf ?? [];
  if (some.length > 0 && some.every((one) => one.const)) return element("code", {}, "string");
  if (some.length > 0) return element("span", {}, ...some.flatMap((one, i) => (i ? [" or ", type(one)] : [type(one)])));
  if (schema.const) return element("code", {}, JSON.stringify(schema.const));
  if (schema.enum) return element("code", {}, schema.enum.join(" | "));
  return element("code", {}, [schema.type ?? "any"].flat().join(" or "));
}

function fields(schema) {
  const required = schema.required ?? [];
  const rows = Object.entries(schema.properties).map(([key, field]) => {
    const about = prose(field.description, "div");
    if (field.properties) about.append(fields(field));
    return row([element("code", {}, required.includes(key) ? key : `${key}?`), type(field), about]);
  });
  return table(["field", "type", ""], rows);
}

function shape(schema) {
  const shown = [prose(schema.description)];
  if (schema.properties) shown.push(fields(schema));
  else shown.push(element("p", {}, type(schema), schema.pattern ? element("code", {}, ` ${schema.pattern}`) : ""));
  return shown;
}

function content(body) {
  const [media] = Object.values(body.content ?? {});
  return media ? type(media.schema) : "";
}

function operation(api, path, method, call, shared) {
  const resolve = (part) => (part.$ref ? api.components[part.$ref.split("/")[2]][name(part.$ref)] : part);
  const label = element("span", { class: "method" }, method);
  const shown = element("details", { id: call.operationId });
  shown.append(element("summary", {}, label, element("code", {}, path), ` ${call.summary}`));
  if (call.description) shown.append(prose(call.description));
  const parameters = [...shared, ...(call.parameters ?? [])].map(resolve);
  if (parameters.length > 0) {
    const rows = parameters.map((one) => {
      const key = element("code", {}, one.required ? one.name : `${one.name}?`);
      return row([key, one.in, type(one.schema), prose(one.description, "span")]);
    });
    shown.append(table(["parameter", "in", "type", ""], rows));
  }
  if (call.requestBody) shown.append(element("p", {}, "Body: ", content(call.requestBody)));
  const responses = Object.entries(call.responses).map(([status, response]) => {
    const resolved = resolve(response);
    return row([element("code", {}, status), prose(resolved.description, "span"), content(resolved)]);
  });
  shown.append(table(["status", "", "body"], responses));
  return shown;
}

function page(api) {
  const shown = [element("h1", {}, api.info.title), prose(api.info.summary), prose(api.info.description)];
  const schemes = Object.values(api.components.securitySchemes).map((one) => row([one.name ?? "Authorization", prose(one.description, "span")]));
  shown.push(element("h2", {}, "Tokens"), table(["header", ""], schemes));
  for (const tag of api.tags) {
    shown.push(element("h2", {}, tag.name), prose(tag.description));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((method) => item[method]?.tags.includes(tag.name))) {
        shown.push(operation(api, path, method, item[method], item.parameters ?? []));
      }
    }
  }
  const codes = api.components.schemas.Problem.properties.code.oneOf;
  const rows = codes.map((code) => row([element("code", {}, code.const), prose(code.description, "span")], { id: code.const }));
  shown.push(element("h2", {}, "Codes"), table(["code", ""], rows), element("h2", {}, "Bodies"));
  for (const [key, schema] of Object.entries(api.components.schemas)) {
    shown.push(element("h3", { id: `schema-${key}` }, key), ...shape(schema));
  }
  return shown;
}

async function show() {
  const answer = await fetch("/openapi.json");
  const api = await answer.json();
  document.getElementById("page").replaceChildren(...page(api));
  // What the address points to is only there now.
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

show().catch((error) => {
  document.getElementById("page").append(element("p", {}, `The description could not be shown: ${error}`));
});
