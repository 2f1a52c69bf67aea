import { assertEquals } from "@std/assert";
import { haCallout } from "../../lib/statd/ha_callout.ts";
import type { CalloutResult } from "../../lib/platform/callout.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

function setUp() {
  const set = { haCallout: "/run/ha", haCalloutTimeout: 30 };
  const unusable = new Map<string, string>();
  const log = new RecordingLog();
  const clock = new FakeClock();
  const running: { args: readonly string[]; end: (result: CalloutResult) => void }[] = [];
  const current = haCallout({
    settings: () => set,
    programFault: (path) => unusable.get(path),
    clock,
    log,
    tell: (level, key, message) => log[level](`${key}|${message()}`),
    runProgram(_program, args) {
      const { promise, resolve } = Promise.withResolvers<CalloutResult>();
      running.push({ args, end: resolve });
      return promise;
    },
  });
  return { clock, log, running, set, unusable, current, callout: current()! };
}

const SUCCESS: CalloutResult = { outcome: "exited", status: 0 };

Deno.test("trust 5: few callouts run at a time, in order, and few notices wait", pure, async () => {
  const { running, callout } = setUp();
  const taken = Array.from({ length: 100 }, (_, i) => callout.notified(`n${i}`, "10.0.0.2", 5));
  assertEquals(taken.filter((one) => one !== undefined).length, 32);
  assertEquals([running.length, callout.isFull], [4, false]);
  // Lock managers still have room.
  void callout.monitored("peer", "here");
  for (let i = 0; i < running.length; i++) {
    running[i]!.end(SUCCESS);
    await taken[Math.min(i, 31)];
    await new Promise<void>((resolve) => queueMicrotask(resolve));
  }
  assertEquals(running.length, 33);
  assertEquals(running.at(-1)!.args, ["add-client", "peer", "here"]);
});

Deno.test(
  "operator B: a hung or failed callout is a fault until one succeeds",
  pure,
  async () => {
    const { clock, running, callout } = setUp();
    const first = callout.monitored("nodeb", "here");
    assertEquals(callout.fault, undefined);
    clock.advance(12_000);
    assertEquals(callout.fault, 'HA callout "/run/ha" has run for 12 s');
    running[0]!.end({ outcome: "timeLimit", timeoutMs: 30_000 });
    await first;
    assertEquals(callout.fault, 'HA callout "/run/ha" was killed, it took more than 30 s, 0 s ago');
    const second = callout.monitored("nodec", "here");
    running[1]!.end(SUCCESS);
    await second;
    assertEquals(callout.fault, undefined);
  },
);

Deno.test("the fault of a failed callout expires", pure, async () => {
  const { clock, running, set, current } = setUp();
  const failed = current()!.monitored("nodeb", "here");
  running[0]!.end({ outcome: "exited", status: 3 });
  await failed;
  clock.advance(90_000);
  assertEquals(current()!.fault, 'HA callout "/run/ha" ended with status 3, 2 min ago');
  set.haCallout = "/run/other";
  assertEquals(current()!.fault, undefined, "it is another program now");
  set.haCallout = "/run/ha";
  clock.advance(3_600_000);
  assertEquals(current()!.fault, undefined, "nothing has failed within an hour");
});

Deno.test("a callout that cannot be run is a fault until it can", pure, async () => {
  const { clock, running, unusable, current } = setUp();
  unusable.set("/run/ha", "there is no such file");
  const fault = 'HA callout "/run/ha" cannot be run: there is no such file';
  assertEquals(current()!.fault, fault, "also before it was to be run");
  const failed = current()!.monitored("nodeb", "here");
  running[0]!.end({ outcome: "notStarted", reason: "no such file" });
  await failed;
  clock.advance(7_200_000);
  assertEquals(current()!.fault, fault);
  unusable.clear();
  assertEquals(current()!.fault, undefined);
});

Deno.test(
  "a notice whose callout is running is left unanswered, to be repeated",
  pure,
  async () => {
    const { running, callout } = setUp();
    const first = callout.notified("nodeb", "10.0.0.2", -5);
    assertEquals(callout.notified("nodeb", "10.0.0.2", -5), undefined);
    assertEquals(running.map(({ args }) => args), [["sm-notify", "nodeb", "10.0.0.2"]]);
    running[0]!.end(SUCCESS);
    await first;
    assertEquals(callout.notified("nodeb", "10.0.0.2", -5) !== undefined, true);
  },
);

Deno.test(
  "realworld F6: a failed callout leaves a log line with all known facts",
  pure,
  async () => {
    const { running, log, callout } = setUp();
    const results: CalloutResult[] = [
      SUCCESS,
      { outcome: "exited", status: 3, lastLine: "no such node\x1b[2J" },
      { outcome: "killed", signal: "SIGSEGV" },
      { outcome: "timeLimit", timeoutMs: 30_000 },
      { outcome: "notStarted", reason: "no such file" },
    ];
    for (const [i, result] of results.entries()) {
      const run = callout.monitored("nodeb", "here");
      running[i]!.end(result);
      await run;
    }
    const what =
      'warning: HA callout "/run/ha" failed|HA callout "/run/ha" "add-client" "nodeb" "here"';
    assertEquals(log.of("warning"), [
      `${what} ended with status 3, saying "no such node\\x1b[2J"`,
      `${what} was ended by SIGSEGV`,
      `${what} was killed, it took more than 30 s`,
      `${what} was not started: no such file`,
    ]);
  },
);
