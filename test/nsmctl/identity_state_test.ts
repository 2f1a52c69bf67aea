import { assertEquals } from "@std/assert";
import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import type { IdentityReport } from "../../lib/cluster/identity_report.ts";
import { sayStatus } from "../../lib/nsmctl/identity_state.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";
import { faultsOf, type Schema } from "../support/json_schema.ts";

const COUNTS = { recorded: 2, pending: 1, unread: 0, unreplicated: 0 };
const REPORTS: readonly (readonly [status: number, report: IdentityReport])[] = [
  [1, { id: "vip1", texts: { names: "a.example" }, state: "not held", ...COUNTS }],
  [0, {
    id: "vip1",
    texts: {},
    state: "held",
    epoch: 3,
    number: 7,
    since: "2026-11-26",
    ...COUNTS,
  }],
  [4, { id: "vip1", texts: {}, state: "superseded", supersededBy: "node2", ...COUNTS }],
  [5, { id: "vip1", texts: {}, state: "held", fault: "no answer", ...COUNTS }],
];

Deno.test("identity status: the JSON fits its schema, and the exit status reflects the state", () => {
  for (const [status, report] of REPORTS) {
    const terminal = new FakeTerminal();
    assertEquals(sayStatus(report, true, { terminal }), status);
    const printed = JSON.parse(terminal.printed);
    const wanted = { $ref: "#/$defs/identity" };
    assertEquals(faultsOf(printed, wanted, schema as unknown as Schema), []);
  }
});
