import { assert, assertEquals } from "@std/assert";
import type { PeerFacts, PeerMemory } from "../../lib/nsm/ports.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";
import "../support/open_libc.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;

const PEERS = "/nsm/sm/.peers";

function open(
  fileSystem: FragileDisk,
  mayCompact = true,
  clock?: SimulatedClock,
): { memory: PeerMemory; log: RecordingLog } {
  const log = new RecordingLog();
  const parts = { log, fileSystem, mayCompact, ...(clock === undefined ? {} : { clock }) };
  return { memory: openPeerMemory(STATE_DIRECTORY, parts), log };
}

const FULL = "No space left on device (os error 28)";

function facts(...addresses: string[]): PeerFacts {
  return { addresses };
}

/** Lets the memory write the facts of this turn. */
async function written(): Promise<void> {
  await undefined;
}

Deno.test("load() returns the last facts of each peer", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk);
  const known: PeerFacts = {
    addresses: ["10.0.0.2", "fe80::1%eth0"],
    canonicalName: "b\xe9ta.example",
    lastState: -7,
    passedOn: [null, 5],
    lastNotice: 2,
    lastAnswer: 4,
    transport: "tcp",
    port: 111,
  };
  memory.note("A", facts("10.0.0.1"));
  memory.note("b", facts());
  await written();
  memory.note("B", known);
  await written();
  assertEquals(open(disk).memory.load(), new Map([["a", facts("10.0.0.1")], ["b", known]]));
});

Deno.test("forget() is durable", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk);
  memory.note("a", facts("10.0.0.1"));
  memory.note("b", facts("10.0.0.2"));
  await written();
  memory.forget("A");
  await written();
  assertEquals([...open(disk).memory.load().keys()], ["b"]);
});

Deno.test("note() does not wait, and makes one write per turn", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk);
  for (let i = 0; i < 100; i++) memory.note(`host${i}`, facts(`10.0.0.${i}`));
  assertEquals(disk.journal, []);
  await written();
  assertEquals(disk.journal, [`create ${PEERS}`, `append ${PEERS}`]);
  assertEquals(open(disk).memory.load().size, 100);
});

Deno.test("statd and sm-notify write the same file", pure, async () => {
  const disk = diskWith({});
  const [statd, notify] = [open(disk).memory, open(disk, false).memory];
  for (let i = 0; i < 3; i++) {
    statd.note("a", facts(`10.0.0.${i}`));
    notify.note("b", facts(`10.0.1.${i}`));
    await written();
  }
  const expected = new Map([["a", facts("10.0.0.2")], ["b", facts("10.0.1.2")]]);
  assertEquals(open(disk, false).memory.load(), expected);
});

Deno.test(
  "addresses that sm-notify has reached leave what statd has learned meanwhile",
  pure,
  async () => {
    const disk = diskWith({});
    const [statd, notify] = [open(disk).memory, open(disk, false).memory];
    statd.note("a", facts("10.0.0.1", "10.0.1.1"));
    await written();
    notify.note("a", { port: 900 }, ["10.0.1.1", "10.0.2.1"]);
    notify.note("b", { port: 901 }, ["10.0.0.2"]);
    await written();
    const expected = new Map([
      ["a", { ...facts("10.0.1.1", "10.0.2.1", "10.0.0.1"), port: 900 }],
      ["b", { ...facts("10.0.0.2"), port: 901 }],
    ]);
    assertEquals(open(disk).memory.load(), expected);
    statd.note("a", facts("10.0.0.1"));
    await written();
    assertEquals(open(disk).memory.load().get("a"), { ...facts("10.0.0.1"), port: 900 });
  },
);

Deno.test("reached addresses of any run have a limit", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk, false);
  for (let i = 0; i < 100; i++) {
    memory.note("a", {}, [`10.0.0.${i}`]);
    await written();
  }
  const { addresses } = memory.load().get("a")!;
  assertEquals([addresses.length, addresses[0], addresses[31]], [32, "10.0.0.99", "10.0.0.68"]);
});

Deno.test("load() survives any contents of the file", pure, () => {
  const lines = [
    '{"peer":"good","addresses":["10.0.0.1"]}',
    '{"peer":"odd","addresses":["10.0.0.2"],"port":0,"transport":"sctp","lastState":1.5,"x":[]}',
    '{"peer":"odd","also":true,"reached":[1]}',
    '{"peer":"odd","also":true,"reached":"10.0.0.9"}',
    '{"peer":"good","addresses":"none"}',
    '{"peer":"numbers","addresses":[1]}',
    '{"peer":1,"addresses":[]}',
    '{"addresses":["10.0.0.1"]}',
    "null",
    "[]",
    '"text"',
    "\0\0\xff\xfe",
    `{"peer":"${"x".repeat(10_000)}","addresses":[]}`,
    '{"peer":"__proto__","addresses":["10.0.0.3"],"__proto__":{"port":1}}',
    '{"peer":"torn","addre',
  ];
  const { memory, log } = open(diskWith({ "sm/.peers": lines.join("\n") }));
  const expected = new Map([["odd", facts("10.0.0.2")], ["__proto__", facts("10.0.0.3")]]);
  assertEquals(memory.load(), expected);
  assertEquals(log.lines, []);
});

Deno.test("note() is not lost after half a line", pure, async () => {
  const disk = diskWith({ "sm/.peers": '{"peer":"a","addresses":["10.0.0.1"]}\n{"peer":"b' });
  const { memory } = open(disk);
  memory.load();
  memory.note("c", facts("10.0.0.3"));
  await written();
  assertEquals([...open(disk).memory.load().keys()], ["a", "c"]);
});

Deno.test("load() rewrites a file that is mostly superseded, for statd only", pure, () => {
  const line = '{"peer":"a","addresses":["10.0.0.1"]}\n';
  const text = line.repeat(1200);
  const disk = diskWith({ "sm/.peers": text });
  open(disk, false).memory.load();
  assertEquals(disk.files[PEERS], text);
  assertEquals(open(disk).memory.load(), new Map([["a", facts("10.0.0.1")]]));
  assertEquals(disk.files, { [PEERS]: line });
});

Deno.test("the file does not grow for ever", pure, async () => {
  const disk = diskWith({});
  const [statd, notify] = [open(disk), open(disk, false)];
  const long = facts("x".repeat(7000));
  for (let i = 0; i < 2500; i++) {
    notify.memory.note(`host${i}`, long);
    await written();
  }
  assertEquals(notify.log.lines, [
    `warning: Cannot write "${PEERS}": it is full until statd is restarted`,
  ]);
  statd.memory.note("new", facts("10.0.0.1"));
  statd.memory.load();
  for (let i = 0; i < 2; i++) {
    statd.memory.note("new", facts(`10.0.0.${i}`));
    await written();
  }
  assert(disk.files[PEERS]!.length < 9_000_000);
  assertEquals(open(disk).memory.load().get("new"), facts("10.0.0.1"));
});

Deno.test("the file is removed once statd has no facts", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk);
  memory.note("a", facts("10.0.0.1"));
  await written();
  memory.forget("a");
  await written();
  assertEquals(disk.files, {});
  memory.note("b", facts("10.0.0.2"));
  await written();
  assertEquals([...open(disk).memory.load().keys()], ["b"]);
});

Deno.test("a failure is logged once, and not thrown to callers", pure, async () => {
  const disk = diskWith({ "sm/.peers": "{}\n" });
  disk.fault = () => new Deno.errors.PermissionDenied("Permission denied (os error 13)");
  const { memory, log } = open(disk);
  assertEquals(memory.load().size, 0);
  for (const name of ["a", "b"]) {
    memory.note(name, facts("10.0.0.1"));
    await written();
  }
  assertEquals(log.lines, [
    `warning: Cannot read "${PEERS}": Permission denied (os error 13)`,
    `warning: Cannot write "${PEERS}": Permission denied (os error 13)`,
  ]);
});

Deno.test("lines refused by a full disk are written once there is room", pure, async () => {
  const disk = diskWith({ "sm/.peers": '{"peer":"gone","addresses":["10.0.0.9"]}\n' });
  const clock = new SimulatedClock();
  const { memory, log } = open(disk, true, clock);
  memory.load();
  // Half of an append is on disk before it fails, as on a real disk.
  disk.fault = (operation, path) => {
    if (operation !== "append") return undefined;
    disk.fault = (operation) => operation === "append" ? new Error(FULL) : undefined;
    disk.append(path.split(" ")[0]!, '{"peer":"half","addr', 0o600);
    return new Error(FULL);
  };
  memory.note("a", facts("10.0.0.1"));
  memory.flush();
  memory.note("a", { lastState: 7 });
  memory.forget("gone");
  memory.note("b", { lastState: 3 });
  memory.forget("c");
  memory.note("c", { port: 1 });
  memory.flush();
  await clock.pass(3_600_000);
  assertEquals([...open(disk).memory.load().keys()], ["gone"]);
  disk.fault = () => undefined;
  await clock.pass(10_000);
  assertEquals(
    open(disk).memory.load(),
    new Map([
      ["a", { ...facts("10.0.0.1"), lastState: 7 }],
      ["b", { ...facts(), lastState: 3 }],
      ["c", { ...facts(), port: 1 }],
    ]),
  );
  assertEquals(log.lines, [
    `warning: Cannot write "${PEERS}": ${FULL}`,
    `notice: Wrote "${PEERS}" again`,
  ]);
});

Deno.test("a stop writes lines that the disk refused before, without waiting", pure, async () => {
  const disk = diskWith({});
  const { memory, log } = open(disk, true, new SimulatedClock());
  disk.fault = () => new Error(FULL);
  memory.note("a", { lastState: 7 });
  memory.flush();
  memory.flush(true); // a disk that still refuses schedules no second retry
  disk.fault = () => undefined;
  memory.flush();
  await written();
  assertEquals(open(disk).memory.load(), new Map());
  memory.flush(true);
  assertEquals(open(disk).memory.load(), new Map([["a", { ...facts(), lastState: 7 }]]));
  assertEquals(log.lines.at(-1), `notice: Wrote "${PEERS}" again`);
});

Deno.test(
  "the oldest waiting lines are dropped beyond a memory limit",
  pure,
  async () => {
    const disk = diskWith({});
    const clock = new SimulatedClock();
    const { memory } = open(disk, true, clock);
    disk.fault = () => new Error(FULL);
    for (let i = 0; i < 70_000; i++) memory.note(`host${i}`, facts());
    await written();
    disk.fault = () => undefined;
    await clock.pass(10_000);
    const known = open(disk).memory.load();
    assertEquals(known.size, 65_536);
    assert(known.has("host69999") && !known.has("host0"));
  },
);

Deno.test("a running statd rewrites the file once most of it is superseded", pure, async () => {
  const disk = diskWith({});
  const [statd, notify] = [open(disk), open(disk, false)];
  const longest = 2 + 2 * 1000 + 3;
  for (let i = 0; i < 5_000; i++) {
    statd.memory.note("a", facts(`10.0.${i >> 8}.${i & 255}`));
    if (i % 100 === 0) notify.memory.note("b", facts());
    await written();
    const lines = disk.files[PEERS]!.split("\n").length;
    assert(lines < longest, `${lines} lines after ${i}`);
  }
  assertEquals(disk.journal.filter((step) => step.startsWith("rename")).length, 4);
  assertEquals(open(disk).memory.load().get("a"), facts("10.0.19.135"));
  assertEquals([...statd.log.lines, ...notify.log.lines], []);
});

Deno.test("the file is rewritten only after a storm of notices", pure, async () => {
  const disk = diskWith({});
  const clock = new SimulatedClock();
  const { memory } = open(disk, true, clock);
  const lines = () => disk.files[PEERS]!.trim().split("\n").length;
  for (let i = 0; i < 3_000; i++) {
    memory.note("a", { lastState: i });
    await written();
  }
  assertEquals(lines(), 3_000);
  await clock.pass(5_000);
  assertEquals(lines(), 1);
  assertEquals(open(disk).memory.load().get("a")?.lastState, 2_999);
});

Deno.test("a file that cannot be rewritten is still appended to", pure, async () => {
  const disk = diskWith({});
  const { memory, log } = open(disk);
  disk.fault = (operation) => operation === "rename" ? new Error(FULL) : undefined;
  for (let i = 0; i < 3_000; i++) {
    memory.note("a", { lastState: i });
    await written();
  }
  assertEquals(Object.keys(disk.files), [PEERS]);
  assertEquals(open(disk).memory.load().get("a")?.lastState, 2_999);
  assertEquals(log.lines, [`warning: Cannot shorten "${PEERS}": ${FULL}`]);
});

Deno.test("loadInSteps() keeps what another process adds meanwhile", pure, async () => {
  const disk = diskWith({});
  const { memory } = open(disk, false);
  for (let i = 0; i < 1_100; i++) {
    memory.note("a", facts(`10.0.0.${i % 250}`));
    await written();
  }
  const other = open(disk, false).memory;
  const { memory: daemon, log } = open(disk);
  const steps = daemon.loadInSteps();
  steps.next();
  const length = disk.textOf(PEERS)!.length;
  other.note("b", facts("10.0.1.1"));
  await written();
  while (steps.next().done !== true);
  assert(disk.textOf(PEERS)!.length < length, "it was not written anew");
  assertEquals([...open(disk).memory.load().keys()].sort(), ["a", "b"]);
  assertEquals(log.lines, []);
});

/** Clock that advances with each reading. */
class SlowClock extends SimulatedClock {
  override now(): number {
    return super.now() + this.#asked++;
  }
  #asked = 0;
}

Deno.test(
  "trust 7: the file is rewritten in slices, and keeps lines added meanwhile",
  pure,
  async () => {
    const line = (i: number) => `{"peer":"a","addresses":["10.0.0.${i}"]}\n`;
    const text = Array.from({ length: 5_000 }, (_, i) => line(i % 250)).join("");
    const disk = diskWith({ "sm/.peers": text });
    const clock = new SlowClock();
    const { memory, log } = open(disk, true, clock);
    memory.load();
    const isAnew = () => disk.textOf(PEERS)!.length < text.length;
    await clock.pass(5_000);
    assert(!isAnew(), "it was written anew in one go");
    // Another process writes a line while the last part is read, and ends it behind that.
    let reads = 0;
    disk.fault = (operation) => {
      if (operation !== "read" || isAnew()) return undefined;
      reads++;
      if (reads === 1) disk.append(PEERS, '{"peer":"b","addr', 0o640);
      if (reads === 5) {
        disk.append(PEERS, 'esses":["10.0.1.1"]}\n', 0o640);
        memory.note("c", facts("10.0.1.2"));
        memory.flush();
      }
      return undefined;
    };
    await clock.pass(1_000);
    assert(isAnew() && reads >= 5, `written anew: ${isAnew()}, ${reads} reads`);
    assertEquals([...open(disk).memory.load().keys()], ["a", "b", "c"]);
    assertEquals(log.lines, []);
  },
);

Deno.test("a file removed during its rewriting stays removed", pure, async () => {
  const line = '{"peer":"a","addresses":["10.0.0.1"]}\n';
  const disk = diskWith({ "sm/.peers": line.repeat(5_000) });
  const clock = new SlowClock();
  const { memory, log } = open(disk, true, clock);
  memory.load();
  await clock.pass(5_000);
  memory.forget("a");
  memory.flush();
  await clock.pass(60_000);
  assertEquals(disk.files, {});
  assertEquals(log.lines, []);
});

/** Length of a file that nobody of ours wrote, in bytes. */
const ENDLESS_BYTES = 2 ** 34;

Deno.test("an endless file is read to a limit, with a warning, and replaced when it is written", async () => {
  const directory = Deno.makeTempDirSync();
  const peers = `${directory}/sm/.peers`;
  Deno.mkdirSync(`${directory}/sm`);
  Deno.writeTextFileSync(peers, '{"peer":"a","addresses":["10.0.0.1"]}\n');
  Deno.truncateSync(peers, ENDLESS_BYTES);
  try {
    const log = new RecordingLog();
    const memory = openPeerMemory(directory, { log, mayCompact: true });
    assertEquals([...memory.load()], [["a", facts("10.0.0.1")]]);
    const ignored = `warning: Cannot read "${peers}": the rest behind 67108864 bytes is ignored`;
    assertEquals(log.lines, [ignored]);
    memory.note("b", facts("10.0.0.2"));
    await written();
    assert(Deno.statSync(peers).size < 1_000);
    const next = openPeerMemory(directory, { log, mayCompact: true });
    assertEquals([...next.load().keys()], ["a", "b"]);
    assertEquals(log.lines, [ignored]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
