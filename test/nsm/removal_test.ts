import { assertEquals } from "@std/assert";
import { MonitorList } from "../../lib/nsm/monitor_list.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { PeerDirectory } from "../../lib/nsm/peer_directory.ts";
import { removeRegistrations } from "../../lib/nsm/removal.ts";
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

  override async remove(records: readonly MonitorRecord[]): Promise<void> {
    this.removals.push(records.length);
    await this.gate.promise;
    await super.remove(records);
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
    list.add(recordOf(i));
    await store.put(recordOf(i));
  }
  return { list, store, directory, callout: () => undefined };
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

Deno.test("a registration made during the removal of many is kept", pure, async () => {
  const parts = await setUp(300);
  const removal = removeRegistrations(parts, [...parts.list.all()]);
  // Records being removed from disk, still on the list, and registered again twice.
  const renew = async (i: number) => {
    const record = recordOf(i, 2);
    const known = parts.list.find(record);
    if (known === undefined) parts.list.add(record);
    else known.record = record;
    await parts.store.put(record);
  };
  await renew(299);
  for (let group = 0; group < 10; group++) {
    await turns();
    parts.store.letThrough();
  }
  await removal;
  assertEquals([...parts.list.all()].map(({ record }) => record), [recordOf(299, 2)]);
  assertEquals(parts.store.load(), [recordOf(299, 2)]);
});

Deno.test(
  "a callback resumes if the removal fails, unless SM_MON was repeated",
  pure,
  async () => {
    for (const isMadeAnew of [true, false]) {
      const parts = await setUp(1);
      for (const monitored of parts.list.all()) monitored.stored = monitored.record;
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
