import { assert, assertEquals } from "@std/assert";
import { NotifyList } from "../../../lib/nsm/notify/notify_list.ts";
import type { NotifyRecord } from "../../../lib/nsm/ports.ts";
import { RETRY_SCHEDULES } from "../../../lib/nsm/notify/retry_schedule.ts";
import { ToldPeers } from "../../../lib/nsm/notify/told_peers.ts";
import { MemoryNotifyStore, MemoryPeerMemory } from "../../support/memory_notify_store.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { SimulatedClock } from "../../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;

class World {
  readonly clock = new SimulatedClock();
  readonly store = new MemoryNotifyStore();
  readonly memory = new MemoryPeerMemory();
  readonly log = new RecordingLog();
  readonly told = new ToldPeers(this);
  readonly #list = new NotifyList(RETRY_SCHEDULES["linux"]!, () => 0.5);

  /** Notifies a peer with one address besides the one that answers. */
  tell(fileName: string): NotifyRecord {
    const record = this.store.add(fileName, { monName: fileName.toUpperCase() });
    this.#list.add(record, [{ name: "me", source: 0 }], ["10.0.0.1", "10.0.0.2"], 0);
    const peer = this.#list.take(0)!;
    this.#list.told(peer, 0, { transport: "tcp", address: "10.0.0.2", port: 900 }, 0);
    this.#list.settle(peer);
    this.told.add(peer);
    return record;
  }
}

Deno.test(
  "ToldPeers records how and when a peer was notified, and removes its record",
  pure,
  async () => {
    const world = new World();
    const record = world.tell("a.example");
    const toldAt = world.clock.wallClock();
    world.clock.jump(500);
    // No peer waits for the log line of another one.
    assertEquals([...world.store.records, ...world.log.of("debug")], [record]);
    await world.told.removeAll();
    assertEquals(world.log.of("debug"), ['debug: Notified "a.example" at 10.0.0.2 over tcp']);
    assertEquals(world.store.records.size, 0);
    assertEquals(Object.fromEntries(world.memory.facts), {
      "a.example": { addresses: ["10.0.0.2", "10.0.0.1"], transport: "tcp", port: 900, toldAt },
    });
  },
);

Deno.test("ToldPeers.removeAll() waits for removals that were begun before", pure, async () => {
  const world = new World();
  const disk = Promise.withResolvers<void>();
  world.store.remove = () => disk.promise;
  world.tell("a.example");
  world.told.remove();
  let isDone = false;
  const removed = world.told.removeAll().then(() => isDone = true);
  await null;
  assertEquals(isDone, false);
  disk.resolve();
  await removed;
});

Deno.test("ToldPeers reports a record that cannot be removed, and continues", pure, async () => {
  const world = new World();
  world.tell("a.example");
  world.store.remove = () => Promise.reject(new Error("disk full"));
  await world.told.removeAll();
  assertEquals(world.log.of("error"), [
    'error: Cannot take "a.example" off the notify list: disk full',
  ]);
});

Deno.test("ToldPeers.isFull limits repeated notices after a crash", pure, async () => {
  const world = new World();
  for (let i = 0; i < 1023; i++) world.tell(`${i}.example`);
  assert(!world.told.isFull);
  world.tell("last.example");
  assert(world.told.isFull);
  await world.told.removeAll();
  assert(!world.told.isFull);
});
