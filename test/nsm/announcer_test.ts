import { assertEquals } from "@std/assert";
import { Announcer, type CallbackWatcher } from "../../lib/nsm/announcer.ts";
import type { Callbacks } from "../../lib/nsm/callback.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { type Monitored, MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { PeerFacts } from "../../lib/nsm/ports.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryPeerMemory } from "../support/memory_notify_store.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

/** Announcer whose callbacks end at the request of the test. */
function makeAnnouncer() {
  const list = new MonitorList();
  const pending = new Set<Monitored>();
  const callbacks = {
    add: (monitored: Monitored) => void pending.add(monitored),
    isPending: (monitored: Monitored) => pending.has(monitored),
    forget: (monitored: Monitored) => pending.delete(monitored),
  };
  const memory = new MemoryPeerMemory();
  const notes: Partial<PeerFacts>[] = [];
  memory.note = (_peer, facts) => void notes.push(facts);
  let attempted: CallbackWatcher = () => {};
  const parts = { list, memory, clock: new FakeClock(), counters: makeCounters() };
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
  return { announcer, list, notes, watch, tell };
}

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

Deno.test("a callback that was suspended waits again when it is resumed", pure, () => {
  const { announcer, notes, watch, tell } = makeAnnouncer();
  const [waiting, told] = [watch("a"), watch("b")];
  for (const monitored of [waiting, told]) announcer.announce(monitored, 7);
  tell(told);
  const resumptions = [waiting, told].map(announcer.suspend);
  assertEquals(notes.at(-1), { passedOn: 7 });
  for (const resume of resumptions) resume();
  assertEquals(notes.at(-1)?.passedOn, null);
  tell(waiting);
  assertEquals(notes.at(-1), { passedOn: 7 });
});
