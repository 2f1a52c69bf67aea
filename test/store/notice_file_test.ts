import { assertEquals } from "@std/assert";
import type { KeptNotice } from "../../lib/nsm/ports.ts";
import { openNoticeFile } from "../../lib/store/notice_file.ts";
import { FragileDisk } from "../support/fragile_disk.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;
const PATH = "/nsm/sm/.notices";

function notice(ordinal: number, name = `host${ordinal}`): KeptNotice {
  return { name, state: 5, address: "10.0.0.1", at: 1000, ordinal };
}

function setUp() {
  const disk = new FragileDisk(["/nsm/sm"]);
  const log = new RecordingLog();
  const open = () => openNoticeFile("/nsm", { log, fileSystem: disk });
  const refuse = (operation?: string) => {
    disk.fault = (tried) => tried === operation ? new Error("no space") : undefined;
  };
  /** Notices read by the next life. */
  const read = () => {
    const { notices, overtaken } = open().load();
    return [notices.map(({ ordinal }) => ordinal), [...overtaken]];
  };
  return { disk, log, open, refuse, read };
}

Deno.test("notices and later registrations are read as they were stored", pure, () => {
  const { disk, open, read } = setUp();
  const file = open();
  file.overtake("nobody", 1); // nothing is kept
  assertEquals(disk.textOf(PATH), undefined);
  for (const ordinal of [1, 2, 3]) file.keep(notice(ordinal));
  assertEquals(file.flush(), true);
  file.overtake("h\xf6st 100021.3.16 us", 2);
  file.overtake("h\xf6st 100021.3.16 us", 3);
  file.forget(notice(2));
  file.flush();
  assertEquals(read(), [[1, 3], [["h\xf6st 100021.3.16 us", 3]]]);
  file.tidy();
  assertEquals(read()[0], [1, 3]);
  for (const ordinal of [1, 3]) file.forget(notice(ordinal));
  file.flush();
  assertEquals(read()[0], []);
  file.tidy();
  assertEquals(disk.textOf(PATH), undefined);
});

Deno.test("a doubt is read with its notice, and goes with it", pure, () => {
  const { disk, open, refuse, read } = setUp();
  const doubted = (of = open()) => of.load().notices.map(({ isDoubted = false }) => isDoubted);
  const file = open();
  file.doubt(notice(1)); // it is not kept
  for (const ordinal of [1, 2, 3]) file.keep(notice(ordinal));
  file.doubt(notice(1));
  file.flush();
  assertEquals(doubted(), [true, false, false]);
  refuse("append");
  file.doubt(notice(2));
  assertEquals(file.flush(), false);
  refuse();
  assertEquals(doubted(), [true, false, false]);
  file.flush(); // what the disk has refused
  assertEquals([doubted(), read()], [[true, true, false], [[1, 2, 3], []]]);
  const size = disk.textOf(PATH)!.length;
  const next = open();
  next.load();
  for (const ordinal of [1, 2]) next.doubt(notice(ordinal));
  next.keep(notice(1));
  next.flush();
  assertEquals(disk.textOf(PATH)!.length, size);
  next.forget(notice(1));
  next.doubt(notice(3));
  next.forget(notice(3));
  next.flush();
  assertEquals([doubted(), read()], [[true], [[2], []]]);
});

Deno.test("a removal refused by the disk is made with the next one", pure, () => {
  const { open, refuse, read } = setUp();
  const file = open();
  for (const ordinal of [1, 2, 3]) file.keep(notice(ordinal));
  file.flush();
  refuse("append");
  file.forget(notice(1));
  assertEquals(file.flush(), false);
  refuse();
  assertEquals(read(), [[1, 2, 3], []]);
  file.forget(notice(2));
  file.flush();
  assertEquals(read(), [[3], []]);
});

Deno.test("a registration after a notice whose removal failed is recorded", pure, () => {
  const { open, refuse, read } = setUp();
  const file = open();
  file.keep(notice(1));
  file.flush();
  refuse("append");
  file.forget(notice(1));
  file.flush();
  refuse();
  file.overtake("late", 1);
  assertEquals(read(), [[1], [["late", 1]]]);
});

Deno.test("what a registration has overtaken is written as soon as the disk takes it", pure, () => {
  const { open, refuse, read } = setUp();
  const file = open();
  file.keep(notice(1));
  file.flush();
  refuse("append");
  file.overtake("late", 1);
  assertEquals(file.flush(), false);
  refuse();
  assertEquals(read(), [[1], []]);
  assertEquals(file.flush(), true);
  assertEquals(read(), [[1], [["late", 1]]]);
});

Deno.test("an unreadable file is not removed", pure, () => {
  const { disk, log, open, refuse, read } = setUp();
  const earlier = open();
  earlier.keep(notice(1));
  earlier.flush();
  refuse("read");
  const file = open();
  assertEquals(file.load().notices, []);
  file.keep(notice(2));
  file.flush();
  file.forget(notice(2));
  file.flush();
  file.tidy();
  refuse();
  assertEquals(read(), [[1], []]);
  assertEquals(log.of("warning").length, 1);
  assertEquals(disk.textOf(PATH)?.includes("host1"), true);
});

Deno.test("a notice refused by the disk is not kept", pure, () => {
  const { open, refuse, read } = setUp();
  const file = open();
  refuse("append");
  file.keep(notice(1));
  assertEquals(file.flush(), false);
  refuse();
  file.keep(notice(1));
  assertEquals(file.flush(), true);
  assertEquals(read(), [[1], []]);
});

Deno.test(
  "lines of one turn are one write, without notices added and removed in it",
  pure,
  async () => {
    const { disk, open, read } = setUp();
    const writes: string[] = [];
    disk.fault = (operation) => void writes.push(operation);
    const file = open();
    for (const ordinal of [1, 2, 3]) file.keep(notice(ordinal));
    file.forget(notice(2));
    await undefined;
    assertEquals(writes.filter((operation) => operation === "append").length, 1);
    assertEquals(read(), [[1, 3], []]);
    writes.length = 0;
    file.keep(notice(4));
    file.forget(notice(4));
    await undefined;
    assertEquals(writes, []);
  },
);
