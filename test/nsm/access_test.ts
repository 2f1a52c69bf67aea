import { assertEquals } from "@std/assert";
import { accessFault, accessRule } from "../../lib/nsm/access.ts";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import type { Caller, Netid } from "../../lib/rpc/transport.ts";

const pure = { permissions: "none" } as const;

function caller(address: string, port: number, netid: Netid = "udp"): Caller {
  return { address, port, netid };
}

const GUARDED = ["SM_MON", "SM_UNMON", "SM_UNMON_ALL", "SM_SIMU_CRASH"] as const;
const OPEN = ["SM_NULL", "SM_STAT", "SM_NOTIFY"] as const;

Deno.test("accessFault() lets everybody call NULL, STAT and NOTIFY", pure, () => {
  for (const name of OPEN) {
    assertEquals(accessFault(nsmV1.procedures[name], caller("192.0.2.1", 40000)), undefined);
  }
});

Deno.test("accessFault() lets only loopback call the rest", pure, () => {
  for (const name of GUARDED) {
    const procedure = nsmV1.procedures[name];
    for (const address of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"]) {
      assertEquals(accessFault(procedure, caller(address, 800)), undefined, `${name} ${address}`);
    }
    for (const address of ["192.0.2.1", "10.127.0.1", "::2", "::ffff:10.0.0.1", "fe80::1%lo"]) {
      const fault = accessFault(procedure, caller(address, 800));
      assertEquals(fault, `call from non-local host ${address}`, `${name} ${address}`);
    }
  }
});

Deno.test("accessFault() wants a reserved port for SM_SIMU_CRASH only", pure, () => {
  const faults = GUARDED.map((name) =>
    accessFault(nsmV1.procedures[name], caller("127.0.0.1", 1024))
  );
  assertEquals(faults, [undefined, undefined, undefined, "call from unprivileged port 1024"]);
});

Deno.test("accessRule() refuses with the procedure's own answer, and tells why", pure, () => {
  const told: string[] = [];
  const rule = accessRule(
    (name, { address }, fault) => told.push(`${name} ${address}: ${fault}`),
    () => ({
      simuCrashAllowed: false,
    }),
  );
  const { SM_MON } = nsmV1.procedures;
  assertEquals(rule(SM_MON, "SM_MON", caller("127.0.0.1", 9)), "accept");
  assertEquals(rule(SM_MON, "SM_MON", caller("192.0.2.1", 9)), "refuse");
  const { SM_SIMU_CRASH } = nsmV1.procedures;
  assertEquals(rule(SM_SIMU_CRASH, "SM_SIMU_CRASH", caller("127.0.0.1", 9)), "refuse");
  assertEquals(told, [
    "SM_MON 192.0.2.1: call from non-local host 192.0.2.1",
    "SM_SIMU_CRASH 127.0.0.1: call from 127.0.0.1 is not allowed by the settings",
  ]);
});
