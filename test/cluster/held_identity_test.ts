import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { DirectoryLedger } from "../../lib/cluster/directory_ledger.ts";
import { HeldIdentity } from "../../lib/cluster/held_identity.ts";
import { LedgerError, type LedgerPeer, SupersededError } from "../../lib/cluster/ledger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { sayingOfIdentities } from "../../lib/cluster/identity_events.ts";
import type { NsmEvent } from "../../lib/nsm/events.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { SharedStorage } from "../support/shared_storage.ts";

const pure = { permissions: "none" } as const;
const DIRECTORY = "/vip1";

function peer(monName: string) {
  return { monName, addresses: [] };
}

/** Ledger whose puts overlap, and end at the request of the test. */
class WideLedger extends DirectoryLedger {
  override readonly putLimits = { outstanding: 2, peers: 2 };
  readonly puts: { names: string[]; end: PromiseWithResolvers<void> }[] = [];

  override async put(peers: readonly LedgerPeer[]): Promise<void> {
    const end = Promise.withResolvers<void>();
    this.puts.push({ names: peers.map(({ monName }) => monName), end });
    await end.promise;
    await super.put(peers);
  }

  get names(): string[][] {
    return this.puts.map(({ names }) => names);
  }
}

/** Nodes with a common clock and storage. */
class World {
  readonly storage = new SharedStorage();
  readonly clock = new FakeClock(1_700_000_000_000);
  readonly log = new RecordingLog();
  readonly events: NsmEvent[] = [];
  readonly say = sayingOfIdentities(this.log, (event) => void this.events.push(event));
  #names = 0;

  constructor() {
    this.storage.mount(DIRECTORY);
  }

  ledger(node: string, Kind = DirectoryLedger): DirectoryLedger {
    const randomName = () => `${++this.#names}`;
    const { clock, storage } = this;
    return new Kind(DIRECTORY, { files: storage.filesOf(node), randomName, clock });
  }

  /** Acquires an identity whose ledger takes several puts at a time. */
  async acquireWide(): Promise<{ held: HeldIdentity; ledger: WideLedger }> {
    const ledger = this.ledger("a", WideLedger) as WideLedger;
    const taking = await ledger.take({ node: "a", life: "a", since: "now" }, () => true);
    assert(taking.outcome === "taken");
    const held = new HeldIdentity(taking.own, false, { ...this, id: "vip1", ledger });
    await held.begin([]);
    return { held, ledger };
  }

  /** Whether new hosts are acknowledged while the ledger fails. */
  isLocalEnough = false;

  async acquire(node: string, ...monitored: string[]): Promise<HeldIdentity> {
    const ledger = this.ledger(node);
    const taking = await ledger.take({ node, life: node, since: "now" }, () => true);
    assert(taking.outcome === "taken");
    const held = new HeldIdentity(taking.own, false, {
      ...this,
      id: "vip1",
      ledger,
    });
    await held.begin(monitored.map(peer));
    return held;
  }

  /** Peers to be notified if the identity moves now. */
  async owed(): Promise<string[]> {
    const ledger = this.ledger("oracle");
    await ledger.take({ node: "oracle", life: "", since: "" }, () => true);
    const { peers } = await ledger.pending();
    return peers.map(({ monName }) => monName).sort();
  }

  /** Makes the storage hang, until the returned function is called. */
  hang(): () => void {
    this.storage.isStepped = true;
    return () => {
      this.storage.isStepped = false;
      while (this.storage.waiting.length > 0) this.storage.step(0);
    };
  }
}

Deno.test("R3: monitored hosts are inherited before an acquire is done", pure, async () => {
  const world = new World();
  await world.acquire("a", "c1", "c2");
  assertEquals(await world.owed(), ["c1", "c2"]);
});

Deno.test(
  "R1: a peer is acknowledged once it is on record, and immediately if it was before",
  pure,
  async () => {
    const world = new World();
    const held = await world.acquire("a");
    const recording = held.record(peer("c1"));
    assert(recording !== undefined);
    await recording;
    assertEquals(held.record(peer("C1")), undefined);
    assertEquals(await world.owed(), ["c1"]);
  },
);

Deno.test(
  "R1, R9: a hung ledger causes a refusal after 1.5 s, and immediate ones afterwards",
  pure,
  async () => {
    const world = new World();
    const held = await world.acquire("a");
    const goOn = world.hang();
    const recording = held.record(peer("c1"))!;
    await world.clock.run(1_499);
    let isSettled = false;
    recording.catch(() => {}).finally(() => isSettled = true);
    await undefined;
    assert(!isSettled);
    await world.clock.run(1);
    await assertRejects(() => recording, LedgerError, "no answer for 1500 ms");
    await assertRejects(() => held.record(peer("c2"))!, LedgerError, "no answer for 1500 ms");
    assertEquals(world.storage.waiting.length, 1, "one call hangs, and no other is made");
    goOn();
    await world.clock.run(1_000);
    assertEquals(held.fault, undefined);
    await held.record(peer("c3"));
    assertEquals(world.log.of("notice"), ["notice: Identity vip1: its ledger works again"]);
  },
);

Deno.test("a failing ledger is tried every half second, and no faster", pure, async () => {
  const world = new World();
  const held = await world.acquire("a");
  world.storage.fault = () => new Error("Input/output error (os error 5)");
  await assertRejects(() => held.record(peer("c1"))!, LedgerError, "Input/output error");
  const before = world.storage.calls.length;
  await world.clock.run(5_000);
  assertEquals(world.storage.calls.length - before, 10);
  world.storage.fault = () => undefined;
  await world.clock.run(500);
  await held.record(peer("c2"));
  assertEquals(await world.owed(), ["c2"], "what was refused is not on record");
});

Deno.test(
  "acceptance 7: a query shows that another node has taken the identity, without a new host",
  pure,
  async () => {
    const world = new World();
    const a = await world.acquire("a");
    await a.look();
    assertEquals(a.supersededBy, undefined);
    await world.acquire("b");
    await a.look();
    assertEquals(a.supersededBy, "b");
  },
);

Deno.test("R9: a query of the state does not wait for a hung ledger", pure, async () => {
  const world = new World();
  const a = await world.acquire("a");
  world.hang();
  const looking = a.look();
  await world.clock.run(1_000);
  await looking;
});

Deno.test("a full disk is logged once, not at each attempt", pure, async () => {
  const world = new World();
  const held = await world.acquire("a");
  world.storage.fault = (operation) =>
    operation === "append" || operation === "write"
      ? new Error("No space left on device")
      : undefined;
  await assertRejects(() => held.record(peer("c1"))!, LedgerError, "No space left");
  await world.clock.run(5_000);
  await assertRejects(() => held.record(peer("c2"))!, LedgerError, "No space left");
  assertEquals(world.log.lines.length, 1);
  world.storage.fault = () => undefined;
  await world.clock.run(500);
  await held.record(peer("c3"));
  assertEquals(await world.owed(), ["c3"]);
});

Deno.test(
  "R7a: a pending client may reclaim while the ledger is down, and is recorded later",
  pure,
  async () => {
    const world = new World();
    await (await world.acquire("a")).record(peer("c1"));
    const held = await world.acquire("b");
    world.storage.fault = () => new Error("Input/output error (os error 5)");
    assertEquals(held.record(peer("c1")), undefined);
    await world.clock.run(1_000);
    world.storage.fault = () => undefined;
    await world.clock.run(1_000);
    assertEquals(held.counts, { recorded: 1, pending: 1, unread: 0, unreplicated: 0 });
  },
);

Deno.test(
  "acceptance 11: with when-unreachable = local new hosts are acknowledged without the ledger, and recorded later",
  pure,
  async () => {
    const world = new World();
    world.isLocalEnough = true;
    const held = await world.acquire("a");
    const goOn = world.hang();
    const first = held.record(peer("c1"));
    await world.clock.run(1_500);
    await first;
    assertEquals(held.record(peer("c2")), undefined, "nobody waits once it is known");
    assertMatch(world.log.of("error").join(), /are lost if it dies before then/);
    assertMatch(held.fault ?? "", /no answer/);
    goOn();
    await world.clock.run(1_000);
    assertEquals([held.fault, held.counts.unreplicated], [undefined, 0]);
    assertEquals(await world.owed(), ["c1", "c2"]);
  },
);

Deno.test(
  "acceptance 11: local ends once another node has taken the identity",
  pure,
  async () => {
    const world = new World();
    world.isLocalEnough = true;
    const a = await world.acquire("a");
    await world.acquire("b");
    await a.record(peer("c1"));
    assertEquals(a.supersededBy, "b");
    assertEquals(a.counts.unreplicated, 0);
  },
);

Deno.test(
  "R7: a notified client is settled once it is on record again, or after 120 s",
  pure,
  async () => {
    const world = new World();
    const a = await world.acquire("a");
    await Promise.all(["c1", "c2", "c3"].map((name) => a.record(peer(name))));
    const b = await world.acquire("b", "c1");
    b.told(["c1", "c2"]);
    await world.clock.run(1_000);
    assertEquals(b.counts, { recorded: 1, pending: 2, unread: 0, unreplicated: 0 });
    await world.clock.run(120_000);
    assertEquals(b.counts.pending, 1);
    assertEquals(await world.owed(), ["c1", "c3"]);
  },
);

Deno.test(
  "R7: a notified client that registers again is settled at once",
  pure,
  async () => {
    const world = new World();
    const a = await world.acquire("a");
    await Promise.all(["c1", "c2"].map((name) => a.record(peer(name))));
    const b = await world.acquire("b");
    b.told(["c1", "c2"]);
    await b.record(peer("c1"));
    await world.clock.run(1_000);
    assertEquals(b.counts, { recorded: 1, pending: 1, unread: 0, unreplicated: 0 });
    await world.clock.run(120_000);
    assertEquals(b.counts.pending, 0);
    assertEquals(await world.owed(), ["c1"]);
  },
);

Deno.test(
  "R4: a host no longer monitored is removed later; the last intent wins",
  pure,
  async () => {
    const world = new World();
    const held = await world.acquire("a", "c1", "c2");
    held.drop("c1");
    held.drop("c2");
    assertEquals(held.record(peer("c2")), undefined);
    await world.clock.run(10_000);
    assertEquals(await world.owed(), ["c2"]);
  },
);

Deno.test(
  "R10: a taken identity is reported once, and does not keep other identities from working",
  pure,
  async () => {
    const world = new World();
    const a = await world.acquire("a");
    await world.acquire("b");
    await assertRejects(() => a.record(peer("c1"))!, SupersededError);
    assertEquals(a.supersededBy, "b");
    assertEquals(a.record(peer("c2")), undefined);
    assertEquals(world.log.lines.filter((line) => line.includes("b has taken it")).length, 1);
  },
);

Deno.test(
  "R1: while this node acquires an identity again, no host is acknowledged without a record",
  pure,
  async () => {
    const world = new World();
    const before = await world.acquire("a", "c1");
    const after = await world.acquire("a", "c1");
    for (const name of ["c2", "c3"]) {
      await assertRejects(
        async () => await before.record(peer(name)),
        LedgerError,
        "this node has acquired it again, as epoch 2",
      );
    }
    assertEquals(before.supersededBy, undefined);
    before.stop();
    await after.record(peer("c2"));
    assertEquals(await world.owed(), ["c1", "c2"]);
  },
);

Deno.test(
  "a restart continues the epoch, and inherits hosts registered meanwhile",
  pure,
  async () => {
    const world = new World();
    const before = await world.acquire("a", "c1");
    before.stop();
    const parts = { ...world, id: "vip1", ledger: world.ledger("a"), isLocalEnough: false };
    const after = new HeldIdentity(before.own, true, parts);
    const early = after.record(peer("c2"));
    await after.begin([peer("c1"), peer("c3")]);
    await early;
    assertEquals(after.counts.recorded, 3);
    assertEquals(await world.owed(), ["c1", "c2", "c3"]);
  },
);

Deno.test("waiting calls are answered when an identity is released", pure, async () => {
  const world = new World();
  const held = await world.acquire("a");
  world.hang();
  const first = held.record(peer("c1"))!;
  const second = held.record(peer("c2"))!;
  held.stop();
  await assertRejects(() => second, LedgerError, "is released");
  const timed = assertRejects(() => first, LedgerError);
  await world.clock.run(1_500);
  await timed;
});

Deno.test(
  "acceptance 10: several puts are outstanding, and records that wait share the next one",
  pure,
  async () => {
    const { held, ledger } = await new World().acquireWide();
    const waits = ["c1", "c2", "c3", "c4"].map((name) => held.record(peer(name))!);
    assertEquals(ledger.names, [["c1"], ["c2"]]);
    ledger.puts[1]!.end.resolve();
    await waits[1];
    assertEquals(ledger.names, [["c1"], ["c2"], ["c3", "c4"]]);
    ledger.puts[0]!.end.resolve();
    ledger.puts[2]!.end.resolve();
    await Promise.all(waits);
    assertEquals(held.counts.recorded, 4);
  },
);

Deno.test(
  "acceptance 11: the first failed put refuses all waiting calls, although another put hangs",
  pure,
  async () => {
    const world = new World();
    const { held, ledger } = await world.acquireWide();
    const waits = ["c1", "c2", "c3"].map((name) => held.record(peer(name))!);
    for (const wait of waits) wait.catch(() => {});
    ledger.puts[1]!.end.reject(new LedgerError("no leader"));
    await assertRejects(() => waits[1]!, LedgerError, "no leader");
    await assertRejects(() => waits[2]!, LedgerError, "no leader");
    assertEquals(held.refusalOf("c4")?.message, "identity vip1: no leader");
    await world.clock.run(1_000);
    assertEquals(ledger.puts.length, 2, "nothing more is put before a probe has succeeded");
    ledger.puts[0]!.end.resolve();
    await waits[0];
    await world.clock.run(500);
    assertEquals([held.fault, held.refusalOf("c4")], [undefined, undefined]);
    assertEquals(await world.owed(), ["c1"]);
  },
);

Deno.test(
  "R4: a host dropped during its put is removed, and no longer reported",
  pure,
  async () => {
    const world = new World();
    const { held, ledger } = await world.acquireWide();
    const wait = held.record(peer("c1"))!;
    held.drop("c1");
    ledger.puts[0]!.end.resolve();
    await wait;
    await world.clock.run(10_000);
    assertEquals(held.counts.recorded, 0);
    assertEquals(await world.owed(), []);
  },
);

Deno.test("R7a: a recorded host is not refused while the ledger is down", pure, async () => {
  const world = new World();
  await (await world.acquire("a")).record(peer("old"));
  const held = await world.acquire("b", "known");
  world.storage.fault = () => new Error("Input/output error (os error 5)");
  await assertRejects(() => held.record(peer("c1"))!, LedgerError, "Input/output error");
  const refused = ["old", "KNOWN", "c1"].map((name) => held.refusalOf(name) !== undefined);
  assertEquals(refused, [false, false, true]);
});
