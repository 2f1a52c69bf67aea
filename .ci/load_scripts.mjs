// Entry of the compiled program: runs the scripts of as_scripts.mjs with the code caches of
// make_code_caches.mjs, instead of parsing them. The caches are as trustworthy as the scripts, beside which
// they lie in the program file. V8 refuses a cache of another version of itself, of other flags or of
// another machine, and compiles the script.

import { Script } from "node:vm";

const loaded = new Map();

function load(name) {
  let exports = loaded.get(name);
  if (exports === undefined) {
    const path = `${import.meta.dirname}/scripts/${name}`;
    const cache = Deno.readFileSync(`${path}.cache`); // empty if the build could not make it
    const script = new Script(Deno.readTextFileSync(`${path}.script`), {
      filename: `${name}.js`,
      cachedData: cache.length > 0 ? cache : undefined,
    });
    exports = script.runInThisContext()(load);
    loaded.set(name, exports);
  }
  return exports;
}

await load("main");
