import { assertEquals } from "@std/assert";
import { PeerFiles } from "../../lib/store/peer_files.ts";

const pure = { permissions: "none" } as const;

const NONE: Set<string> = new Set();

Deno.test("no name is kept for a peer whose file is named after it", pure, () => {
  const files = new PeerFiles();
  assertEquals(files.begin("host", "host"), ["host"]);
  assertEquals(files.begin("host"), ["host"]);
  files.end("host", NONE, true);
  files.end("host", NONE, true);
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
      files.end(spelling, new Set([spelling, before].filter((name) => name !== "host")), true);
      before = spelling;
    }
    assertEquals(files.begin("hosT")[0], "host");
    files.end("hosT", new Set(["host", "hosT"]), true);
    assertEquals(files.size, 0);
  },
);

Deno.test("a removal finds both plain files of one peer in two letter cases", pure, () => {
  const files = new PeerFiles();
  for (const spelling of ["host", "HOST"]) {
    files.begin(spelling, spelling);
    files.end(spelling, NONE, true);
  }
  files.begin("host");
  assertEquals(files.begin("HOST"), ["host", "HOST"]);
});

Deno.test("a file that is about to be written again is not forgotten", pure, () => {
  const files = new PeerFiles();
  files.learner()("alias", "official");
  files.begin("alias");
  files.begin("alias", "alias");
  files.end("alias", new Set(["official"]), true);
  assertEquals(files.begin("alias"), ["official"]);
  files.end("alias", NONE, true);
  files.end("alias", NONE, true);
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

Deno.test("a file that SM_SIMU_CRASH has dropped is known until its peer is removed", pure, () => {
  const files = new PeerFiles();
  files.note("host");
  files.begin("other", "other");
  files.note("other"); // another registration of that peer
  files.end("other", NONE, true);
  assertEquals(files.begin("OTHER"), ["other", "OTHER"]);
  files.end("OTHER", new Set(["other", "OTHER"]), true);
  assertEquals(files.begin("HOST"), ["host", "HOST"]);
  files.end("HOST", new Set(["HOST"]), true);
  assertEquals([files.size, files.begin("HOST")[0]], [1, "host"]);
  files.end("HOST", new Set(["host", "HOST"]), true);
  assertEquals(files.size, 0);
});

Deno.test("plain files of one peer are known behind a change that failed", pure, () => {
  const files = new PeerFiles();
  files.begin("host");
  files.end("host", NONE, false);
  assertEquals(files.begin("HOST"), ["host", "HOST"]);
  files.end("HOST", new Set(["host", "HOST"]), true);
  assertEquals(files.size, 0);
});

Deno.test(
  "files that are not there are forgotten, but not while their peer is changed",
  pure,
  () => {
    const files = new PeerFiles();
    for (const name of ["gone", "changing", "there"]) files.note(name);
    files.begin("CHANGING");
    files.retain(new Set(["there"]));
    assertEquals(files.size, 2);
    assertEquals(files.othersOf("CHANGING"), ["changing"]);
    assertEquals(files.othersOf("THERE"), ["there"]);
  },
);
