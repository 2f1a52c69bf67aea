import { assertEquals, assertRejects } from "@std/assert";
import { Recordings } from "../../lib/cluster/recordings.ts";

const pure = { permissions: "none" } as const;
const peer = (monName: string, addresses: string[] = []) => ({ monName, addresses });

/** Results of promises in the order in which they settle. */
function watched(...promises: Promise<void>[]): string[] {
  const results: string[] = [];
  for (const [at, promise] of promises.entries()) {
    promise.then(() => results.push(`${at} on record`), () => results.push(`${at} refused`));
  }
  return results;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await undefined;
}

Deno.test("a peer that is queued twice is recorded once, for both callers", pure, async () => {
  const recordings = new Recordings();
  const results = watched(
    recordings.add([peer("C1")], true),
    recordings.add([peer("c1", ["10.0.0.1"])], false),
  );
  const some = recordings.take(10);
  assertEquals(some.map(({ key, isOwed, peer }) => [key, isOwed, peer.addresses]), [
    ["c1", true, ["10.0.0.1"]],
  ]);
  recordings.finish(some);
  await settle();
  assertEquals(results, ["0 on record", "1 on record"]);
});

Deno.test(
  "a peer that is queued again while it is being written keeps both callers if the ledger fails",
  pure,
  async () => {
    const recordings = new Recordings();
    const first = recordings.add([peer("c1")], true);
    const some = recordings.take(10);
    const second = recordings.add([peer("c1", ["10.0.0.1"])], false);
    const results = watched(first, second);
    recordings.restore(some);
    assertEquals(recordings.size, 1);
    const [again] = recordings.take(10);
    assertEquals([again!.isOwed, again!.peer.addresses, again!.waiters.length], [
      true,
      ["10.0.0.1"],
      2,
    ]);
    recordings.restore([again!]);
    recordings.refuse(new Error("full"), () => true);
    await settle();
    assertEquals(results, ["0 refused", "1 refused"]);
    await assertRejects(() => second, Error, "full");
  },
);
