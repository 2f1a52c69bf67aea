/** History on disk: bounded, ASCII, and readable after any crash. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import "../support/open_libc.ts";
import { EventFile, EventReader, parseEvents } from "../../lib/store/event_file.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const COLLECTED_MS = 200;

function historyIn(directory: string, maxBytes = 65_536) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const parts = { program: "rpc.statd", maxBytes, clock, log } as const;
  return { clock, log, file: new EventFile(directory, parts), reader: new EventReader(directory) };
}

function inDirectory(name: string, body: (directory: string) => void): void {
  Deno.test(name, () => {
    const directory = Deno.makeTempDirSync();
    Deno.mkdirSync(`${directory}/sm.bak`);
    try {
      body(directory);
    } finally {
      Deno.removeSync(directory, { recursive: true });
    }
  });
}

const path = (directory: string) => `${directory}/sm.bak/.events`;

inDirectory("an event is written after the fact, with its time and program", (directory) => {
  const { clock, file, reader } = historyIn(directory);
  file.note({ event: "rebooted", peer: "a", state: 23, address: "192.0.2.1" });
  assertEquals(reader.next(), [], "nobody waits for the disk");
  clock.advance(COLLECTED_MS);
  const at = Date.UTC(2024, 0, 1);
  const expected = { event: "rebooted", peer: "a", state: 23, address: "192.0.2.1" } as const;
  assertEquals(reader.next(), [{ at, program: "rpc.statd", ...expected }]);
  assertEquals(reader.next(), [], "once");
});

inDirectory("received text is escaped, and comes back as it was", (directory) => {
  const { file, reader } = historyIn(directory);
  const peer = "a\n\x1b[2J\x9b\u202e";
  file.note({ event: "refused", peer });
  file.close();
  assertMatch(Deno.readTextFileSync(path(directory)), /^\n[ -~]+\n$/);
  assertEquals(reader.next()[0]!.peer, peer);
});

inDirectory("a torn last line is passed over, and spoils no other", (directory) => {
  const first = historyIn(directory);
  first.file.note({ event: "told", peer: "a" });
  first.file.note({ event: "told", peer: "b" });
  first.file.close();
  const text = Deno.readTextFileSync(path(directory));
  for (let length = 0; length < text.length; length++) {
    Deno.writeTextFileSync(path(directory), text.slice(0, length));
    const second = historyIn(directory);
    second.file.note({ event: "told", peer: "c" });
    second.file.close();
    const peers = second.reader.next().map(({ peer }) => peer);
    assertEquals(peers.at(-1), "c");
    assert(peers.every((peer) => ["a", "b", "c"].includes(peer!)), `${length}`);
  }
});

inDirectory("the history stays within its size and keeps the newest", (directory) => {
  const { clock, file, reader } = historyIn(directory, 16_384);
  const sizeOf = (name: string) => Deno.statSync(name).size;
  let followed = 0;
  for (let i = 0; i < 900; i++) {
    file.note({ event: "told", peer: `peer${i}`, address: "192.0.2.1", transport: "udp" });
    if (i % 10 === 9) clock.advance(COLLECTED_MS);
    followed += reader.next().length;
  }
  file.close();
  followed += reader.next().length;
  assertEquals(followed, 900, "who follows sees all of them");
  assert(sizeOf(path(directory)) + sizeOf(`${path(directory)}.old`) <= 16_384);
  const found = new EventReader(directory).next();
  assertEquals(found.at(-1)!.peer, "peer899");
  assert(found.length > 50);
});

inDirectory("strangers cannot push out what happened: refusals are counted", (directory) => {
  const { clock, file, reader } = historyIn(directory);
  for (let i = 0; i < 5_000; i++) file.note({ event: "refused", reason: `${i}` });
  file.note({ event: "rebooted", peer: "a", state: 1 });
  clock.advance(60_000 + COLLECTED_MS);
  const events = reader.next();
  assertEquals(events.length, 22);
  assertEquals(events.at(-2)!.event, "rebooted");
  const { event, count, reason } = events.at(-1)!;
  assertEquals([event, count, reason], ["omitted", 4_980, "refused"]);
});

inDirectory(
  "a disk that refuses is one warning, and the next event is tried again",
  (directory) => {
    const { clock, log, file, reader } = historyIn(directory);
    Deno.removeSync(`${directory}/sm.bak`);
    for (let i = 0; i < 3; i++) {
      file.note({ event: "told", peer: "a" });
      clock.advance(COLLECTED_MS);
    }
    assertEquals(log.lines.length, 1);
    assertMatch(log.lines[0]!, /^warning: Cannot keep the history in ".*\.events": No such file/);
    Deno.mkdirSync(`${directory}/sm.bak`);
    file.note({ event: "told", peer: "b" });
    file.close();
    assertEquals(reader.next().map(({ peer }) => peer), ["b"]);
  },
);

inDirectory(
  "who follows sees an event once where the disk is full behind a rename",
  (directory) => {
    const { file, reader } = historyIn(directory);
    file.note({ event: "told", peer: "a" });
    file.close();
    const follower = new EventReader(directory);
    assertEquals(follower.next().length, 1);
    Deno.renameSync(path(directory), `${path(directory)}.old`);
    assertEquals([follower.next(), follower.next()], [[], []]);
    assertEquals([reader.next().length, reader.next()], [1, []]);
    Deno.removeSync(`${path(directory)}.old`);
    assertEquals(new EventReader(directory).next(), []);
  },
);

inDirectory("trust 18: a sparse file is read up to its hole, and is no error", (directory) => {
  const { file, reader } = historyIn(directory);
  file.note({ event: "told", peer: "a" });
  file.close();
  const old = `${path(directory)}.old`;
  Deno.copyFileSync(path(directory), old);
  for (const name of [path(directory), old]) Deno.truncateSync(name, 2 ** 40);
  assertEquals(reader.next().map(({ peer }) => peer), ["a", "a"]);
  assertEquals(reader.next(), []);
  assertEquals(reader.fault(), undefined);
});

inDirectory("trust 18: of a file that is no history only the start is read", (directory) => {
  const { reader } = historyIn(directory);
  Deno.writeTextFileSync(path(directory), "");
  Deno.truncateSync(path(directory), 2 ** 40);
  assertEquals(reader.next(), []);
  assertMatch(reader.fault()!, /cannot be read as history/);
});

inDirectory("nothing is kept where the setting events is 0", (directory) => {
  const { file, clock } = historyIn(directory, 0);
  file.note({ event: "told", peer: "a" });
  file.close();
  assertEquals([...Deno.readDirSync(`${directory}/sm.bak`)], []);
  assertEquals(clock.pending, 0);
});

for (const kind of ["garbage", "zeros", "a folder"] as const) {
  inDirectory(`a damaged history is put aside and reported: ${kind}`, (directory) => {
    const aside = `${path(directory)}.damaged`;
    if (kind === "a folder") Deno.mkdirSync(path(directory));
    else Deno.writeTextFileSync(path(directory), kind === "zeros" ? "\0".repeat(4096) : "so\nit\n");
    const { log, file, reader } = historyIn(directory);
    if (kind !== "a folder") {
      assertMatch(reader.fault()!, /cannot be read as history: .* put it aside as ".*\.damaged"/);
      assertEquals(reader.putAside(), undefined);
    }
    file.note({ event: "told", peer: "a" });
    file.close();
    assertEquals(log.lines.length, 1);
    assertMatch(log.lines[0]!, /^warning: Renamed the history ".*\.events" to ".*\.damaged": /);
    assertEquals(Deno.lstatSync(aside).isDirectory, kind === "a folder");
    assertEquals([reader.fault(), reader.putAside()], [undefined, aside]);
    assertEquals(reader.next().map(({ peer }) => peer), ["a"]);
  });
}

inDirectory("a partial first line is no damage", (directory) => {
  const line = '\n{"at":"2024-01-01T00:00:00.000Z","program":"rpc.statd","event":"told"}';
  for (let length = 0; length < line.length; length++) {
    Deno.writeTextFileSync(path(directory), line.slice(0, length));
    const { log, file, reader } = historyIn(directory);
    assertEquals(reader.fault(), undefined);
    file.note({ event: "told", peer: "a" });
    file.close();
    assertEquals([log.lines.length, reader.next().length], [0, 1], `${length}`);
  }
});

Deno.test("lines that are no events are skipped", () => {
  const good = { at: "2024-01-01T00:00:00.000Z", program: "rpc.statd", event: "told", peer: "a" };
  const bad = [
    "",
    "null",
    "[]",
    "{",
    "5",
    { ...good, at: "yesterday" },
    { ...good, at: 5 },
    { ...good, event: "toString" },
    { ...good, event: 5 },
    { ...good, peer: 5 },
    { ...good, state: "5" },
    { ...good, program: null },
  ];
  const lines = [...bad, good].map((it) => typeof it === "string" ? it : JSON.stringify(it));
  assertEquals(parseEvents(lines.join("\n")).map(({ peer }) => peer), ["a"]);
});
