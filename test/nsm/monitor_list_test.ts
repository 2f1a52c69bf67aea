import { assertEquals, assertStrictEquals } from "@std/assert";
import { type Monitored, MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

function record(monName: string, change: Partial<MonitorRecord> = {}): MonitorRecord {
  const requester = { myName: "here", myProg: 100021, myVers: 3, myProc: 16 };
  return { monName, ...requester, priv: privOf(0), ...change };
}

Deno.test(
  "find() matches a registration by both names in any letter case, and by its numbers",
  pure,
  () => {
    const list = new MonitorList();
    const added = list.add(record("NodeB"));
    assertStrictEquals(list.find(record("nodeb", { myName: "HERE" })), added);
    assertEquals(list.find(record("nodeb", { myProc: 24 })), undefined);
    assertEquals(list.find(record("nodeb", { myVers: 4 })), undefined);
    assertEquals(list.find(record("nodeb", { myName: "there" })), undefined);
    assertEquals(list.find(record("nodec")), undefined);
  },
);

Deno.test("about() gives a peer's registrations, oldest first", pure, () => {
  const list = new MonitorList();
  const first = list.add(record("nodeb"));
  const second = list.add(record("nodeb", { myVers: 4 }));
  list.add(record("nodec"));
  assertEquals([...list.about("NODEB")], [first, second]);
  assertEquals([list.size, list.peers], [3, 2]);
});

Deno.test(
  "add() passes on the latest news of the peer, whichever registration has it",
  pure,
  () => {
    const list = new MonitorList();
    list.add(record("nodeb")); // renewed while its peer was asked: it does not know the answer
    Object.assign(list.add(record("nodeb", { myVers: 4 })), { lastState: 7, lastNotice: 3 });
    const { lastState, lastNotice } = list.add(record("nodeb", { myVers: 1 }));
    assertEquals([lastState, lastNotice], [7, 3]);
  },
);

Deno.test("of() gives the registrations of one requester only", pure, () => {
  const list = new MonitorList();
  const first = list.add(record("nodeb"));
  const second = list.add(record("nodec"));
  list.add(record("noded", { myVers: 4 }));
  assertEquals(list.of(record("anything", { myName: "Here" })), [first, second]);
  assertEquals(list.of(record("anything", { myName: "NFS NLM", myProg: 0 })), []);
});

Deno.test(
  "remove() removes one registration, and tells whether it was the peer's last",
  pure,
  () => {
    const list = new MonitorList();
    const first = list.add(record("nodeb"));
    const second = list.add(record("nodeb", { myVers: 4 }));
    assertEquals(list.remove(first), false);
    assertEquals(list.has("nodeb"), true);
    assertEquals(list.remove(second), true);
    assertEquals(list.remove(second), false);
    assertEquals([list.size, list.has("nodeb"), [...list.about("nodeb")]], [0, false, []]);
  },
);

Deno.test("restore() yields to a registration made meanwhile", pure, () => {
  const list = new MonitorList();
  const removed = list.add(record("nodeb"));
  list.remove(removed);
  list.restore(removed);
  assertStrictEquals(list.find(record("nodeb")), removed);
  list.remove(removed);
  const newer = list.add(record("nodeb"));
  list.restore(removed);
  assertStrictEquals(list.find(record("nodeb")), newer);
  assertEquals(list.size, 1);
});

type Leaving = ReturnType<typeof Promise.withResolvers<void>>;

/** Ends a removal that was begun with leave(). */
async function end(list: MonitorList, removed: Monitored, leaving: Leaving, isGone: boolean) {
  list.left(removed, isGone);
  if (isGone) leaving.resolve();
  else leaving.reject(new Error("No space left on device"));
  await leaving.promise.catch(() => {});
}

/** Two removals of a registration, and the entry of an SM_MON between them. */
function removedTwice(list: MonitorList, first: Monitored) {
  const [one, other] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  list.leave([first], one.promise);
  const second = list.add(record("nodeb", { priv: privOf(2) }));
  const earlier = list.leave([second], other.promise);
  const endFirst = async (isGone: boolean) => {
    await end(list, first, one, isGone);
    await Promise.allSettled(earlier);
  };
  return { second, endFirst, endSecond: (isGone: boolean) => end(list, second, other, isGone) };
}

Deno.test("left() brings back what is on disk when all removals have failed", pure, async () => {
  for (const isFirstGone of [false, true]) {
    const list = new MonitorList();
    const first = list.addStored(record("nodeb"));
    const { second, endFirst, endSecond } = removedTwice(list, first);
    await endFirst(isFirstGone);
    assertEquals(list.find(record("nodeb")), undefined);
    await endSecond(false); // its SM_MON never reached the disk
    const left = isFirstGone ? undefined : second;
    assertStrictEquals(list.find(record("nodeb")), left);
    assertStrictEquals(left?.stored, left && first.record);
    assertEquals(list.leaving(record("nodeb")), undefined);
  }
});

Deno.test(
  "left() brings back the record of an SM_MON that the disk took after the second removal began",
  pure,
  async () => {
    for (const wasStored of [false, true]) {
      for (const isFirstGone of [false, true]) {
        const list = new MonitorList();
        const first = wasStored ? list.addStored(record("nodeb")) : list.add(record("nodeb"));
        const { second, endFirst, endSecond } = removedTwice(list, first);
        first.stored = record("nodeb", { priv: privOf(1) });
        list.doubtStored(second); // the disk refuses the SM_MON between the removals
        await endFirst(isFirstGone);
        await endSecond(false);
        const left = list.find(record("nodeb"));
        assertEquals(left?.stored, isFirstGone ? undefined : first.stored);
        assertEquals(left?.record, left?.stored);
      }
    }
  },
);

Deno.test("a removal leaves the record of a later SM_MON to the removal behind that", pure, () => {
  const list = new MonitorList();
  const first = list.addStored(record("nodeb"));
  const { second } = removedTwice(list, first);
  const isKept = (of: Monitored, removed: Monitored) => list.isMadeAnew(of.record, [removed]);
  assertEquals([isKept(first, first), isKept(second, first)], [false, true]);
  assertEquals([isKept(first, second), isKept(second, second)], [false, false]);
});

Deno.test("left() leaves the record on disk to a registration made meanwhile", pure, () => {
  const list = new MonitorList();
  const first = list.addStored(record("nodeb"));
  list.leave([first], new Promise<void>(() => {}));
  const second = list.add(record("nodeb", { priv: privOf(2) }));
  list.left(first, false);
  assertStrictEquals(list.find(record("nodeb")), second);
  assertStrictEquals(second.stored, first.record);
});

Deno.test("left() leaves a registration the SM_MON that waits behind a refused one", pure, () => {
  const list = new MonitorList();
  const first = list.addStored(record("nodeb"));
  list.leave([first], new Promise<void>(() => {}));
  const second = list.add(record("nodeb", { priv: privOf(2) }));
  const waiting = record("nodeb", { priv: privOf(3) });
  second.record = waiting;
  list.doubtStored(second);
  list.left(first, false);
  assertEquals([second.record, second.stored], [waiting, first.record]);
});

Deno.test(
  "a removal keeps what was acknowledged behind it, while the successor waits",
  pure,
  () => {
    const list = new MonitorList();
    const removed = list.add(record("a"));
    list.leave([removed], new Promise(() => {}));
    const [acknowledged, waiting] = [2, 3].map((cookie) => record("a", { priv: privOf(cookie) }));
    Object.assign(list.add(acknowledged!), { stored: acknowledged, record: waiting });
    const kept = [removed.record, acknowledged!, waiting!]
      .map((it) => list.isMadeAnew(it, [removed]));
    assertEquals(kept, [false, true, true]);
  },
);

Deno.test("add() takes over the facts about a peer from another registration", pure, () => {
  const list = new MonitorList();
  const first = list.add(record("nodeb"));
  Object.assign(first, { lastState: 5, lastNotice: 7, heardAt: 9 });
  const { lastState, lastNotice, heardAt } = list.add(record("NodeB", { myVers: 4 }));
  assertEquals([lastState, lastNotice, heardAt], [5, 7, 9]);
});
