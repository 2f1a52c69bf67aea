import "../support/open_libc.ts";
import { assertEquals, assertMatch } from "@std/assert";
import type { Health } from "../../lib/control/health.ts";
import type { StatusReport } from "../../lib/control/status_report.ts";
import { check, checkLine, judged } from "../../lib/nsmctl/check.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";

const pure = { permissions: "none" } as const;

function report(health: Health, faults: readonly string[]): StatusReport {
  return {
    version: "1",
    pid: 1,
    uid: 2,
    startedAt: "2026-01-02T03:04:05.678Z",
    uptimeSeconds: 3,
    residentBytes: 4,
    stateNumber: 7,
    stateDirectory: "/s",
    transports: [],
    health,
    faults,
    peers: 30,
    registrations: 31,
    unresolvedPeers: 1,
    keptNotices: 0,
    toBeNotified: 4,
    callbacks: { pending: 2 },
    counters: { ...makeCounters(), calls_notify: 5, calls_denied: 3 },
    degraded: [],
    problems: [],
  };
}

const DATA = "peers=30 registrations=31 unresolved=1 to_be_notified=4 callbacks_pending=2 " +
  "notices=5c notices_doubted=0c calls_denied=3c";

Deno.test("check prints one line with performance data, like a Nagios plugin", pure, () => {
  const line = (health: Health, ...faults: string[]) => checkLine(judged(report(health, faults)));
  assertEquals(
    line("good"),
    `NSM OK - 30 monitored, registered with rpcbind, state 7 | ${DATA}\n`,
  );
  assertEquals(line("degraded", "a", "b"), `NSM WARNING - a; b | ${DATA}\n`);
  assertEquals(line("failed", "a|b\nc"), `NSM CRITICAL - a/b c | ${DATA}\n`);
});

Deno.test("check is critical if no daemon runs", async () => {
  const directory = Deno.makeTempDirSync();
  const terminal = new FakeTerminal();
  try {
    const code = await check.run({ operands: [], has: () => false, get: () => undefined }, {
      programName: "nsmctl",
      stateDirectoryPath: directory,
      isDefaultDirectory: false,
      timeoutMs: 1_000,
      terminal,
      now: () => 0,
    });
    assertEquals([code, terminal.complaints], [2, []]);
    assertMatch(terminal.printed, /^NSM CRITICAL - no daemon serves \S+\n$/);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
