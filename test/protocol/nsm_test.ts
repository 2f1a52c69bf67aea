import { isLoopback } from "../../lib/rpc/address.ts";
import { assertEquals } from "@std/assert";
import { accessFault, accessRule, nsmV1 } from "../../lib/protocol/nsm.ts";
import type { Procedure } from "../../lib/rpc/program.ts";
import type { Caller, Netid } from "../../lib/rpc/transport.ts";

const pure = { permissions: "none" } as const;

function caller(address: string, port: number, netid: Netid = "udp"): Caller {
  return { address, port, netid, isLocal: isLoopback(address) };
}

const OPEN_SETTINGS = { simuCrashAllowed: true, monReservedPort: false };

const GUARDED = ["SM_MON", "SM_UNMON", "SM_UNMON_ALL", "SM_SIMU_CRASH"] as const;
function fault(procedure: Procedure, from: Caller, settings = OPEN_SETTINGS) {
  return accessFault(procedure, from, settings);
}

const OPEN = ["SM_NULL", "SM_STAT", "SM_NOTIFY"] as const;

Deno.test("accessFault() lets everybody call NULL, STAT and NOTIFY", pure, () => {
  for (const name of OPEN) {
    assertEquals(fault(nsmV1.procedures[name], caller("192.0.2.1", 40000)), undefined);
  }
});

Deno.test("accessFault() lets only loopback call the rest", pure, () => {
  for (const name of GUARDED) {
    const procedure = nsmV1.procedures[name];
    for (const address of ["127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"]) {
      assertEquals(fault(procedure, caller(address, 800)), undefined, `${name} ${address}`);
    }
    for (const address of ["192.0.2.1", "10.127.0.1", "::2", "::ffff:10.0.0.1", "fe80::1%lo"]) {
      const found = fault(procedure, caller(address, 800));
      assertEquals(found, `call from non-local host ${address}`, `${name} ${address}`);
    }
  }
});

Deno.test("accessFault() requires a reserved port for SM_SIMU_CRASH only", pure, () => {
  const port = caller("127.0.0.1", 1024);
  const faults = GUARDED.map((name) => fault(nsmV1.procedures[name], port));
  assertEquals(faults, [undefined, undefined, undefined, "call from unprivileged port 1024"]);
});

Deno.test(
  "accessFault() requires a reserved port for every guarded procedure if configured",
  pure,
  () => {
    const strict = { ...OPEN_SETTINGS, monReservedPort: true };
    for (const name of GUARDED) {
      const procedure = nsmV1.procedures[name];
      const found = fault(procedure, caller("127.0.0.1", 1024), strict);
      assertEquals(found, "call from unprivileged port 1024", name);
      assertEquals(fault(procedure, caller("127.0.0.1", 1023), strict), undefined, name);
    }
  },
);

Deno.test("accessFault() refuses SM_SIMU_CRASH to every caller unless it is allowed", pure, () => {
  const found = fault(nsmV1.procedures.SM_SIMU_CRASH, caller("127.0.0.1", 800), {
    ...OPEN_SETTINGS,
    simuCrashAllowed: false,
  });
  assertEquals(found, "call from 127.0.0.1 is not allowed by the settings");
});

Deno.test(
  "accessRule() refuses with the procedure's own answer, and denies whole hosts",
  pure,
  async () => {
    const told: string[] = [];
    const rule = accessRule({
      settings: () => OPEN_SETTINGS,
      admits({ address }) {
        if (address === "198.51.100.1") return Promise.resolve("denied");
        if (address === "198.51.100.2") return Promise.resolve("tryLater");
        return address === "::2" ? "denied" : "admitted";
      },
      refused: (name, { address }, fault) => told.push(`${name} ${address}: ${fault}`),
      denied: ({ address }) => told.push(`denied ${address}`),
    });
    const { SM_MON, SM_NULL } = nsmV1.procedures;
    assertEquals(rule(SM_MON, "SM_MON", caller("127.0.0.1", 9)), "accept");
    assertEquals(rule(SM_MON, "SM_MON", caller("192.0.2.1", 9)), "refuse");
    assertEquals(rule(SM_NULL, "SM_NULL", caller("::2", 9)), "deny");
    assertEquals(await rule(SM_NULL, "SM_NULL", caller("198.51.100.1", 9)), "deny");
    assertEquals(await rule(SM_NULL, "SM_NULL", caller("198.51.100.2", 9)), "ignore");
    assertEquals(told, [
      "SM_MON 192.0.2.1: call from non-local host 192.0.2.1",
      "denied ::2",
      "denied 198.51.100.1",
    ]);
  },
);
