// Shows JSON Schemas as tables, with links to those that have a name.

import { element, prose, table } from "/assets/dom.js";

export const name = (reference) => reference.split("/").pop();

/** Says what a schema is, in one line. */
export function type(schema) {
  if (schema.$ref) return element("a", { href: `#schema-${name(schema.$ref)}` }, name(schema.$ref));
  if (schema.type === "array" && schema.items) return element("span", {}, "list of ", type(schema.items));
  if (schema.allOf) return type(schema.allOf[0]);
  const some = schema.oneOf ?? [];
  if (some.length > 0 && some.every((one) => one.const)) return element("code", {}, "string");
  if (some.length > 0) return element("span", {}, ...some.flatMap((one, i) => (i ? [" or ", type(one)] : [type(one)])));
  if (schema.const) return element("code", {}, JSON.stringify(schema.const));
  if (schema.enum) return element("code", {}, schema.enum.join(" | "));
  return element("code", {}, [schema.type ?? "any"].flat().join(" or "));
}

export function fields(schema) {
  const required = schema.required ?? [];
  const rows = Object.entries(schema.properties).map(([key, field]) => {
    const about = prose(field.description, "div");
    if (field.properties) about.append(fields(field));
    return [element("code", {}, required.includes(key) ? key : `${key}?`), type(field), about];
  });
  return table(["field", "type", "meaning"], rows);
}

export function shape(schema) {
  const shown = [prose(schema.description)];
  if (schema.properties) shown.push(fields(schema));
  else shown.push(element("p", {}, type(schema), schema.pattern ? element("code", {}, ` ${schema.pattern}`) : ""));
  return shown;
}

/** A box of JSON that can be scrolled with the keyboard too. */
export function sample(value) {
  return element("pre", { tabindex: "0" }, element("code", {}, JSON.stringify(value, null, 2)));
}

/** Puts a page into its place, with links to its headings beside it. */
export function show(main, contents, { title, lead }) {
  const headings = contents.filter((one) => one.tagName === "H2");
  const links = headings.map((heading) => element("li", {}, element("a", { href: `#${heading.id}` }, heading.textContent)));
  main.replaceChildren(
    element("nav", { class: "contents", "aria-label": "On this page" }, element("ul", {}, ...links)),
    element("article", {}, element("h1", {}, title), ...lead, ...contents),
  );
  // What the address points to is only there now.
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) {
    target.closest("details")?.setAttribute("open", "");
    target.scrollIntoView();
  }
}

export function heading(text) {
  return element("h2", { id: text.toLowerCase().replaceAll(" ", "-") }, text);
}
