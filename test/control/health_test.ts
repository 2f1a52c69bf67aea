import { assertEquals } from "@std/assert";
import { type HealthFacts, judgeHealth } from "../../lib/control/health.ts";

const pure = { permissions: "none" } as const;

const GOOD: HealthFacts = {
  registrationFault: undefined,
  ownFault: undefined,
  storeFaults: [],
  lockManagerFault: undefined,
  degraded: [],
  callbacks: { pending: 0, waitingMs: undefined, fault: "" },
  keptNotices: 0,
  peersNotTold: 0,
  isBootUntold: false,
  notifyListFault: undefined,
  doubted: { count: 0, agoMs: undefined },
  denied: { count: 0, agoMs: undefined },
};

const judged = (change: Partial<HealthFacts>) => judgeHealth({ ...GOOD, ...change });

Deno.test("operator D8 to D11: each fault has its verdict and its reason", pure, () => {
  const rows: readonly [Partial<HealthFacts>, string, string?][] = [
    [{}, "good"],
    [{ registrationFault: "gone" }, "failed", "not registered: gone"],
    [{ storeFaults: ["full"] }, "failed", "full"],
    [{ lockManagerFault: "silent" }, "failed", "no lock manager: silent"],
    [{ degraded: ["no control socket"] }, "degraded", "no control socket"],
    [
      { callbacks: { pending: 1, waitingMs: 40_000, fault: "port 9 is silent" } },
      "degraded",
      "1 callback waiting for 40 s: port 9 is silent",
    ],
    [{ callbacks: { pending: 1, waitingMs: 2_000, fault: "x" } }, "good"],
    [
      { peersNotTold: 29 },
      "degraded",
      "29 peers not told of our reboot, and no sm-notify is running",
    ],
    [
      { notifyListFault: "Permission denied" },
      "degraded",
      "who has to be told of our reboot cannot be read: Permission denied",
    ],
    [
      { doubted: { count: 5380, agoMs: 1_000 } },
      "degraded",
      "5380 doubtful notices passed on, the last within an hour",
    ],
    [
      { denied: { count: 3, agoMs: 1_000 } },
      "degraded",
      "3 calls denied by hosts.allow and hosts.deny, the last within an hour",
    ],
    [{ denied: { count: 3, agoMs: 3_600_000 } }, "good"],
    [{ keptNotices: 1 }, "degraded", "1 notice kept until names of peers are known"],
    [
      { isBootUntold: true },
      "degraded",
      "peers from before this boot were not told of it: sm-notify has not run",
    ],
    [{ ownFault: "denied" }, "failed", "lock managers cannot reach us: denied"],
    [{ registrationFault: "gone", ownFault: "refused" }, "failed", "not registered: gone"],
  ];
  for (const [change, health, ...faults] of rows) {
    assertEquals(judged(change), { health, faults } as ReturnType<typeof judgeHealth>);
  }
});

Deno.test("the worst fault stands first and makes the verdict", pure, () => {
  const { health, faults } = judged({ degraded: ["weak"], registrationFault: "gone" });
  assertEquals([health, faults], ["failed", ["not registered: gone", "weak"]]);
});
