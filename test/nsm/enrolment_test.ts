import { assertEquals, assertRejects } from "@std/assert";
import { Enrolment } from "../../lib/nsm/enrolment.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import type { ServiceParts } from "../../lib/nsm/service.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { privOf } from "../support/priv.ts";

/** Turns of the microtask queue after which all code waits. */
const TURNS = 50;

async function rest(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn++) await undefined;
}

/** Record of one registration. */
function recordOf(cookie: number): MonitorRecord {
  const requester = { myName: "here", myProg: 100021, myVers: 4, myProc: 16 };
  return { monName: "h7", ...requester, priv: privOf(cookie) };
}

/** Enrolment whose records reach the disk, one after the other, as these promises say. */
function setUp(puts: Promise<void>[], called = Promise.resolve()) {
  const list = new MonitorList();
  const registered: MonitorRecord[] = [];
  const lookedUp: string[] = [];
  const parts = {
    list,
    store: { put: () => puts.shift(), dropped() {}, unread: 0 },
    directory: { add: (monName: string) => lookedUp.push(monName), remove() {}, remembered() {} },
    notices: { taken: 0, overtaken() {} },
    clock: new FakeClock(),
    callout: () => ({ monitored: () => called }),
    registered: (record: MonitorRecord) => registered.push(record),
  };
  const enrolment = new Enrolment(parts as unknown as ServiceParts);
  return { list, registered, lookedUp, enrolment };
}

Deno.test(
  "an SM_MON whose callout runs during SM_SIMU_CRASH is acknowledged once it is on disk again",
  { permissions: "none" },
  async () => {
    const [again, callout] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const puts = [Promise.resolve(), again.promise];
    const { list, enrolment } = setUp(puts, callout.promise);
    let isAcknowledged = false;
    const enrolled = enrolment.enrol(recordOf(1)).then(() => isAcknowledged = true);
    await rest();
    enrolment.forgetAll();
    callout.resolve();
    await rest();
    assertEquals([puts.length, list.size, isAcknowledged], [0, 1, false]);
    again.resolve();
    await enrolled;
  },
);

Deno.test(
  "an SM_MON that is refused leaves the list with the last record that may still reach the disk",
  { permissions: "none" },
  async () => {
    const refusal = new Error("Permission denied");
    for (const wasThere of [false, true]) {
      for (const isTaken of [false, true]) {
        const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
        const before = wasThere ? [Promise.resolve()] : [];
        const { list, enrolment } = setUp([...before, first.promise, second.promise]);
        const listed = () => Array.from(list.all(), ({ record }) => record.priv);
        if (wasThere) await enrolment.enrol(recordOf(1));
        const outcome = enrolment.enrol(recordOf(2)).then(() => true, () => false);
        const refused = enrolment.enrol(recordOf(3));
        assertEquals(listed(), [privOf(3)]);
        second.reject(refusal);
        await assertRejects(() => refused, Error, refusal.message);
        assertEquals(listed(), [privOf(2)]);
        if (isTaken) first.resolve();
        else first.reject(refusal);
        assertEquals(await outcome, isTaken);
        assertEquals(listed(), isTaken ? [privOf(2)] : wasThere ? [privOf(1)] : []);
      }
    }
  },
);

Deno.test(
  "an SM_MON that is refused leaves the latest of several under way, before or behind it, in force",
  { permissions: "none" },
  async () => {
    for (const refused of [0, 1, 2]) {
      const puts = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
      const { list, enrolment } = setUp(puts.map(({ promise }) => promise));
      const outcomes = [1, 2, 3].map((cookie) =>
        enrolment.enrol(recordOf(cookie)).then(() => true, () => false)
      );
      puts[refused]!.reject(new Error("Permission denied"));
      assertEquals(await outcomes[refused], false);
      const [monitored] = list.all();
      assertEquals(monitored!.record, recordOf(refused === 2 ? 2 : 3));
      for (const put of puts) put.resolve();
      await Promise.all(outcomes);
      assertEquals(monitored!.record, monitored!.stored);
    }
  },
);

Deno.test(
  "of two SM_MON that are refused together none stays",
  { permissions: "none" },
  async () => {
    const both = Promise.reject(new Error("No space left on device"));
    const { list, enrolment } = setUp([both, both]);
    await Promise.allSettled([enrolment.enrol(recordOf(1)), enrolment.enrol(recordOf(2))]);
    assertEquals(list.size, 0);
  },
);

Deno.test(
  "a repeated SM_MON whose first attempt is refused counts as new",
  { permissions: "none" },
  async () => {
    for (const isRefused of [true, false]) {
      const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const { enrolment, registered, lookedUp } = setUp([first.promise, second.promise]);
      const attempts = [enrolment.enrol(recordOf(1)), enrolment.enrol(recordOf(1))];
      if (isRefused) first.reject(new Error("Permission denied"));
      else first.resolve();
      await rest();
      second.resolve();
      const outcomes = await Promise.allSettled(attempts);
      const status = isRefused ? "rejected" : "fulfilled";
      assertEquals(outcomes.map((outcome) => outcome.status), [status, "fulfilled"]);
      assertEquals([registered.length, lookedUp.length], [1, 1]);
    }
  },
);

Deno.test(
  "an SM_MON that repeats what is on disk counts as repeated behind one that is refused",
  { permissions: "none" },
  async () => {
    const [second, third] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { enrolment, registered } = setUp([Promise.resolve(), second.promise, third.promise]);
    await enrolment.enrol(recordOf(1));
    const refused = enrolment.enrol(recordOf(2)).then(() => true, () => false);
    const repeated = enrolment.enrol(recordOf(1));
    second.reject(new Error("Permission denied"));
    assertEquals(await refused, false);
    third.resolve();
    await repeated;
    assertEquals(registered, [recordOf(1)]);
  },
);

Deno.test(
  "callbacks wait for the disk to decide about SM_MON calls with another cookie only",
  { permissions: "none" },
  async () => {
    const [second, third] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const { list, enrolment } = setUp([
      Promise.resolve(),
      Promise.resolve(),
      second.promise,
      third.promise,
    ]);
    await enrolment.enrol(recordOf(1));
    const [monitored] = list.all();
    const repeated = enrolment.enrol(recordOf(1));
    assertEquals(monitored!.deciding, undefined);
    await repeated;
    const refused = [2, 3].map((cookie) => assertRejects(() => enrolment.enrol(recordOf(cookie))));
    let isDecided = false;
    monitored!.deciding!.then(() => isDecided = true);
    third.reject(new Error("Stale file handle"));
    await rest();
    assertEquals([isDecided, monitored!.record], [false, recordOf(2)]);
    second.reject(new Error("No space left on device"));
    await Promise.all(refused);
    await rest();
    assertEquals([isDecided, monitored!.record, monitored!.deciding], [
      true,
      recordOf(1),
      undefined,
    ]);
  },
);
