import { assertEquals } from "@std/assert";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { controlActions, type DaemonFacts } from "../../lib/statd/control_actions.ts";
import { FakeClock } from "../support/fake_clock.ts";

type Outcome = ["done"] | ["failed", string];
type Settled = (monitored: object, ...outcome: Outcome) => void;

/** Longest wait for lock managers, in ms, as in nsmctl(8). */
const LIMIT_MS = 10_000;

/** Daemon with registrations of one peer, whose lock managers answer at the request of the test. */
function daemonWith(registrations: readonly object[]) {
  const clock = new FakeClock();
  const watchers = new Set<Settled>();
  const monitor = {
    counters: makeCounters(),
    announcer: {
      watch(settled: Settled) {
        watchers.add(settled);
        return () => void watchers.delete(settled);
      },
    },
    administration: { declareRebooted: () => registrations },
  };
  const facts = { monitor, clock, note() {} } as unknown as DaemonFacts;
  const actions = controlActions(facts, () => {
    throw new Error("nobody asks for a report");
  });
  const answers: unknown[] = [];
  void actions.answer({ command: "declareRebooted", peer: "h7", by: "root" })
    .then((answer) => answers.push(answer));
  const settle = (monitored: object, ...outcome: Outcome) => {
    for (const settled of watchers) settled(monitored, ...outcome);
  };
  return { clock, watchers, answers, settle };
}

Deno.test("declareRebooted is answered once every lock manager has replied", async () => {
  const [first, second] = [{ lastState: 7 }, { lastState: 7 }];
  const { clock, watchers, answers, settle } = daemonWith([first, second]);
  await clock.run(1);
  settle(first, "done");
  settle({}, "done"); // of another peer
  await clock.run(1);
  assertEquals(answers, []);
  settle(second, "failed", "no answer");
  await clock.run(1);
  assertEquals(answers, [{ ok: true, count: 2, told: 1, failed: ["no answer"] }]);
  assertEquals([watchers.size, clock.pending], [0, 0]);
});

Deno.test("declareRebooted waits for silent lock managers until its limit", async () => {
  const { clock, watchers, answers } = daemonWith([{ lastState: 7 }]);
  await clock.run(LIMIT_MS - 1);
  assertEquals(answers, []);
  await clock.run(1);
  assertEquals(answers, [{ ok: true, count: 1, told: 0, failed: [] }]);
  assertEquals([watchers.size, clock.pending], [0, 0]);
});

Deno.test("declareRebooted of an unmonitored peer is answered at once", async () => {
  const { clock, answers } = daemonWith([]);
  await clock.run(1);
  assertEquals(answers, [{ ok: true, count: 0, told: 0, failed: [] }]);
});
