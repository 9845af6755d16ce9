import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { pathToFileURL } from "node:url";

test("the committed bundle of the service's pages is what the sources give", async () => {
  const script = pathToFileURL("scripts/bundle.js").href;
  const { bundle, vendored } = (await import(script)) as { bundle(minify: boolean): Promise<string>; vendored: string };

  assert.equal(await readFile(vendored, "utf8"), await bundle(false), "run `npm run bundle` and commit");
});

test("the lock names no host", async () => {
  assert.doesNotMatch(await readFile("package-lock.json", "utf8"), /"resolved"|:\/\/registry/);
});
