import { assertEquals } from "@std/assert";
import { FairSlots } from "../../lib/net/fair_slots.ts";

const pure = { permissions: "none" } as const;

/** Slots, and tasks that end at the request of the test. */
function setUp() {
  const slots = new FairSlots({ slots: 3, slotsOfOne: 2, lineMax: 4, lineOfOne: 2 });
  const started: string[] = [];
  const ends = new Map<string, (value: string) => void>();
  const run = (party: string, name: string) =>
    slots.run(party, () => {
      started.push(name);
      return new Promise<string>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    ends.get(name)!(name);
    for (let i = 0; i < 10; i++) await undefined;
  };
  return { started, run, end };
}

Deno.test(
  "a party has a few slots and places in the queue, and leaves room for other parties",
  pure,
  async () => {
    const { started, run, end } = setUp();
    const ofA = ["a1", "a2", "a3", "a4", "a5"].map((name) => run("a", name));
    assertEquals(started, ["a1", "a2"]);
    assertEquals(await ofA[4], undefined);
    void run("b", "b1");
    assertEquals(started, ["a1", "a2", "b1"]);
    void run("b", "b2");
    await end("a1");
    // b came last, and has a slot left.
    assertEquals(started, ["a1", "a2", "b1", "b2"]);
    await end("b1");
    assertEquals(started.at(-1), "a3");
    assertEquals(await ofA[0], "a1");
  },
);

Deno.test(
  "in a flood the oldest waiting task gives up, and the newest is next",
  pure,
  async () => {
    const { started, run, end } = setUp();
    for (const name of ["a", "b", "c"]) void run(name, name);
    const waiting = ["d", "e", "f", "g", "h"].map((name) => run(name, name));
    assertEquals(await waiting[0], undefined);
    await end("a");
    assertEquals(started, ["a", "b", "c", "h"]);
  },
);

Deno.test("a task that fails frees its slot", pure, async () => {
  const slots = new FairSlots({ slots: 1, slotsOfOne: 1, lineMax: 1, lineOfOne: 1 });
  const failed = slots.run("a", () => Promise.reject(new Error("no")));
  assertEquals(await failed.catch(({ message }) => message), "no");
  assertEquals(await slots.run("b", () => Promise.resolve(1)), 1);
});
