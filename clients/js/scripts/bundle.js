// Makes one file of the client: minified for publishing (`min`), readable for the service's own pages (`vendor`).
// `size` fails where the minified one has grown beyond its limit.

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import { build } from "esbuild";

const LIMIT_BYTES = 8_000;

const here = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Where the service's pages find it. */
export const vendored = here("../../web/vendor/rejoin-client.js");

/** The client as the text of one ES module. */
export async function bundle(minify) {
  const banner = { js: "// @rejoin/client in one file, made by `npm run bundle` in clients/js: change it there." };
  const { outputFiles } = await build({
    absWorkingDir: here(""),
    entryPoints: ["src/index.ts"],
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    write: false,
    minify,
    ...(!minify && { banner }),
  });
  return outputFiles[0].text;
}

switch (process.argv[1] === fileURLToPath(import.meta.url) && process.argv[2]) {
  case "min":
    writeFileSync(here("dist/rejoin.min.js"), await bundle(true));
    break;
  case "vendor":
    writeFileSync(vendored, await bundle(false));
    break;
  case "size": {
    const bytes = gzipSync(await bundle(true), { level: 9 }).length;
    console.log(`rejoin.min.js: ${bytes} bytes gzipped, ${LIMIT_BYTES} allowed`);
    process.exitCode = bytes > LIMIT_BYTES ? 1 : 0;
  }
}
