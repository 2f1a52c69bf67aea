import { assertEquals } from "@std/assert";
import { PeerFiles } from "../../lib/store/peer_files.ts";

const pure = { permissions: "none" } as const;

const NONE: Set<string> = new Set();

Deno.test("no name is kept for a peer whose file is named after it", pure, () => {
  const files = new PeerFiles();
  assertEquals(files.begin("host", "host"), ["host"]);
  assertEquals(files.begin("host"), ["host"]);
  files.end("host", NONE);
  files.end("host", NONE);
  assertEquals(files.size, 0);
});

Deno.test(
  "trust 10: a record in another letter case has one file, until its last record goes",
  pure,
  () => {
    const files = new PeerFiles();
    let before = "host";
    for (const spelling of ["Host", "hOst", "HOST", "host", "hosT"]) {
      assertEquals(files.begin(spelling, before)[0], "host");
      files.end(spelling, new Set([spelling, before].filter((name) => name !== "host")));
      before = spelling;
    }
    assertEquals(files.begin("hosT")[0], "host");
    files.end("hosT", new Set(["host", "hosT"]));
    assertEquals(files.size, 0);
  },
);

Deno.test("a removal finds both plain files of one peer in two letter cases", pure, () => {
  const files = new PeerFiles();
  for (const spelling of ["host", "HOST"]) {
    files.begin(spelling, spelling);
    files.end(spelling, NONE);
  }
  files.begin("host");
  assertEquals(files.begin("HOST"), ["host", "HOST"]);
});

Deno.test("a file that is about to be written again is not forgotten", pure, () => {
  const files = new PeerFiles();
  files.learner()("alias", "official");
  files.begin("alias");
  files.begin("alias", "alias");
  files.end("alias", new Set(["official"]));
  assertEquals(files.begin("alias"), ["official"]);
  files.end("alias", NONE);
  files.end("alias", NONE);
  assertEquals(files.othersOf("alias"), ["official"]);
});

Deno.test("the learner finds every file of a peer, in any order", pure, () => {
  const files = new PeerFiles();
  const learn = files.learner();
  for (const name of ["plain", "alias"]) learn(name, name);
  learn("alias", "official");
  learn("alias", "second");
  assertEquals([...files.othersOf("alias")].sort(), ["official", "second"]);
  assertEquals([...files.begin("alias")].sort(), ["alias", "official", "second"]);
  assertEquals([files.size, files.othersOf("plain")], [1, []]);
});
