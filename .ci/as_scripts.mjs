// Turns the modules of a bundle into scripts, for which V8 takes a code cache from memory.
//
//   deno run as_scripts.mjs FOLDER    replaces each NAME.js in FOLDER; main.js is the entry
//
// A script is a function. Its argument $load() gives the exports of another script; its result are its own
// exports. Imports become constants: test/layers_test.ts forbids exported variables. Two files that import
// each other would have no end, which the making of the code caches would show.

import * as fs from "node:fs";
import { basename, join } from "node:path";
import process from "node:process";

/** Import at the head of a module, and exports at its foot, as esbuild writes them. */
const IMPORT = /^import (?:\{\n([^}]*)\} from )?"\.\/([^"]+)\.js";\n/;
const EXPORTS = /\nexport \{\n([^}]*)\};\n$/;
const DYNAMIC_IMPORT = /\bimport\("\.\/([^"]+)\.js"\)/g;
/** Syntax that only a module may have. */
const OF_A_MODULE = /^(?:import|export)\b|\bimport\(|\bimport\.meta\b/m;

/** Properties `NAME: LOCAL` of the list of an import or export, `a as b`. */
function properties(list, isImport) {
  const all = list.split(",").map((one) => {
    const [from, to = from] = one.trim().split(" as ");
    return isImport ? `${from}: ${to}` : `${to}: ${from}`;
  });
  return `{ ${all.join(", ")} }`;
}

function scriptOf(name, module) {
  let [head, body] = ["", module];
  for (let found; (found = IMPORT.exec(body)) !== null; body = body.slice(found[0].length)) {
    const [, list, from] = found;
    const names = list === undefined ? "" : `const ${properties(list, true)} = `;
    head += `${names}$load("${from}"); `;
  }
  const [foot, list] = EXPORTS.exec(body) ?? [""];
  body = body.slice(0, body.length - foot.length)
    .replaceAll(DYNAMIC_IMPORT, (_, from) => `$load("${from}")`);
  if (OF_A_MODULE.test(body)) throw new Error(`${name}.js: an import or export of an unknown form`);
  const result = list === undefined ? "" : `\nreturn ${properties(list, false)};`;
  const kind = name === "main" ? "async " : "";
  return `(${kind}function ($load) { "use strict"; ${head}\n${body}${result}\n})`;
}

const [folder] = process.argv.slice(2);
for (const file of fs.readdirSync(folder)) {
  const path = join(folder, file);
  fs.writeFileSync(path, scriptOf(basename(file, ".js"), fs.readFileSync(path, "utf8")));
}
