import { assertEquals } from "@std/assert";
import type { DaemonAnswer } from "../../lib/doctor/examiner.ts";
import { finding } from "../../lib/doctor/finding.ts";
import { unexplained } from "../../lib/doctor/unexplained.ts";

const pure = { permissions: "none" } as const;

function answered(health: string, ...faults: string[]): DaemonAnswer {
  const report = { pid: 7, health, faults };
  return { outcome: "answered", entries: [], report } as unknown as DaemonAnswer;
}

Deno.test("a failed daemon is never left unexplained", pure, () => {
  const names = (...args: Parameters<typeof unexplained>) =>
    unexplained(...args).flatMap(({ findings }) => findings)
      .map(({ name, evidence }) => `${name}: ${evidence}`);
  const told = { about: "x", findings: [finding("not-root", { what: "", evidence: "", fix: "" })] };
  const nothing = { about: "x", findings: [] };
  const failed = answered("failed", "one", "two");
  assertEquals(names([nothing], failed), ["statd-failed: one; two"]);
  assertEquals(names([nothing, told], failed), []);
  assertEquals(names([nothing], answered("degraded", "one")), []);
  assertEquals(names([nothing], { outcome: "absent" }), []);
});
