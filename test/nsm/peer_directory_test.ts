import { assertEquals, assertMatch } from "@std/assert";
import { limited } from "../../lib/log_limits.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import type { PeerFacts, PeerMemory } from "../../lib/nsm/ports.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { RecordingLog } from "../support/recording_log.ts";

/** Lines of a kind in a minute. */
const LINES = 3;
const pure = { permissions: "none" } as const;
/** Time for the look-ups of some peers, one after the other, with the pause before the first. */
const SETTLING_MS = 300;

class MapMemory implements PeerMemory {
  readonly facts = new Map<string, PeerFacts>();
  notes = 0;
  load() {
    return new Map(this.facts);
  }
  *loadInSteps() {
    yield;
    return this.load();
  }
  note(monName: string, facts: Partial<PeerFacts>) {
    this.notes++;
    this.facts.set(monName, { addresses: [], ...this.facts.get(monName), ...facts });
  }
  forget(monName: string) {
    this.facts.delete(monName);
  }
  flush() {}
}

function setUp() {
  const resolver = new FakeResolver();
  const memory = new MapMemory();
  const clock = new FakeClock();
  const settle = () => clock.run(SETTLING_MS);
  const log = new RecordingLog();
  const tell = limited(log, clock, { lines: LINES, total: Infinity, intervalMs: 60_000 });
  const open = () => {
    const directory = new PeerDirectory({ resolver, memory, clock, log, tell });
    Array.from(directory.remember());
    return directory;
  };
  return { resolver, memory, clock, log, open, settle };
}

Deno.test("add() learns official name and addresses, and remembers them", pure, async () => {
  const { resolver, memory, open, settle } = setUp();
  resolver.addHost("nodeb.example.net", ["10.0.0.2", "fd77::2"], ["nodeb"]);
  const directory = open();
  directory.add("NodeB");
  assertEquals(directory.isComplete, false);
  await settle();
  assertEquals(directory.isComplete, true);
  assertEquals([...directory.known("fd77::2")], ["fd77::2", "nodeb"]);
  assertEquals(memory.facts.get("nodeb"), {
    addresses: ["10.0.0.2", "fd77::2"],
    canonicalName: "nodeb.example.net",
  });
});

Deno.test("a repeated answer of the name service is not stored again", pure, async () => {
  const { resolver, memory, open, settle } = setUp();
  resolver.addHost("nodeb", ["10.0.0.2"]);
  const directory = open();
  directory.add("nodeb");
  await settle();
  await directory.refresh("nodeb");
  assertEquals(memory.notes, 1);
  resolver.addHost("nodeb", ["10.0.0.3"]);
  await directory.refresh("nodeb");
  assertEquals([memory.notes, memory.facts.get("nodeb")?.addresses], [2, ["10.0.0.3"]]);
});

Deno.test("add() of an address learns its name and that name's other addresses", pure, async () => {
  const { resolver, open, settle } = setUp();
  resolver.addHost("nodeb.example.net", ["10.0.0.2", "fd77::2"]);
  const directory = open();
  directory.add("10.0.0.2");
  await settle();
  assertEquals([...directory.known("fd77::2")], ["fd77::2", "10.0.0.2"]);
  assertEquals([...directory.known("NODEB.example.net")], ["nodeb.example.net", "10.0.0.2"]);
});

Deno.test("add() of an address without a name is complete", pure, async () => {
  const { open, log, settle } = setUp();
  const directory = open();
  directory.add("192.0.2.1");
  await settle();
  assertEquals([directory.isComplete, log.of("notice")], [true, []]);
});

Deno.test("a new life knows the facts of the last one, without look-ups", pure, async () => {
  const { resolver, open, settle } = setUp();
  resolver.addHost("nodeb", ["10.0.0.2"]);
  open().add("nodeb");
  await settle();
  const asked = resolver.asked.length;
  const directory = open();
  directory.add("nodeb");
  await settle();
  assertEquals([...directory.known("10.0.0.2")], ["10.0.0.2", "nodeb"]);
  assertEquals(resolver.asked.length, asked);
});

Deno.test("add() says once that a name does not resolve, and asks again later", pure, async () => {
  const { resolver, clock, log, open, settle } = setUp();
  const directory = open();
  directory.add("nodeb");
  await settle();
  const found = () => [directory.absent, directory.unresolved, directory.withoutAddress];
  assertEquals([...found(), log.of("notice").length], [1, 1, 1, 1]);
  assertMatch(log.of("notice")[0]!, /Cannot look up peer "nodeb": no record of nodeb/);
  clock.advance(30_000);
  await settle();
  assertEquals(log.of("notice").length, 1);
  resolver.addHost("nodeb", ["10.0.0.2"]);
  clock.advance(60_000);
  await settle();
  assertEquals([...found(), [...directory.known("10.0.0.2")].length], [0, 0, 0, 2]);
});

Deno.test("peers without a known address are counted before they are looked up", pure, async () => {
  const { resolver, clock, open, settle } = setUp();
  resolver.addHost("nodeb", ["10.0.0.2"]);
  resolver.outage = "it is silent";
  const directory = open();
  const counts = () => [directory.withoutAddress, directory.unresolved];
  directory.add("nodeb");
  directory.add("192.0.2.1");
  assertEquals(counts(), [1, 0], "an address is known of itself");
  await settle();
  assertEquals(counts(), [1, 2]);
  resolver.outage = undefined;
  clock.advance(60_000);
  await settle();
  assertEquals(counts(), [0, 0]);
  directory.relearn("nodeb");
  assertEquals(counts(), [0, 1], "the address that may be outdated is still known");
});

Deno.test("add() looks up a few peers at a time, and all in the end", pure, async () => {
  const { resolver, open, settle } = setUp();
  let release = () => {};
  resolver.gate = new Promise((resolve) => release = resolve);
  const directory = open();
  for (let i = 0; i < 20; i++) directory.add(`n${i}`);
  await settle();
  assertEquals(resolver.asked.length, 4);
  release();
  await settle();
  assertEquals(resolver.asked.length, 20);
});

Deno.test("remove() forgets a peer, also while it is looked up", pure, async () => {
  const { resolver, memory, open, settle } = setUp();
  resolver.addHost("nodeb", ["10.0.0.2"]);
  const directory = open();
  directory.add("nodeb");
  directory.remove("nodeb");
  await settle();
  assertEquals([memory.facts.size, directory.isComplete], [0, true]);
  assertEquals([...directory.known("10.0.0.2")], ["10.0.0.2"]);
});

Deno.test("remove() forgets a peer whose look-up is outstanding", pure, async () => {
  const { resolver, memory, open, settle } = setUp();
  resolver.addHost("nodeb", ["10.0.0.2"]);
  const answered = Promise.withResolvers<void>();
  const { addressesOf } = resolver;
  resolver.addressesOf = async (name) => {
    await answered.promise;
    return addressesOf.call(resolver, name);
  };
  const directory = open();
  directory.add("nodeb");
  await settle();
  directory.remove("nodeb");
  answered.resolve();
  await settle();
  assertEquals([memory.facts.size, directory.isComplete], [0, true]);
  assertEquals([...directory.known("10.0.0.2")], ["10.0.0.2"]);
});

Deno.test("stop() ends repeated look-ups", pure, async () => {
  const { resolver, clock, open, settle } = setUp();
  resolver.outage = "Temporary failure in name resolution";
  const directory = open();
  directory.add("nodeb");
  await settle();
  directory.stop();
  clock.advance(3_600_000);
  await settle();
  assertEquals(resolver.asked.length, 1);
});

Deno.test("remembered() returns the unfinished work of an earlier life", pure, () => {
  const { memory, open } = setUp();
  memory.facts.set("told", { addresses: [], lastState: 5, passedOn: 5 });
  memory.facts.set("owed", { addresses: [], lastState: 7, passedOn: 5 });
  memory.facts.set("never", { addresses: [] });
  const directory = open();
  const known = (peer: string) => {
    const { lastState = 0, isOwed = false } = directory.remembered(peer) ?? {};
    return [lastState, isOwed];
  };
  assertEquals(["told", "OWED", "never", "x"].map(known), [
    [5, false],
    [7, true],
    [0, false],
    [0, false],
  ]);
});

Deno.test("retain() settles news that no registration waits for", pure, () => {
  const { memory, open } = setUp();
  memory.facts.set("owed", { addresses: [], lastState: 7, passedOn: 5 });
  memory.facts.set("gone", { addresses: [], lastState: 9, passedOn: 5 });
  const directory = open();
  Array.from(directory.retain((peer) => peer === "owed", () => true));
  const owed = [...memory.facts].map(([peer, { passedOn }]) => [peer, passedOn]);
  assertEquals(owed, [["owed", 5], ["gone", 9]]);
});

Deno.test("retain() ends the look-ups of peers that are not monitored", pure, async () => {
  const { resolver, clock, open, settle } = setUp();
  const directory = open();
  for (const peer of ["kept", "needed", "gone"]) directory.add(peer);
  await settle();
  for (const peer of ["late", "kept-too"]) directory.add(peer);
  assertEquals(directory.unresolved, 3);
  const kept = ["kept", "kept-too"];
  Array.from(directory.retain((peer) => kept.includes(peer), (peer) => peer !== "gone"));
  const peers = ["kept", "needed", "gone", "late", "kept-too"];
  assertEquals(peers.filter((peer) => directory.isUnresolved(peer)), kept);
  await settle();
  assertEquals([directory.unresolved, directory.withoutAddress], [2, 2]);
  const before = resolver.asked.length;
  await clock.run(2 * 3_600_000);
  const asked = new Set(resolver.asked.slice(before));
  assertEquals([...asked].sort(), [...kept].sort());
});

Deno.test("many notices put off no look-up, since only the first starts a timer", pure, () => {
  const { resolver, memory, clock, log } = setUp();
  const pauses: number[] = [];
  const startTimer = (ms: number, action: () => void) => {
    pauses.push(ms);
    return clock.startTimer(ms, action);
  };
  const counted = Object.assign(new FakeClock(), { startTimer });
  const parts = { resolver, memory, clock: counted, log, tell: () => {} };
  const directory = new PeerDirectory(parts);
  directory.add("nodeb");
  for (let i = 0; i < 3; i++) directory.hurry("nodeb");
  assertEquals(pauses, [250, 0]);
  directory.stop();
});

Deno.test("relearn() soon repeats the look-up of an unknown peer", pure, async () => {
  const { resolver, clock, open, settle } = setUp();
  const directory = open();
  directory.add("nodeb");
  await settle();
  assertEquals([directory.isAbsent("nodeb"), directory.isComplete], [true, true]);
  directory.relearn("nodeb");
  assertEquals([directory.isAbsent("nodeb"), directory.isComplete], [false, false]);
  resolver.addHost("nodeb", ["10.0.0.2"]);
  await clock.run(30_000);
  assertEquals(directory.isAddressOf("nodeb", "10.0.0.2"), true);
});

Deno.test(
  "trust 16: isAddressOf() matches learned addresses, with the scope of link-local ones",
  pure,
  async () => {
    const { resolver, open, settle } = setUp();
    resolver.addHost("nodeb", ["10.0.0.2", "fe80::2%eth0"]);
    const directory = open();
    directory.add("nodeb");
    directory.add("10.0.0.9");
    await settle();
    const answers = ["10.0.0.2", "fe80::2%eth0", "fe80::2%eth1", "10.0.0.3"].map((it) =>
      directory.isAddressOf("nodeb", it)
    );
    assertEquals(answers, [true, true, false, false]);
    assertEquals(directory.isAddressOf("10.0.0.9", "10.0.0.9"), true);
  },
);

Deno.test(
  "add() keeps the given names, before and after look-ups",
  pure,
  async () => {
    const { resolver, open, settle } = setUp();
    resolver.addHost("nodeb", ["10.0.0.2"]);
    const directory = open();
    directory.add("nodeb", ["Former.example"]);
    directory.add("nodeb");
    assertEquals([...directory.known("former.example")], ["former.example", "nodeb"]);
    await settle();
    assertEquals([...directory.known("former.example")], ["former.example", "nodeb"]);
    assertEquals([...directory.known("10.0.0.2")], ["10.0.0.2", "nodeb"]);
    directory.remove("nodeb");
    assertEquals([...directory.known("former.example")], ["former.example"]);
  },
);

Deno.test("thousands of peers without a name service cause a few log lines", pure, async () => {
  const { resolver, clock, log, open } = setUp();
  resolver.outage = "Temporary failure in name resolution";
  const directory = open();
  for (let i = 0; i < 2_000; i++) directory.add(`n${i}`);
  await clock.run(2_500);
  assertEquals([directory.unresolved, log.of("notice").length], [2_000, LINES]);
  clock.advance(60_000);
  const sum = "1997 more messages like this in 60 s: Cannot look up peers";
  assertEquals(log.of("warning"), [`warning: ${sum}`]);
});
