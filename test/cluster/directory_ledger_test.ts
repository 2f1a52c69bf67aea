import { assert, assertEquals, assertRejects } from "@std/assert";
import { DirectoryLedger } from "../../lib/cluster/directory_ledger.ts";
import { LedgerError, type LedgerPeer, SupersededError } from "../../lib/cluster/ledger.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { SharedStorage } from "../support/shared_storage.ts";

const pure = { permissions: "none" } as const;
const DIRECTORY = "/vip1";

function peer(monName: string): LedgerPeer {
  return { monName, addresses: [] };
}

class World {
  readonly storage = new SharedStorage();
  readonly clock = new FakeClock(1_700_000_000_000);
  #names = 0;

  constructor() {
    this.storage.mount(DIRECTORY);
  }

  ledger(node: string): DirectoryLedger {
    const randomName = () => `${++this.#names}`;
    return new DirectoryLedger(DIRECTORY, {
      files: this.storage.filesOf(node),
      randomName,
      clock: this.clock,
    });
  }

  async take(ledger: DirectoryLedger, node: string, isFenced = true) {
    const taking = await ledger.take(
      { node, life: `life of ${node}`, since: "now" },
      () => isFenced,
    );
    assert(taking.outcome === "taken", `held by ${(taking as { by?: unknown }).by}`);
    return taking.own;
  }
}

async function pendingNames(ledger: DirectoryLedger): Promise<string[]> {
  const { peers, unread } = await ledger.pending();
  assertEquals(unread, 0);
  return peers.map(({ monName }) => monName).sort();
}

Deno.test(
  "the first epoch is 1, and its state number is the time, odd; the next ones grow",
  pure,
  async () => {
    const world = new World();
    const a = world.ledger("a");
    const first = await world.take(a, "a");
    assertEquals([first.epoch, first.state], [1, 1_700_000_001]);
    const second = await world.take(world.ledger("b"), "b");
    assertEquals([second.epoch, second.state], [2, 1_700_000_003]);
  },
);

Deno.test(
  "an epoch continues after a restart, and half a line of a crash is cut off",
  pure,
  async () => {
    const world = new World();
    const own = await world.take(world.ledger("a"), "a");
    const before = world.ledger("a");
    await before.adopt(own);
    await before.put([peer("c1")]);
    await world.storage.filesOf("x").append(`${DIRECTORY}/epoch.1/journal`, '{"peer":"c2","addr');
    const after = world.ledger("a");
    assertEquals([...await after.adopt(own)], ["c1"]);
    await after.put([peer("c3")]);
    const b = world.ledger("b");
    await world.take(b, "b");
    assertEquals(await pendingNames(b), ["c1", "c3"]);
    await assertRejects(() => world.ledger("a").adopt(own), SupersededError);
  },
);

Deno.test(
  "of two nodes that acquire, the second one removes what the first is creating, and the first begins again",
  pure,
  async () => {
    const world = new World();
    const { storage } = world;
    const isMaking = Promise.withResolvers<void>();
    const other = Promise.withResolvers<void>();
    const slow = storage.filesOf("a");
    const a = new DirectoryLedger(DIRECTORY, {
      files: {
        ...slow,
        async write(path, text) {
          isMaking.resolve();
          await other.promise;
          await slow.write(path, text);
        },
      },
      randomName: () => `of-a-${storage.calls.length}`,
      clock: world.clock,
    });
    const taking = world.take(a, "a");
    await isMaking.promise;
    const b = await world.take(world.ledger("b"), "b");
    other.resolve();
    assertEquals([b.epoch, (await taking).epoch], [1, 2]);
    assertEquals(await slow.names(DIRECTORY), ["epoch.1", "epoch.2"]);
  },
);

Deno.test("a line that cannot be read counts as one that may have been a peer", pure, async () => {
  const world = new World();
  const a = world.ledger("a");
  await world.take(a, "a");
  await a.put([peer("c1")]);
  const files = world.storage.filesOf("x");
  for (const junk of ["\0\0\0\n", "{}\n", '{"peer":"../x","addresses":[]}\n', "[1]\n"]) {
    await files.append(`${DIRECTORY}/epoch.1/journal`, junk);
  }
  const b = world.ledger("b");
  await world.take(b, "b");
  const { peers, unread } = await b.pending();
  assertEquals([peers, unread], [[peer("c1")], 4]);
  await b.settle(["c1"]);
  assert((await files.names(DIRECTORY)).includes("epoch.1"), "what cannot be read stays");
});

Deno.test("a directory that is missing is an error, and is not made", pure, async () => {
  const { storage, clock } = new World();
  const parts = { files: storage.filesOf("a"), randomName: () => "1", clock };
  const ledger = new DirectoryLedger("/elsewhere", parts);
  const take = () => ledger.take({ node: "a", life: "", since: "" }, () => true);
  await assertRejects(take, LedgerError, 'the ledger "/elsewhere": No such directory');
  assertEquals([...storage.root.names.keys()], ["vip1"]);
});

Deno.test("a file system that was unmounted under a held identity is an error", pure, async () => {
  const world = new World();
  const a = world.ledger("a");
  await world.take(a, "a");
  world.storage.mount(DIRECTORY); // the empty mount point
  await assertRejects(() => a.put([peer("c1")]), LedgerError, "is its file system mounted?");
  await assertRejects(() => a.verify(), LedgerError, "is its file system mounted?");
});

Deno.test(
  "a record refused by a full disk is not there, and the next one is",
  pure,
  async () => {
    const world = new World();
    const a = world.ledger("a");
    await world.take(a, "a");
    for (const refused of ["append", "sync"]) {
      world.storage.fault = (operation) =>
        operation === refused ? new Error("No space left on device (os error 28)") : undefined;
      await assertRejects(() => a.put([peer("c1")]), LedgerError, "No space left");
    }
    world.storage.fault = () => undefined;
    await a.put([peer("c2")]);
    const b = world.ledger("b");
    await world.take(b, "b");
    assertEquals(await pendingNames(b), ["c2"]);
  },
);

Deno.test("a rewritten journal keeps unreadable lines", pure, async () => {
  const world = new World();
  const a = world.ledger("a");
  await world.take(a, "a");
  await a.put([peer("c1"), peer("c2")]);
  const files = world.storage.filesOf("x");
  await files.append(`${DIRECTORY}/epoch.1/journal`, "damaged\n");
  world.storage.fault = (operation) => operation === "sync" ? new Error("full") : undefined;
  await assertRejects(() => a.put([peer("c3")]), LedgerError);
  world.storage.fault = () => undefined;
  await a.remove(["c2"]);
  const b = world.ledger("b");
  await world.take(b, "b");
  const { peers, unread } = await b.pending();
  assertEquals([peers.map(({ monName }) => monName), unread], [["c1", "c3"], 1]);
});

Deno.test("a full disk gets back what an attempt has written", pure, async () => {
  const world = new World();
  const files = world.storage.filesOf("x");
  const full = () => {
    // The disk takes a part of a file, and fails.
    world.storage.lateFault = (operation) =>
      operation === "write" || operation === "append"
        ? new Error("No space left on device (os error 28)")
        : undefined;
  };
  const a = world.ledger("a");
  full();
  for (let attempt = 0; attempt < 3; attempt++) {
    await assertRejects(() => world.take(a, "a"), LedgerError, "No space left");
  }
  assertEquals(await files.names(DIRECTORY), []);
  world.storage.lateFault = () => undefined;
  await world.take(a, "a");
  full();
  // The first one may leave half a line, so that the second one writes the journal anew.
  for (let attempt = 0; attempt < 2; attempt++) {
    await assertRejects(() => a.put([peer("c1")]), LedgerError, "No space left");
  }
  assertEquals((await files.names(`${DIRECTORY}/epoch.1`)).sort(), ["journal", "owner"]);
  world.storage.lateFault = () => undefined;
  await a.put([peer("c1")]);
  const b = world.ledger("b");
  await world.take(b, "b");
  assertEquals(await pendingNames(b), ["c1"]);
});

Deno.test("a journal that is mostly superseded is rewritten", pure, async () => {
  const world = new World();
  const a = world.ledger("a");
  await world.take(a, "a");
  const many = Array.from({ length: 1000 }, (_, i) => peer(`client-${i}.${"x".repeat(100)}`));
  for (let round = 0; round < 50; round++) {
    await a.put(many);
    await a.remove(many.map(({ monName }) => monName));
  }
  await a.put([peer("last")]);
  const text = await world.storage.filesOf("x").read(`${DIRECTORY}/epoch.1/journal`);
  assert(text!.length < 6 << 20, `${text!.length} characters`);
  const b = world.ledger("b");
  await world.take(b, "b");
  assertEquals(await pendingNames(b), ["last"]);
});

Deno.test(
  "an epoch whose owner file is damaged is a fault, and is not replaced",
  pure,
  async () => {
    const world = new World();
    await world.take(world.ledger("a"), "a");
    const files = world.storage.filesOf("b");
    await files.write(`${DIRECTORY}/epoch.1/owner`, "no JSON");
    await assertRejects(() => world.ledger("b").owner(), LedgerError, "does not say which node");
    await assertRejects(
      () => world.take(world.ledger("b"), "b"),
      LedgerError,
      "does not say which",
    );
  },
);
