import { assert, assertEquals } from "@std/assert";

const PROJECT = new URL("../../", import.meta.url);
const TEXT = Deno.readTextFileSync(new URL("CONTRIBUTING.md", PROJECT));

Deno.test("CONTRIBUTING.md names files that are there", () => {
  const named = [...TEXT.matchAll(/`((?:lib|test|conf)\/[\w./-]*|main\.ts)`/g)].map(([, path]) =>
    path!
  );
  assert(named.length > 40);
  const missing = named.filter((path) => {
    try {
      Deno.statSync(new URL(path, PROJECT));
      return false;
    } catch {
      return true;
    }
  });
  assertEquals(missing, []);
});

Deno.test("CONTRIBUTING.md names every room of lib/", () => {
  const rooms = [...Deno.readDirSync(new URL("lib", PROJECT))].filter((entry) => entry.isDirectory);
  for (const { name } of rooms) assert(TEXT.includes(`\`lib/${name}/\``), `lib/${name}/`);
});

Deno.test("CONTRIBUTING.md names tasks of deno.json", () => {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL("deno.json", PROJECT)));
  for (const [, task] of TEXT.matchAll(/deno task (\w+)/g)) assert(task! in tasks, task);
});
