// Makes one file of each library that the pages use, at the version of the lock file: `npm run vendor`.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where the pages find it. */
export const vendored = here("vendor/chess.js");

/** chess.js as the text of one ES module, with its licence. */
export async function chess() {
  const from = here("node_modules/chess.js/");
  const { version } = JSON.parse(readFileSync(`${from}package.json`, "utf8"));
  const licence = readFileSync(`${from}LICENSE`, "utf8").trim().replace(/^/gm, "// ").replace(/ +$/gm, "");
  const { outputFiles } = await build({
    absWorkingDir: here("."),
    stdin: { contents: 'export { Chess } from "chess.js";', resolveDir: here(".") },
    bundle: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    minifySyntax: true,
    minifyWhitespace: true,
    write: false,
    banner: { js: `// chess.js ${version} (https://github.com/jhlywa/chess.js) in one file, made by \`npm run vendor\` in web.\n//\n${licence}\n` },
  });
  return outputFiles[0].text;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(vendored, await chess());
