import { assertEquals } from "@std/assert";
import { Announcer, type CallbackWatcher } from "../../lib/nsm/announcer.ts";
import type { Callbacks, Dropped } from "../../lib/nsm/callback.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { type Monitored, MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { PeerFacts } from "../../lib/nsm/ports.ts";
import { ToldStates } from "../../lib/nsm/told_states.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryPeerMemory } from "../support/memory_notify_store.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

/** State that a callback says is to be told first. */
const FIRST = 5;

/** Announcer whose callbacks end at the request of the test. */
function makeAnnouncer() {
  const list = new MonitorList();
  const pending = new Map<Monitored, Dropped>();
  const added: string[] = [];
  const callbacks = {
    add(monitored: Monitored, state: number) {
      const { told, record: { myName } } = monitored;
      const first = pending.has(monitored) && told?.has(state) ? FIRST : undefined;
      pending.set(monitored, { state, first });
      added.push(`${myName} ${state}`);
      return first;
    },
    isPending: (monitored: Monitored) => pending.has(monitored),
    stop() {},
    forget(monitored: Monitored) {
      const dropped = pending.get(monitored);
      pending.delete(monitored);
      return dropped;
    },
  };
  const memory = new MemoryPeerMemory();
  const notes: Partial<PeerFacts>[] = [];
  memory.note = (_peer, facts) => void notes.push(facts);
  const flushes: boolean[] = [];
  memory.flush = (isLast = false) => void flushes.push(isLast);
  let attempted: CallbackWatcher = () => {};
  const unread = new Set<string>();
  const isUnread = (peer: string) => unread.has(peer);
  const parts = { list, memory, clock: new FakeClock(), counters: makeCounters(), isUnread };
  const announcer = new Announcer(parts, (told) => {
    attempted = told;
    return callbacks as unknown as Callbacks;
  });
  const watch = (myName: string) => {
    const requester = { myName, myProg: 100021, myVers: 4, myProc: 16 };
    return list.add({ monName: "H7", ...requester, priv: privOf(0) });
  };
  const tell = (monitored: Monitored) => {
    pending.delete(monitored);
    attempted(monitored, "done", "");
  };
  return { announcer, list, added, notes, flushes, unread, watch, tell };
}

Deno.test("a stop writes what the disk has refused so far", pure, () => {
  const { announcer, flushes } = makeAnnouncer();
  announcer.flush();
  announcer.stop();
  assertEquals(flushes, [false, true]);
});

Deno.test("a state counts as passed on once the last waiting lock manager is told", pure, () => {
  const { announcer, notes, watch, tell } = makeAnnouncer();
  const [first, second] = [watch("a"), watch("b")];
  for (const monitored of [first, second]) announcer.announce(monitored, 7);
  notes.length = 0;
  tell(first);
  assertEquals(notes, []);
  tell(second);
  assertEquals(notes, [{ passedOn: 7 }]);
});

Deno.test("a state counts as passed on once the last waiting registration is removed", pure, () => {
  const { announcer, list, notes, watch, tell } = makeAnnouncer();
  const [first, second] = [watch("a"), watch("b")];
  for (const monitored of [first, second]) announcer.announce(monitored, 7);
  notes.length = 0;
  tell(first);
  list.remove(second);
  announcer.forget(second);
  announcer.forget(second);
  assertEquals(notes, [{ passedOn: 7 }]);
});

Deno.test("a state counts as passed on only after an unread file of its peer is read", pure, () => {
  const { announcer, notes, unread, watch, tell } = makeAnnouncer();
  const [first, second] = [watch("a"), watch("b")];
  unread.add("h7");
  announcer.announce(first, 7);
  notes.length = 0;
  tell(first);
  announcer.settleRead();
  assertEquals(notes, []);
  unread.clear();
  announcer.announce(second, 9);
  notes.length = 0;
  tell(second);
  announcer.settleRead();
  assertEquals(notes, [{ passedOn: 9 }]);
});

Deno.test(
  "a state counts as passed on once nobody in a file read late has to be told",
  pure,
  () => {
    const { announcer, notes, unread, watch, tell } = makeAnnouncer();
    unread.add("h7");
    const monitored = watch("a");
    announcer.announce(monitored, 7);
    tell(monitored);
    unread.clear();
    notes.length = 0;
    announcer.settleRead();
    announcer.settleRead();
    assertEquals(notes, [{ passedOn: 7 }]);
  },
);

Deno.test("a callback that was suspended waits again when it is resumed", pure, () => {
  const { announcer, notes, watch, tell } = makeAnnouncer();
  const [waiting, told] = [watch("a"), watch("b")];
  for (const monitored of [waiting, told]) announcer.announce(monitored, 7);
  tell(told);
  const resumptions = [waiting, told].map(announcer.suspend);
  assertEquals(notes.at(-1), { passedOn: 7 });
  for (const resume of resumptions) resume();
  assertEquals(notes.at(-1)?.passedOn, [null]);
  tell(waiting);
  assertEquals(notes.at(-1), { passedOn: 7 });
});

Deno.test(
  "a callback that was suspended keeps the state that has to be told before it",
  pure,
  () => {
    const { announcer, list, added, notes, watch } = makeAnnouncer();
    const [stays, back] = [watch("a"), watch("b")];
    back.told = new ToldStates([7]);
    for (const state of [FIRST, 7]) announcer.announce(back, state);
    added.length = 0;
    announcer.suspend(back)();
    assertEquals(added, ["b 5", "b 7"]);
    assertEquals(notes.at(-1)?.passedOn, [FIRST, 7, FIRST]);
    // Also where the peer comes back to that state during the removal.
    announcer.announce(back, 9);
    added.length = 0;
    const resume = announcer.suspend(back);
    list.remove(back);
    Object.assign(stays, { lastNotice: 3 });
    announcer.announce(stays, 7);
    list.restore(back);
    resume();
    assertEquals(added, ["a 7", "b 9", "b 7"]);
  },
);

Deno.test("a state that has to be told before the last one is remembered with it", pure, () => {
  const { announcer, notes, watch, tell } = makeAnnouncer();
  const [back, other] = [watch("a"), watch("b")];
  tell(back);
  back.told = new ToldStates([7]);
  for (const state of [FIRST, 7]) {
    for (const monitored of [back, other]) announcer.announce(monitored, state);
  }
  assertEquals(notes.at(-1), { lastState: 7, lastNotice: 0, passedOn: [FIRST, 7, FIRST] });
  announcer.announce(back, 9);
  assertEquals(notes.at(-1)?.passedOn, [null, 7, FIRST]);
});

Deno.test("a restart tells both states again", pure, () => {
  const { announcer, added, notes, watch } = makeAnnouncer();
  const monitored = watch("a");
  announcer.announceOwed(monitored, { lastState: 7, first: FIRST, tried: [3] });
  assertEquals(added, ["a 5", "a 7"]);
  assertEquals([monitored.lastState, notes.at(-1)?.passedOn], [7, [FIRST, 3, 7, FIRST]]);
  assertEquals(monitored.told?.all, [3, 7, FIRST], "no third one is told before both");
});

Deno.test(
  "a registration that comes late is told the last news of its peer, unless it is younger",
  pure,
  () => {
    const { announcer, added, notes, watch } = makeAnnouncer();
    const [first, late, younger] = [watch("a"), watch("b"), watch("c")];
    announcer.catchUp(late);
    assertEquals(added, []);
    const ordinals = { lastNotice: 3, lastAnswer: 5 };
    Object.assign(first, ordinals);
    announcer.announce(first, 7);
    assertEquals(notes.at(-1), { ...notes.at(-1), ...ordinals });
    younger.behind = 3;
    for (const monitored of [late, younger, late]) announcer.catchUp(monitored);
    assertEquals(added, ["a 7", "b 7"]);
    for (const { lastState, lastNotice, lastAnswer } of [late, younger]) {
      assertEquals([lastState, lastNotice, lastAnswer], [7, 3, 5]);
    }
  },
);

Deno.test("a registration that comes late is told the latest news, whoever has it", pure, () => {
  const { announcer, added, watch } = makeAnnouncer();
  const [_renewed, other, late] = [watch("a"), watch("b"), watch("c")];
  Object.assign(other, { lastNotice: 3 });
  announcer.announce(other, 7);
  announcer.catchUp(late);
  assertEquals(added, ["b 7", "c 7"]);
});

Deno.test(
  "a registration whose removal failed is told what its peer has announced meanwhile",
  pure,
  () => {
    const { announcer, list, added, watch } = makeAnnouncer();
    const [stays, back] = [watch("a"), watch("b")];
    announcer.announce(back, 7);
    const resume = announcer.suspend(back);
    list.remove(back);
    Object.assign(stays, { lastNotice: 3 });
    announcer.announce(stays, 9);
    list.restore(back);
    resume();
    assertEquals(added, ["b 7", "a 9", "b 9"]);
  },
);
