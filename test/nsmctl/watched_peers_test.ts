import { assertEquals } from "@std/assert";
import type { ReadFile } from "../../lib/nsmctl/state_directory.ts";
import { WatchedPeers } from "../../lib/nsmctl/watched_peers.ts";

const pure = { permissions: "none" } as const;

function file(name: string, ...monNames: string[]): ReadFile {
  const records = monNames.map((monName) => ({
    record: { monName, myName: "me", myProg: 100021, myVers: 3, myProc: 16 },
    since: 1,
  }));
  return { name, bytes: 80, records, faultyLines: 0 };
}

const flags = (monitored: boolean, toBeNotified: boolean) => ({ monitored, toBeNotified });

Deno.test("WatchedPeers reports added, changed and removed peers", pure, () => {
  const watched = new WatchedPeers([file("a", "a")], [], new Map());
  assertEquals(watched.replace("monitored", "b", file("b", "b")), [
    { change: "added", peer: "b", ...flags(true, false) },
  ]);
  assertEquals(watched.replace("monitored", "b", file("b", "b")), []);
  assertEquals(watched.replace("toBeNotified", "a", file("a", "a")), [
    { change: "changed", peer: "a", ...flags(true, true) },
  ]);
  assertEquals(watched.replace("monitored", "a", undefined), [
    { change: "changed", peer: "a", ...flags(false, true) },
  ]);
  assertEquals(watched.replace("toBeNotified", "a", undefined), [
    { change: "gone", peer: "a", ...flags(false, false) },
  ]);
});

Deno.test("WatchedPeers recognises a peer in two files", pure, () => {
  const watched = new WatchedPeers([file("x", "a"), file("y", "A")], [], new Map());
  assertEquals(watched.replace("monitored", "x", undefined), []);
  assertEquals(watched.replace("monitored", "y", undefined).map(({ change }) => change), ["gone"]);
});

Deno.test("WatchedPeers compares everything after an overflow of inotify", pure, () => {
  const watched = new WatchedPeers([file("a", "a"), file("b", "b")], [], new Map());
  const changes = watched.replaceAll([file("b", "b"), file("c", "c")], []);
  assertEquals(changes.map(({ change, peer }) => [change, peer]), [["gone", "a"], ["added", "c"]]);
});

Deno.test("WatchedPeers reports callbacks and notices", pure, () => {
  const watched = new WatchedPeers([file("a", "a")], [], new Map([["a", { addresses: [] }]]));
  const facts = { addresses: [], toldAt: 5, heardAt: 6, lastState: 7 };
  assertEquals(watched.learn(new Map([["a", facts]])), [
    { change: "told", peer: "a", ...flags(true, false) },
    { change: "heard", peer: "a", ...flags(true, false), state: 7 },
  ]);
  assertEquals(watched.learn(new Map([["a", facts]])), []);
});
