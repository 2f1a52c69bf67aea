import { assert, assertEquals } from "@std/assert";
import { Heap } from "../../../lib/nsm/heap.ts";
import { announcementsOf, NotifyList } from "../../../lib/nsm/notify/notify_list.ts";
import { readRetrySchedule, RETRY_SCHEDULES } from "../../../lib/nsm/notify/retry_schedule.ts";

const pure = { permissions: "none" } as const;
const linux = RETRY_SCHEDULES["linux"]!;
const way = { transport: "udp", address: "10.0.0.1", port: 900 } as const;

function listOf(count: number, random = () => 0.5, addresses = ["10.0.0.1"]): NotifyList {
  const list = new NotifyList(linux, random);
  for (let i = 0; i < count; i++) {
    const record = { fileName: `peer${i}`, monName: `peer${i}`, myName: "me", modifiedAt: 0 };
    list.add(record, announcementsOf(["me.example"]), addresses, 0);
  }
  return list;
}

Deno.test("Heap gives the first of many elements, in any order of insertion", pure, () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  let state = seed;
  const random = () => (state = (state * 48271 + 1) % 2147483647) % 1000;
  const heap = new Heap<number>((a, b) => a < b);
  const kept: number[] = [];
  for (let i = 0; i < 5000; i++) {
    if (random() < 600) {
      const value = random();
      heap.push(value);
      kept.push(value);
    } else {
      kept.sort((a, b) => a - b);
      assertEquals(heap.first, kept[0], `seed ${seed}`);
      assertEquals(heap.pop(), kept.shift(), `seed ${seed}`);
    }
    assertEquals(heap.size, kept.length);
  }
});

Deno.test("take() gives no peer early or twice", pure, () => {
  const list = listOf(2);
  assertEquals(list.nextDue, 0);
  const [first, second] = [list.take(0)!, list.take(0)!];
  assertEquals([first.record.fileName, second.record.fileName], ["peer0", "peer1"]);
  assertEquals(list.take(0), undefined);
  assertEquals(list.nextDue, undefined);
  assertEquals(list.size, 2);
  list.failed(first, 2000, "silence", "10.0.0.1");
  assertEquals(list.nextDue, 2000);
  assertEquals(list.take(1999), undefined);
  assertEquals(list.take(2000), first);
});

Deno.test(
  "failed() doubles the pause up to 120 s, counted from when the attempt began",
  pure,
  () => {
    const list = listOf(1);
    const times: number[] = [];
    for (let now = 0; now < linux.totalMs; now = list.nextDue!) {
      times.push(now / 1000);
      list.failed(list.take(now)!, now + 10, "refused", "10.0.0.1");
    }
    assertEquals(times, [0, 2, 6, 14, 30, 62, 126, 246, 366, 486, 606, 726, 846]);
  },
);

Deno.test(
  "failed() after the attempt's time makes a peer due at once, not in the past",
  pure,
  () => {
    const list = listOf(1);
    list.failed(list.take(0)!, 60_000, "late", "10.0.0.1");
    assertEquals(list.nextDue, 60_000);
  },
);

Deno.test("pauses vary by a twentieth at most", pure, () => {
  for (const [random, due] of [[0, 1900], [0.25, 1950], [0.75, 2050], [0.999999, 2100]] as const) {
    const list = listOf(1, () => random);
    list.failed(list.take(0)!, 0, "silence", "10.0.0.1");
    assertEquals(list.nextDue, due);
  }
});

Deno.test("the first port and each answer reset the pauses", pure, () => {
  const list = listOf(1);
  for (const now of [0, 2000, 6000]) list.failed(list.take(now)!, now, "silence", "10.0.0.1");
  const peer = list.take(14_000)!;
  assertEquals(peer.pauseMs, 16_000);
  list.portFound(peer, 14_100);
  assertEquals(peer.pauseMs, 2000);
  list.failed(peer, 16_100, "silence", "10.0.0.1", way);
  assertEquals(list.take(16_100), peer);
  assertEquals(peer.pauseMs, 4000);
  assertEquals(peer.way, way); // the datagram may have been lost: the port is tried once more
  list.portFound(peer, 16_200); // no progress: the port was known before
  assertEquals(peer.pauseMs, 4000);
  assertEquals(list.told(peer, 0, way, 16_300), false);
  assertEquals(peer.pauseMs, 2000);
  assertEquals(list.told(peer, 0, way, 16_301), false); // the notice, over another route
  assertEquals(peer.told, 1);
  assertEquals(list.told(peer, 1, way, 16_302), true);
  list.settle(peer);
  assertEquals(list.size, 0);
});

Deno.test("addressesFound() keeps the address in use, then takes the name's own", pure, () => {
  const list = listOf(1, () => 0.5, ["10.0.0.1", "10.0.0.2"]);
  const peer = list.take(0)!;
  list.addressesFound(peer, ["10.0.0.3", "10.0.0.1"], 0);
  assertEquals(peer.addresses, ["10.0.0.1", "10.0.0.3", "10.0.0.2"]);
  list.addressesFound(peer, ["10.0.0.4"], 0);
  assertEquals(peer.addresses, ["10.0.0.4", "10.0.0.1", "10.0.0.3", "10.0.0.2"]);
});

Deno.test(
  "a failed address goes to the end; after all of them the name is looked up again",
  pure,
  () => {
    const list = listOf(1, () => 0.5, ["10.0.0.1", "10.0.0.2"]);
    const peer = list.take(0)!;
    assertEquals(list.unreachable(peer, "10.0.0.1", 1), true);
    assertEquals(peer.addresses, ["10.0.0.2", "10.0.0.1"]);
    assertEquals(peer.needsLookup, false);
    assertEquals(list.unreachable(peer, "10.0.0.2", 2), false);
    list.failed(peer, 0, "unreachable", "10.0.0.2");
    assertEquals(peer.addresses, ["10.0.0.1", "10.0.0.2"]);
    assertEquals(peer.needsLookup, true);
  },
);

Deno.test("giveUp() returns the remaining peers, in order of insertion", pure, () => {
  const list = listOf(4);
  const peer = list.take(0)!;
  list.settle(list.take(0)!);
  list.failed(peer, 0, "silence");
  list.take(0);
  assertEquals(list.giveUp().map(({ record }) => record.fileName), ["peer0", "peer2", "peer3"]);
  assertEquals(list.size, 0);
});

Deno.test("announcementsOf() cuts names at the first dot, addresses not at all", pure, () => {
  const names = (...own: string[]) => announcementsOf(own).map(({ name }) => name);
  assertEquals(names("nodeb.example.net"), ["nodeb.example.net", "nodeb"]);
  assertEquals(names("nodeb"), ["nodeb"]);
  assertEquals(names("10.0.0.1"), ["10.0.0.1"]);
  assertEquals(names("fd00::1"), ["fd00::1"]);
  assertEquals(names("a.x", "a.y", "b"), ["a.x", "a", "a.y", "b"]);
  assertEquals(announcementsOf(["a.x", "b"]).map(({ source }) => source), [0, 0, 1]);
});

Deno.test("readRetrySchedule() accepts names and lists of seconds", pure, () => {
  assertEquals(readRetrySchedule("Linux"), linux);
  assertEquals(readRetrySchedule("bsd"), readRetrySchedule("macos"));
  assertEquals(readRetrySchedule("1, 2.5,60"), { pausesMs: [1000, 2500, 60_000], totalMs: 63_500 });
  for (const text of ["", "solaris", "1,,2", "0", "-1", "1e9", "604801", "0.0004", "constructor"]) {
    assertEquals(readRetrySchedule(text), undefined, text);
  }
});

Deno.test("ten thousand peers take O(log n) steps each", pure, () => {
  const list = listOf(10_000);
  let now = 0;
  for (let round = 0; round < 5; round++) {
    for (let peer = list.take(now); peer !== undefined; peer = list.take(now)) {
      list.failed(peer, now, "silence", "10.0.0.1");
    }
    assert(list.nextDue! > now);
    now = list.nextDue!;
  }
  assertEquals(list.size, 10_000);
});

Deno.test(
  "nextAttempt is the next time at which anything is tried, also for busy peers",
  pure,
  () => {
    const list = listOf(2);
    assertEquals(list.nextAttempt, 0);
    const first = list.take(0);
    assertEquals(list.nextAttempt, 0, "the second peer is due");
    list.failed(first!, 0, "no answer", undefined, undefined);
    const second = list.take(0);
    assertEquals(list.nextAttempt, 2_000);
    list.failed(second!, 500, "no answer", undefined, undefined);
    assertEquals(list.nextAttempt, 2_000);
  },
);
