/** Requirements on every kind of ledger. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Ledger,
  LedgerError,
  type LedgerPeer,
  type Ownership,
  SupersededError,
} from "../../lib/cluster/ledger.ts";
import { nameKey } from "../../lib/nsm/host_name.ts";
import { ENGINES, type LedgerEngine } from "../support/ledger_engines.ts";

const pure = { permissions: "none" } as const;

/** Engine with nodes that use it. */
class World {
  constructor(readonly engine: LedgerEngine) {}

  async take(node: string): Promise<{ ledger: Ledger; own: Ownership }> {
    const ledger = this.engine.ledger(node);
    const taking = await ledger.take(claimOf(node), () => true);
    assert(taking.outcome === "taken");
    return { ledger, own: taking.own };
  }
}

function claimOf(node: string) {
  return { node, life: `life of ${node}`, since: `of ${node}` };
}

function peer(monName: string, ...addresses: string[]): LedgerPeer {
  return { monName, addresses };
}

async function pendingNames(ledger: Ledger): Promise<string[]> {
  const { peers, unread } = await ledger.pending();
  const owed = await ledger.owed();
  assertEquals([unread, owed.unread, owed.keys.size], [0, 0, peers.length]);
  assert(peers.every(({ monName }) => owed.keys.has(nameKey(monName))));
  return peers.map(({ monName }) => monName).sort();
}

function conforms(behaviour: string, check: (world: World) => Promise<void>): void {
  for (const [kind, newEngine] of Object.entries(ENGINES)) {
    Deno.test(`${kind}: ${behaviour}`, pure, () => check(new World(newEngine())));
  }
}

conforms("nobody holds what nobody has acquired, and then who has", async (world) => {
  assertEquals(await world.engine.ledger("a").owner(), undefined);
  const { own } = await world.take("a");
  assertEquals(await world.engine.ledger("b").owner(), own);
  assertEquals(own.state & 1, 1);
});

conforms("R6: numbers and epochs grow, whoever acquires", async (world) => {
  let before = (await world.take("a")).own;
  for (const node of ["b", "a", "a", "c"]) {
    const { own } = await world.take(node);
    assert(own.epoch > before.epoch && own.state > before.state);
    before = own;
  }
});

conforms(
  "R2: who was on record under an older epoch is pending under the next one",
  async (world) => {
    const { ledger: a } = await world.take("a");
    await a.put([peer("c1", "10.0.0.7", "fd00::7"), peer("c2"), peer("C3.Example."), peer("c4")]);
    await a.remove(["C2", "c3.example", "never"]);
    const { ledger: b } = await world.take("b");
    assertEquals((await b.pending()).peers.toSorted((x, y) => x.monName < y.monName ? -1 : 1), [
      peer("c1", "10.0.0.7", "fd00::7"),
      peer("c4"),
    ]);
  },
);

conforms(
  "names with characters of every kind that one may have are peers of their own",
  async (world) => {
    const names = [
      "a%2fb",
      "a b".replace(" ", "_"),
      'q"uote',
      "back\\slash",
      "fd00::7",
      "~!$&'()*+,;=:@",
    ];
    const { ledger: a } = await world.take("a");
    await a.put(names.map((name) => peer(name)));
    const { ledger: b } = await world.take("b");
    assertEquals(await pendingNames(b), names.toSorted());
    await b.settle(names.slice(1));
    assertEquals(await pendingNames((await world.take("c")).ledger), names.slice(0, 1));
  },
);

conforms("R6: who was superseded is told so by each call, and changes nothing", async (world) => {
  const { ledger: a } = await world.take("a");
  await a.put([peer("c1")]);
  const { ledger: b } = await world.take("b");
  await b.put([peer("c1")]);
  const calls = {
    put: () => a.put([peer("c2")]),
    remove: () => a.remove(["c1"]),
    settle: () => a.settle(["c1"]),
    verify: () => a.verify(),
    release: () => a.release(),
  };
  for (const call of Object.values(calls)) {
    const error = await assertRejects(call, SupersededError);
    assertEquals(error.message, "b has taken it");
  }
  const { ledger: c } = await world.take("c");
  assertEquals(await pendingNames(c), ["c1"]);
});

conforms("R7: telling takes a peer off older epochs, never off the present one", async (world) => {
  const { ledger: a } = await world.take("a");
  await a.put([peer("c1"), peer("c2")]);
  const { ledger: b } = await world.take("b");
  await b.put([peer("c1")]);
  await b.settle(["c1"]);
  assertEquals(await pendingNames(b), ["c2"]);
  await b.settle(["c2"]);
  assertEquals(await pendingNames((await world.take("c")).ledger), ["c1"]);
});

conforms(
  "acceptance 9: who is pending and registers again keeps both until it was told",
  async (world) => {
    const { ledger: a } = await world.take("a");
    await a.put([peer("x")]);
    const { ledger: b } = await world.take("b");
    await b.put([peer("x")]);
    assertEquals(await pendingNames(b), ["x"]);
    await b.settle(["x"]);
    assertEquals(await pendingNames(b), []);
    assertEquals(await pendingNames((await world.take("c")).ledger), ["x"]);
  },
);

conforms("R8: who was not reached stays pending over further moves", async (world) => {
  const names: string[] = [];
  for (const node of ["a", "b", "c", "d"]) {
    const { ledger } = await world.take(node);
    assertEquals(await pendingNames(ledger), names);
    await ledger.put([peer(`of-${node}`)]);
    names.push(`of-${node}`);
  }
});

conforms("a holder that has not let go is asked about; one that has is not", async (world) => {
  const { ledger: a } = await world.take("a");
  const b = world.engine.ledger("b");
  const held = await b.take(claimOf("b"), () => false);
  assert(held.outcome === "held");
  assertEquals(held.by.node, "a");
  await a.release();
  await assertRejects(() => a.put([peer("c1")]), LedgerError, "not held");
  const taken = await b.take(claimOf("b"), () => false);
  assert(taken.outcome === "taken");
  assertEquals(taken.previous?.isReleased, true);
});

conforms("an epoch is gone on with after a restart, until it is over", async (world) => {
  const { own, ledger } = await world.take("a");
  await ledger.put([peer("c1"), peer("c2")]);
  await ledger.remove(["c2"]);
  const after = world.engine.ledger("a");
  assertEquals([...await after.adopt(own)], ["c1"]);
  await after.put([peer("c3")]);
  const watcher = world.engine.ledger("a");
  await watcher.observe(own);
  await after.put([peer("c4")]);
  await watcher.verify();
  const { ledger: b } = await world.take("b");
  await assertRejects(() => watcher.verify(), SupersededError);
  assertEquals(await pendingNames(b), ["c1", "c3", "c4"]);
  await assertRejects(() => world.engine.ledger("a").adopt(own), SupersededError);
});

conforms(
  "R5: a release is the end of an epoch, also for a run that tells clients",
  async (world) => {
    const { own, ledger } = await world.take("a");
    const run = world.engine.ledger("a");
    await run.observe(own);
    await ledger.release();
    const error = await assertRejects(() => run.verify(), SupersededError);
    assertEquals(error.message, "a has released it");
    await assertRejects(() => world.engine.ledger("a").observe(own), SupersededError);
    await assertRejects(() => world.engine.ledger("a").adopt(own), SupersededError);
  },
);

conforms(
  "of nodes that acquire at the same time each gets an epoch and a number of its own",
  async (world) => {
    const taken = await Promise.all(["a", "b", "c", "d", "e"].map((node) => world.take(node)));
    assertEquals(new Set(taken.map(({ own }) => own.epoch)).size, 5);
    assertEquals(new Set(taken.map(({ own }) => own.state)).size, 5);
  },
);

conforms("thousands of peers are written, read and settled", async (world) => {
  const names = Array.from({ length: 2_345 }, (_, i) => `client${i}.example.net`);
  const { ledger: a } = await world.take("a");
  await a.put(names.map((name) => peer(name)));
  const { ledger: b } = await world.take("b");
  assertEquals((await pendingNames(b)).length, names.length);
  await b.settle(names.slice(5));
  assertEquals(await pendingNames((await world.take("c")).ledger), names.slice(0, 5));
});
