// Shows openapi.json.

import { element, prose, table } from "/assets/dom.js";
import { heading, name, shape, show, type } from "/docs/schema.js";

const METHODS = ["get", "put", "post", "delete"];

function content(body) {
  const [media] = Object.values(body.content ?? {});
  return media ? type(media.schema) : "";
}

function operation(api, path, method, call, shared) {
  const resolve = (part) => (part.$ref ? api.components[part.$ref.split("/")[2]][name(part.$ref)] : part);
  const shown = element("details", { id: call.operationId, class: "call" });
  const label = element("span", { class: `method ${method}` }, method);
  shown.append(element("summary", {}, label, element("code", {}, path), element("span", { class: "muted" }, call.summary)));
  const inside = element("div", {});
  shown.append(inside);
  if (call.description) inside.append(prose(call.description));
  const parameters = [...shared, ...(call.parameters ?? [])].map(resolve);
  if (parameters.length > 0) {
    const rows = parameters.map((one) => {
      const key = element("code", {}, one.required ? one.name : `${one.name}?`);
      return [key, one.in, type(one.schema), prose(one.description, "span")];
    });
    inside.append(table(["parameter", "in", "type", "meaning"], rows));
  }
  if (call.requestBody) inside.append(element("p", {}, "Body: ", content(call.requestBody)));
  const responses = Object.entries(call.responses).map(([status, response]) => {
    const resolved = resolve(response);
    return [element("code", {}, status), prose(resolved.description, "span"), content(resolved)];
  });
  inside.append(table(["status", "meaning", "body"], responses));
  return shown;
}

function page(api) {
  const shown = [];
  const schemes = Object.values(api.components.securitySchemes).map((one) => [one.name ?? "Authorization", prose(one.description, "span")]);
  shown.push(heading("Tokens"), table(["header", "meaning"], schemes));
  for (const tag of api.tags) {
    shown.push(heading(tag.name), prose(tag.description));
    for (const [path, item] of Object.entries(api.paths)) {
      for (const method of METHODS.filter((method) => item[method]?.tags.includes(tag.name))) {
        shown.push(operation(api, path, method, item[method], item.parameters ?? []));
      }
    }
  }
  const codes = api.components.schemas.Problem.properties.code.oneOf;
  const rows = codes.map((code) => {
    const cells = [element("code", {}, code.const), prose(code.description, "span")].map((cell) => element("td", {}, cell));
    return element("tr", { id: code.const }, ...cells);
  });
  shown.push(heading("Codes"), table(["code", "meaning"], rows), heading("Bodies"));
  for (const [key, schema] of Object.entries(api.components.schemas)) {
    shown.push(element("section", { id: `schema-${key}`, class: "schema" }, element("h3", {}, key), ...shape(schema)));
  }
  return shown;
}

const main = document.getElementById("page");

try {
  const answer = await fetch("/openapi.json");
  const api = await answer.json();
  show(main, page(api), { title: api.info.title, lead: [prose(api.info.summary), prose(api.info.description)] });
} catch (error) {
  main.append(element("p", { class: "note bad", role: "alert" }, `The description could not be shown: ${error}`));
}
