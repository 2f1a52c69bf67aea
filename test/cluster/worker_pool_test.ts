import { assertEquals, assertRejects } from "@std/assert";
import { WorkerPool } from "../../lib/cluster/worker_pool.ts";

const pure = { permissions: "none" } as const;

/** Work taken item by item, which ends at the request of the test. */
class Work {
  left = 0;
  readonly begun: PromiseWithResolvers<void>[] = [];
  readonly pool: WorkerPool;

  constructor(count: number) {
    this.pool = new WorkerPool(count, () => this.left > 0, () => {
      this.left--;
      const step = Promise.withResolvers<void>();
      this.begun.push(step);
      return step.promise;
    });
  }
}

async function turns(): Promise<void> {
  for (let i = 0; i < 10; i++) await undefined;
}

Deno.test(
  "as many steps overlap as the pool has workers, and the next one begins when one ends",
  pure,
  async () => {
    const work = new Work(2);
    work.left = 3;
    const running = work.pool.run();
    assertEquals([work.begun.length, work.left], [2, 1]);
    work.begun[1]!.resolve();
    await turns();
    assertEquals(work.begun.length, 3);
    work.begun[0]!.resolve();
    work.begun[2]!.resolve();
    await running;
  },
);

Deno.test("work that arrives during a run is begun at once by a free worker", pure, async () => {
  const work = new Work(2);
  work.left = 1;
  const running = work.pool.run();
  work.left++;
  work.pool.more();
  assertEquals(work.begun.length, 2);
  for (const step of work.begun) step.resolve();
  await running;
});

Deno.test("nothing begins outside of a run", pure, async () => {
  const work = new Work(2);
  work.left = 1;
  work.pool.more();
  assertEquals(work.begun.length, 0);
  const running = work.pool.run();
  work.begun[0]!.resolve();
  await running;
  work.left = 1;
  work.pool.more();
  assertEquals(work.begun.length, 1);
});

Deno.test("a failure ends a run once no step is in progress", pure, async () => {
  const work = new Work(2);
  work.left = 9;
  let isOver = false;
  const running = work.pool.run();
  running.catch(() => {}).finally(() => isOver = true);
  work.begun[0]!.reject(new Error("first"));
  await turns();
  assertEquals([work.begun.length, isOver], [2, false]);
  work.begun[1]!.reject(new Error("second"));
  await assertRejects(() => running, Error, "first");
});

Deno.test(
  "a run ends although callers never stop, so that other work gets its turn",
  pure,
  async () => {
    const work = new Work(1);
    work.left = 1_000;
    let isOver = false;
    const running = work.pool.run().finally(() => isOver = true);
    for (let i = 0; i < 100 && !isOver; i++) {
      work.begun.at(-1)!.resolve();
      await turns();
    }
    await running;
    assertEquals(work.left, 980);
  },
);
