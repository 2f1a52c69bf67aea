/**
 * A ledger whose file system fails in the middle, as an NFS mount that goes stale, or whose server restarts: a
 * call fails, or is carried out and says that it failed.
 */

import { assert, assertEquals } from "@std/assert";
import type { Identities } from "../../lib/cluster/identities.ts";
import { sleep } from "../../lib/time/clock.ts";
import { IdentityWorld } from "../support/identity_world.ts";

const pure = { permissions: "none" } as const;
const TEXTS = { addresses: "10.0.0.50", ledger: "directory:/vip1" };
const STALE = "Stale file handle (os error 116)";
/** Attempts after a refusal, with pauses much longer than the probing interval of a ledger. */
const ATTEMPTS = 5;
const PAUSE_MS = 1_000;
/** Limit of simulated pauses. */
const TURNS_MAX = 100;
/** Time longer than a told peer stays on the list, and than a removal waits, in ms. */
const SETTLED_MS = 200_000;

/** Tries again after a refusal, as lock managers and cluster managers do, while time passes. */
async function insist<T>({ clock }: IdentityWorld, action: () => T | Promise<T>): Promise<T> {
  const insisting = (async () => {
    for (let attempt = 1;; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        await sleep(clock.startTimer, PAUSE_MS);
      }
    }
  })();
  let isDone = false;
  const done = () => void (isDone = true);
  insisting.then(done, done);
  for (let turn = 0; !isDone && turn < TURNS_MAX; turn++) await clock.runFar(PAUSE_MS);
  return await insisting;
}

/** Moves an identity from a to b to c; returns the peers that c has to tell, and the number of file calls. */
async function moved(world: IdentityWorld): Promise<{ pending: number; calls: number }> {
  const [a, b, c] = ["a", "b", "c"].map((node) => world.identities(node)) as [
    Identities,
    Identities,
    Identities,
  ];
  const acquire = (node: Identities) => insist(world, () => node.acquire("vip1", TEXTS, true));
  const record = async (node: Identities, monName: string) => {
    await insist(world, () => node.record({ monName }));
    world.monitored.add(monName);
  };
  await acquire(a);
  for (const name of ["c1", "c2", "c3"]) await record(a, name);
  world.monitored.delete("c2");
  a.dropped({ monName: "c2" });
  await world.clock.runFar(SETTLED_MS);
  a.stop();

  world.monitored.clear();
  const { epoch, pending } = await acquire(b);
  assert(pending >= 2, "who was acknowledged has to be told");
  b.told("vip1", epoch!, ["c1", "c3"]);
  await record(b, "c1");
  await world.clock.runFar(SETTLED_MS);
  await insist(world, () => b.release("vip1", false));
  b.stop();

  const taken = await acquire(c);
  c.stop();
  return { pending: taken.pending, calls: world.storage.calls.length };
}

Deno.test("a move without a fault", pure, async () => {
  assertEquals((await moved(new IdentityWorld())).pending, 1);
});

for (const when of ["fault", "lateFault"] as const) {
  Deno.test(`no record is lost where any file call fails once: ${when}`, pure, async () => {
    const { calls } = await moved(new IdentityWorld());
    for (let at = 0; at < calls; at++) {
      const world = new IdentityWorld();
      let count = 0;
      world.storage[when] = () => count++ === at ? new Error(STALE) : undefined;
      const { pending } = await moved(world);
      // A notified peer may be notified again.
      assert(pending >= 1, `call ${at}: ${world.storage.calls[at]}`);
      assertEquals(world.log.lines.filter((line) => /taken|lost/.test(line)), [], `call ${at}`);
    }
  });
}
