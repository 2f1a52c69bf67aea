import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { RefusedError } from "../../lib/cluster/refusals.ts";
import { IdentityStore } from "../../lib/cluster/identity_store.ts";
import { LedgerError } from "../../lib/cluster/ledger.ts";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { IdentityWorld as World } from "../support/identity_world.ts";
import { MemoryMonitorStore } from "../support/memory_store.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;
const TEXTS = { addresses: "10.0.0.50", ledger: "directory:/vip1" };

function record(monName: string): MonitorRecord {
  return { monName, myName: "us", myProg: 100021, myVers: 3, myProc: 16, priv: privOf(1) };
}

async function refusal(action: () => Promise<unknown>): Promise<string> {
  return (await assertRejects(action, RefusedError)).code;
}

Deno.test("equal host names let no host take another one's identity", pure, async () => {
  const world = new World();
  const [a, namesake] = [world.identities("a"), world.identities("a", "2", "other")];
  await a.acquire("vip1", TEXTS, false);
  await assertRejects(
    () => namesake.acquire("vip1", TEXTS, false),
    RefusedError,
    "Identity vip1 is held by another host called a since 2023-11-14T22:13:20.000Z: " +
      "give each node a host name of its own, or say --fenced if that host is dead",
  );
  assertEquals((await namesake.acquire("vip1", TEXTS, true)).epoch, 2);
  await a.look();
  assertEquals(a.list()[0]?.supersededBy, "another host called a");
  assertMatch(
    world.log.of("error").join(),
    /another host called a has taken it; .*: give each node a host name of its own/,
  );
  await namesake.release("vip1", false);
  assertEquals((await a.acquire("vip1", TEXTS, false)).epoch, 3);
});

Deno.test(
  "a host may acquire its identity again in a later life, whatever happened to it meanwhile",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    await a.acquire("vip1", TEXTS, false);
    world.storage.fault = () => new Error("Input/output error (os error 5)");
    assertMatch(await a.release("vip1", true) ?? "", /still says that this node holds it/);
    world.storage.fault = () => undefined;
    a.add("vip1", { ...TEXTS, names: "nfs" });
    assertEquals(world.identities("a").list()[0]?.state, "not held", "in this life");
    const rebooted = world.identities("a", "2");
    assertEquals((await rebooted.acquire("vip1", undefined, false)).epoch, 2);
  },
);

Deno.test(
  "another node's identity is taken if it was released, or its node is declared dead",
  pure,
  async () => {
    const world = new World();
    const [a, b] = [world.identities("a"), world.identities("b")];
    const first = await a.acquire("vip1", TEXTS, false);
    assertEquals([first.state, first.epoch], ["held", 1]);
    assertEquals(await refusal(() => b.acquire("vip1", TEXTS, false)), "held");
    assertEquals((await b.acquire("vip1", TEXTS, true)).epoch, 2);
    await b.release("vip1", false);
    assertEquals((await a.acquire("vip1", TEXTS, false)).epoch, 3);
  },
);

Deno.test(
  "the holder may acquire its identity again: its lock manager has lost all locks",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    world.monitored.add("c1");
    await a.acquire("vip1", TEXTS, false);
    const { epoch, pending, recorded } = await a.acquire("vip1", TEXTS, false);
    assertEquals([epoch, pending, recorded], [2, 1, 1]);
  },
);

Deno.test("held identities survive the daemon, but not the life of the node", pure, async () => {
  const world = new World();
  await world.identities("a").acquire("vip1", TEXTS, false);
  const [again] = world.identities("a").list();
  assertEquals([again?.state, again?.epoch], ["held", 1]);
  const rebooted = world.identities("a", "2");
  assertEquals(rebooted.list()[0]?.state, "not held");
  assertEquals((await rebooted.acquire("vip1", undefined, false)).epoch, 2);
});

Deno.test(
  "with a hung ledger an acquire has a time limit, and a second one is not begun",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    world.storage.isStepped = true;
    const acquiring = refusal(() => a.acquire("vip1", TEXTS, false, 3_000));
    assertEquals(await refusal(() => a.acquire("vip1", undefined, false)), "unreachable");
    await world.clock.run(3_000);
    assertEquals(await acquiring, "unreachable");
    assertEquals(world.storage.waiting.length, 1);
  },
);

Deno.test(
  "unknown identities, held ones, and wrong epochs are refused",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    assertEquals(await refusal(() => a.acquire("vip9", undefined, false)), "unknown");
    assertEquals(await refusal(() => a.release("vip9", false)), "unknown");
    assertThrows(() => a.add("vip1", { names: "x" }), RefusedError, "it needs addresses");
    await a.acquire("vip1", TEXTS, false);
    assertThrows(() => a.add("vip1", TEXTS), RefusedError, "is held");
    assertThrows(() => a.remove("vip1"), RefusedError, "is held");
    assertThrows(() => a.told("vip1", 7, ["c1"]), RefusedError, "not held as epoch 7");
    await a.release("vip1", false);
    a.remove("vip1");
    assertEquals(a.list(), []);
  },
);

Deno.test(
  "an acquire that reaches its deadline says why the ledger was not read",
  pure,
  async () => {
    const world = new World();
    await world.identities("a").acquire("vip1", TEXTS, false);
    world.storage.fault = (operation, path) =>
      operation === "read" && path.endsWith("epoch.1/journal")
        ? new Error("it is too long")
        : undefined;
    const b = world.identities("b");
    const refused = assertRejects(() => b.acquire("vip1", TEXTS, true, 3_000), RefusedError);
    await world.clock.run(3_000);
    assertMatch((await refused).message, /has not answered for 3 s: .*it is too long/);
  },
);

Deno.test("two held identities have a directory each", pure, async () => {
  const world = new World();
  const a = world.identities("a");
  await a.acquire("vip1", TEXTS, false);
  assertEquals(await refusal(() => a.acquire("vip2", TEXTS, true)), "invalid");
  assertEquals(a.list().map(({ state }) => state), ["held", "not held"]);
  await a.release("vip1", false);
  assertEquals((await a.acquire("vip2", undefined, false)).epoch, 2);
  assertEquals(await refusal(() => a.acquire("vip1", undefined, true)), "invalid");
});

Deno.test(
  "R3: an acquire that cannot be stored on this node gives the identity back",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    world.monitored.add("c1");
    await a.acquire("vip1", TEXTS, false);
    world.saveFault = new Error("No space left on device");
    const error = await assertRejects(() => a.acquire("vip1", undefined, false), RefusedError);
    assertMatch(error.message, /No space left/);
    world.saveFault = undefined;
    assertEquals(a.list()[0]!.state, "not held");
    const { epoch, pending } = await world.identities("b").acquire("vip1", TEXTS, false);
    assertEquals([epoch, pending], [3, 1]);
  },
);

Deno.test("an identity that cannot be stored is not added", pure, () => {
  const world = new World();
  const a = world.identities("a");
  world.saveFault = new Error("No space left on device");
  assertThrows(() => a.add("vip1", TEXTS), Error, "No space left");
  assertEquals(a.list(), []);
});

Deno.test(
  "R1: a record is on disk and in the ledger, or in neither if one refuses",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    const disk = new MemoryMonitorStore();
    const store = new IdentityStore(disk, a);
    await store.put(record("c0"));
    await a.acquire("vip1", TEXTS, false);
    await store.put(record("c1"));
    world.storage.fault = (operation) =>
      operation === "sync" ? new Error("Input/output error (os error 5)") : undefined;
    await assertRejects(() => store.put(record("c2")), LedgerError, "Input/output error");
    const names = [...disk.load()].map(({ monName }) => monName);
    assertEquals(names, ["c0", "c1"]);
  },
);

Deno.test(
  "acceptance 11: while a ledger is down, a new peer is refused without a disk write",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    const disk = new MemoryMonitorStore();
    const store = new IdentityStore(disk, a);
    await a.acquire("vip1", TEXTS, false);
    world.storage.fault = () => new Error("Input/output error (os error 5)");
    await assertRejects(() => store.put(record("c1")), LedgerError, "Input/output error");
    disk.put = () => Promise.reject(new Error("the disk is asked"));
    await assertRejects(() => store.put(record("c2")), LedgerError, "Input/output error");
  },
);

for (
  const [first, again, left] of [
    ["refused", "granted", 1],
    ["granted", "refused", 1],
    ["refused", "refused", 0],
  ] as const
) {
  Deno.test(`R1: a call ${first}, and its repetition ${again}: ${left} on disk`, pure, async () => {
    const disk = new MemoryMonitorStore();
    const waits: PromiseWithResolvers<void>[] = [];
    const recording = () => {
      waits.push(Promise.withResolvers());
      return waits.at(-1)!.promise;
    };
    const parts = { record: recording, refusalOf: () => undefined, dropped: () => {} };
    const store = new IdentityStore(disk, parts);
    const asked = record("c1");
    const puts = [store.put(asked), store.put(record("c1"), asked)];
    for (const [i, outcome] of [first, again].entries()) {
      if (outcome === "granted") waits[i]!.resolve();
      else waits[i]!.reject(new LedgerError("no answer"));
      await puts[i]!.catch(() => {});
    }
    assertEquals(disk.records.length, left);
  });
}

Deno.test(
  "a peer that is no longer monitored leaves the ledger after a while",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    const store = new IdentityStore(new MemoryMonitorStore(), a);
    await a.acquire("vip1", TEXTS, false);
    for (const name of ["c1", "c2"]) {
      world.monitored.add(name);
      await store.put(record(name));
    }
    world.monitored.delete("c1");
    await store.remove([record("c1"), record("c2")]); // c2 for one of several requesters
    await world.clock.run(10_000);
    const [report] = a.list();
    assertEquals(report?.recorded, 1);
    assert(world.log.of("error").length === 0);
  },
);

Deno.test(
  "acceptance 13: a forced release drops an identity whose ledger hangs, and says what is stuck",
  pure,
  async () => {
    const world = new World();
    const a = world.identities("a");
    await a.acquire("vip1", TEXTS, false);
    world.storage.isStepped = true;
    const recording = a.record({ monName: "c1" }) as Promise<unknown>;
    recording.catch(() => {});
    const refused = refusal(() => a.release("vip1", false, 1_000));
    await world.clock.run(2_000);
    assertEquals(await refused, "unreachable");
    assertEquals(a.list()[0]!.state, "held");
    const stuck = await a.release("vip1", true, 1_000);
    assertMatch(
      stuck ?? "",
      /released by force, but its ledger still says that this node holds it: /,
    );
    assertEquals(a.list()[0]!.state, "not held");
    assertEquals(a.record({ monName: "c2" }), undefined, "nobody waits for it");
    assertEquals(world.identities("a").list()[0]!.state, "not held", "nor by the next process");
  },
);

Deno.test(
  "an abandoned acquire takes no identity when its ledger answers at last",
  pure,
  async () => {
    const world = new World();
    const [a, b] = [world.identities("a"), world.identities("b")];
    world.storage.isStepped = true;
    const late = refusal(() => b.acquire("vip1", TEXTS, true, 1_000));
    world.clock.advance(1_000);
    assertEquals(await late, "unreachable");
    const own = a.acquire("vip1", TEXTS, true);
    for (const node of ["a", "b"]) {
      for (let turn = 0; turn < 1_000; turn++) {
        const index = world.storage.waiting.indexOf(node);
        if (index >= 0) world.storage.step(index);
        await Promise.resolve();
      }
    }
    world.storage.isStepped = false;
    assertEquals((await own).epoch, 1);
    assertEquals(b.list().map(({ state }) => state), ["not held"]);
    await a.record(record("c1"));
    assertEquals(a.list().map(({ state }) => state), ["held"]);
  },
);

Deno.test("at most 16 identities are added, and known ones can still be changed", pure, () => {
  const a = new World().identities("a");
  for (let at = 1; at <= 16; at++) a.add(`vip${at}`, TEXTS);
  const error = assertThrows(() => a.add("vip17", TEXTS), RefusedError);
  assertEquals([error.code, error.message], ["invalid", "The limit of 16 identities is reached"]);
  a.add("vip16", { ...TEXTS, names: "nfs" });
});

Deno.test(
  "a stored identity whose definition is invalid is not held, and does not stop the start",
  pure,
  async () => {
    const world = new World();
    await world.identities("a").acquire("vip1", TEXTS, false);
    const saved = world.saved.get("a")!;
    world.saved.set("a", new Map([["vip1", { ...saved.get("vip1")!, texts: { ledger: "none" } }]]));
    const later = world.identities("a");
    assertEquals(later.list()[0]?.state, "not held");
    assertMatch(world.log.of("error").join(), /vip1.*; the identity is not held$/);
  },
);

Deno.test("faults has a text for an identity that another node has taken", pure, async () => {
  const world = new World();
  const [a, b] = [world.identities("a"), world.identities("b")];
  await a.acquire("vip1", TEXTS, false);
  assertEquals(a.faults, []);
  await b.acquire("vip1", TEXTS, true);
  await a.look();
  assertEquals([a.faults, b.faults], [["identity vip1 was taken by b"], []]);
});
