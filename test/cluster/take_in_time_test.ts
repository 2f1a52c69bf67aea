import { assertEquals, assertRejects } from "@std/assert";
import {
  type Ledger,
  LedgerError,
  type Ownership,
  SilentLedgerError,
  type Taking,
} from "../../lib/cluster/ledger.ts";
import { takeInTime } from "../../lib/cluster/take_in_time.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;
const CLAIM = { node: "a", life: "1", since: "now" };
const HELD_BY = { ...CLAIM, node: "b", epoch: 1, state: 3, isReleased: false } as Ownership;

/** Result of taking within 1 s from a ledger that fails with these errors at first. */
function takeFrom(errors: Error[], clock: SimulatedClock, tried: string[] = []) {
  const take = (_claim: unknown, mayTakeFrom: (owner: Ownership) => boolean): Promise<Taking> => {
    const error = errors.shift();
    if (error !== undefined) return Promise.reject(error);
    return Promise.resolve(
      mayTakeFrom(HELD_BY)
        ? { outcome: "taken", own: HELD_BY, previous: HELD_BY }
        : { outcome: "held", by: HELD_BY },
    );
  };
  const patience = { clock, until: 1_000, tried: (reason: string) => void tried.push(reason) };
  return clock.until(takeInTime({ take } as unknown as Ledger, CLAIM, () => true, patience));
}

Deno.test("a ledger that is silent for a while is asked again", pure, async () => {
  const clock = new SimulatedClock();
  const tried: string[] = [];
  const silent = [1, 2].map((n) => new SilentLedgerError(`silent ${n}`));
  assertEquals((await takeFrom(silent, clock, tried)).outcome, "taken");
  assertEquals([tried, clock.now()], [["silent 1", "silent 2"], 600]);
});

Deno.test(
  "after the limit a silent ledger is a failure, and no owner is replaced",
  pure,
  async () => {
    const silent = Array.from({ length: 10 }, () => new SilentLedgerError("silent"));
    await assertRejects(() => takeFrom(silent, new SimulatedClock()), SilentLedgerError, "silent");
    const late = new SimulatedClock();
    await late.until(new Promise<void>((resolve) => late.startTimer(1_000, resolve)));
    assertEquals((await takeFrom([], late)).outcome, "held");
  },
);

Deno.test("a ledger that refuses is not asked again", pure, async () => {
  const clock = new SimulatedClock();
  await assertRejects(() => takeFrom([new LedgerError("full")], clock), LedgerError, "full");
  assertEquals(clock.now(), 0);
});
