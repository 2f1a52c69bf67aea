import { assertEquals } from "@std/assert";
import { Enrolment } from "../../lib/nsm/enrolment.ts";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { MonitorRecord, MonitorStore } from "../../lib/nsm/ports.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import { removeRegistrations } from "../../lib/nsm/removal.ts";
import type { ServiceParts } from "../../lib/nsm/service.ts";
import { NoPeerMemory } from "../../lib/store/volatile_store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeResolver } from "../support/fake_resolver.ts";
import { MemoryMonitorStore } from "../support/memory_store.ts";
import { privOf } from "../support/priv.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

/** Store with a number of monitored hosts, whose changes wait for the test. */
class HeldStore extends MemoryMonitorStore {
  readonly removals: number[] = [];
  gate = Promise.withResolvers<void>();

  override async remove(...removal: Parameters<MonitorStore["remove"]>): Promise<void> {
    this.removals.push(removal[0].length);
    await this.gate.promise;
    await super.remove(...removal);
  }

  /** What the disk says to the SM_MON calls of the test; at once if undefined. */
  readonly puts: Promise<void>[] = [];

  override async put(record: MonitorRecord): Promise<void> {
    await this.puts.shift();
    await super.put(record);
  }

  letThrough(): void {
    this.gate.resolve();
    this.gate = Promise.withResolvers();
  }
}

function recordOf(i: number, cookie = 1): MonitorRecord {
  const requester = { myName: "here", myProg: 100021, myVers: 3, myProc: 16 };
  return { monName: `host${i}`, ...requester, priv: privOf(cookie) };
}

async function setUp(hosts: number) {
  const [list, store, log, clock] = [
    new MonitorList(),
    new HeldStore(),
    new RecordingLog(),
    new FakeClock(),
  ];
  const parts = { resolver: new FakeResolver(), memory: new NoPeerMemory(), clock, log };
  const directory = new PeerDirectory({ ...parts, tell: () => {} });
  for (let i = 0; i < hosts; i++) {
    list.addStored(recordOf(i));
    await store.put(recordOf(i));
  }
  return { list, store, directory, clock, callout: () => undefined };
}

/** SM_MON calls beside the removals. */
function enrolmentOf(parts: Awaited<ReturnType<typeof setUp>>): Enrolment {
  const notices = { taken: 0, overtaken() {} };
  return new Enrolment({ ...parts, notices } as unknown as ServiceParts);
}

async function turns(): Promise<void> {
  for (let i = 0; i < 50; i++) await undefined;
}

Deno.test("trust 6: many registrations are removed in groups", pure, async () => {
  const parts = await setUp(300);
  const removal = removeRegistrations(parts, [...parts.list.all()]);
  for (let group = 1; group <= 10; group++) {
    await turns();
    assertEquals(parts.store.removals.length, group);
    parts.store.letThrough();
  }
  await removal;
  assertEquals(parts.store.removals, [...Array(9).fill(32), 12]);
  assertEquals([parts.list.size, parts.store.load()], [0, []]);
});

/** Waits for a removal of many, whose changes the disk takes. */
async function finish(removal: Promise<void>, { store }: { store: HeldStore }): Promise<void> {
  for (let group = 0; group < 10; group++) {
    await turns();
    store.letThrough();
  }
  await removal;
}

/** Number of the host whose turn in a removal of 300 comes last. */
const LAST = 299;

Deno.test("a registration made during the removal of many is kept", pure, async () => {
  const parts = await setUp(LAST + 1);
  const removal = removeRegistrations(parts, [...parts.list.all()]);
  await enrolmentOf(parts).enrol(recordOf(LAST, 2));
  await finish(removal, parts);
  assertEquals([...parts.list.all()].map(({ record }) => record), [recordOf(LAST, 2)]);
  assertEquals(parts.store.load(), [recordOf(LAST, 2)]);
});

Deno.test(
  "the removal of many waits for no SM_MON behind one that the disk has taken",
  pure,
  async () => {
    const parts = await setUp(LAST + 1);
    const removal = removeRegistrations(parts, [...parts.list.all()]);
    const enrolment = enrolmentOf(parts);
    await enrolment.enrol(recordOf(LAST, 2));
    const put = Promise.withResolvers<void>();
    parts.store.puts.push(put.promise);
    const second = enrolment.enrol(recordOf(LAST, 3));
    await finish(removal, parts);
    put.resolve();
    await second;
    assertEquals([...parts.list.all()].map(({ record }) => record), [recordOf(LAST, 3)]);
    assertEquals(parts.store.load(), [recordOf(LAST, 3)]);
  },
);

Deno.test("an SM_MON that the disk takes late in the removal of many is kept", pure, async () => {
  const parts = await setUp(LAST + 1);
  const put = Promise.withResolvers<void>();
  parts.store.puts.push(put.promise);
  const removal = removeRegistrations(parts, [...parts.list.all()]);
  const enrolled = enrolmentOf(parts).enrol(recordOf(LAST, 2));
  for (let group = 0; group < 9; group++) {
    await turns();
    parts.store.letThrough();
  }
  await turns();
  put.resolve();
  await enrolled;
  await finish(removal, parts);
  assertEquals([...parts.list.all()].map(({ record }) => record), [recordOf(LAST, 2)]);
  assertEquals(parts.store.load(), [recordOf(LAST, 2)]);
});

Deno.test("an SM_MON that is refused during the removal of many keeps nothing", pure, async () => {
  for (const isOlder of [true, false]) {
    for (const isLate of [true, false]) {
      const parts = await setUp(LAST + 1);
      const put = Promise.withResolvers<void>();
      parts.store.puts.push(put.promise);
      const enrol = () => enrolmentOf(parts).enrol(recordOf(LAST, 2)).then(() => true, () => false);
      let outcome = isOlder ? enrol() : undefined;
      const removal = removeRegistrations(parts, [...parts.list.all()]);
      outcome ??= enrol();
      const refuse = () => put.reject(new Error("No space left on device"));
      if (!isLate) refuse();
      // The last group may wait for the disk to decide.
      for (let group = 0; group < 9; group++) {
        await turns();
        parts.store.letThrough();
      }
      await turns();
      refuse();
      await finish(removal, parts);
      assertEquals([await outcome, parts.list.size, parts.store.load()], [false, 0, []]);
    }
  }
});

Deno.test(
  "what SM_SIMU_CRASH makes again during the removal of many is removed",
  pure,
  async () => {
    const parts = await setUp(LAST + 1);
    const put = Promise.withResolvers<void>();
    parts.store.puts.push(put.promise);
    const enrolment = enrolmentOf(parts);
    const enrolled = enrolment.enrol(recordOf(LAST, 2));
    const removal = removeRegistrations(parts, [...parts.list.all()]);
    enrolment.forgetAll();
    put.resolve();
    await finish(removal, parts);
    await enrolled;
    assertEquals([parts.list.size, parts.store.load()], [0, []]);
  },
);

Deno.test(
  "a callback resumes if the removal fails, unless SM_MON was repeated",
  pure,
  async () => {
    for (const isMadeAnew of [true, false]) {
      const parts = await setUp(1);
      const called: string[] = [];
      const suspend = () => {
        called.push("suspended");
        return () => void called.push("resumed");
      };
      const removal = removeRegistrations({ ...parts, suspend }, [...parts.list.all()]);
      if (isMadeAnew) parts.list.add(recordOf(0, 2));
      await turns();
      parts.store.gate.reject(new Error("No space left on device"));
      await removal.catch(() => {});
      assertEquals(called, isMadeAnew ? ["suspended"] : ["suspended", "resumed"]);
      assertEquals(parts.list.find(recordOf(0))?.record.priv, privOf(isMadeAnew ? 2 : 1));
    }
  },
);

Deno.test(
  "of two removals and an SM_MON between them that the disk takes, the second may fail",
  pure,
  async () => {
    const parts = await setUp(1);
    const remove = () => removeRegistrations(parts, [...parts.list.all()]);
    const first = remove();
    await enrolmentOf(parts).enrol(recordOf(0, 2));
    const second = remove().then(() => "gone", () => "refused");
    await turns();
    parts.store.letThrough();
    await first;
    await turns();
    parts.store.gate.reject(new Error("No space left on device"));
    assertEquals(await second, "refused");
    assertEquals([...parts.list.all()].map(({ record }) => record), [recordOf(0, 2)]);
    assertEquals(parts.store.load(), [recordOf(0, 2)]);
  },
);
