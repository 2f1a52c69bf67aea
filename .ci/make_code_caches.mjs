// Makes the code caches of scripts, compiled with the runtime and the V8 flags of the program: V8 takes a
// cache from the same version, flags and architecture only.
//
//   make_code_caches FOLDER make     NAME.script in FOLDER gets NAME.cache
//   make_code_caches FOLDER check    fails unless V8 takes all of them
//
// Of the functions, a cache has those that have run here: each script but the entry defines its things, and
// rehearsal.script, which is removed, runs what the programs do at their start.

import { Script } from "node:vm";

const [folder, order] = Deno.args;
const scripts = new Map();
const loaded = new Map();

function load(name) {
  if (!loaded.has(name)) loaded.set(name, scripts.get(name).runInThisContext()(load));
  return loaded.get(name);
}

const names = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith(".script")).map((name) => name.slice(0, -".script".length))
  .sort();
for (const name of names) {
  const path = `${folder}/${name}`;
  const cachedData = order === "check" ? Deno.readFileSync(`${path}.cache`) : undefined;
  const script = new Script(Deno.readTextFileSync(`${path}.script`), {
    filename: `${name}.js`,
    cachedData,
  });
  if (script.cachedDataRejected) throw new Error(`V8 refuses the code cache of ${name}`);
  scripts.set(name, script);
}
if (order === "make") {
  for (const name of names) if (name !== "main") load(name);
  await load("rehearsal").rehearse();
  Deno.removeSync(`${folder}/rehearsal.script`);
  scripts.delete("rehearsal");
  for (const [name, script] of scripts) {
    Deno.writeFileSync(`${folder}/${name}.cache`, script.createCachedData());
  }
}
Deno.exit();
