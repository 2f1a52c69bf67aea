import { assertEquals } from "@std/assert";
import { isCallbackProcedure, NLM_PROG, nlmCallback } from "../../lib/protocol/nlm.ts";

const pure = { permissions: "none" } as const;

Deno.test("isCallbackProcedure() accepts the callbacks of known lock managers", pure, () => {
  const known = [
    ["Linux lockd", 3, 16],
    ["Linux lockd, NLM 4", 4, 16],
    ["nfs-ganesha", 4, 16],
    ["old Linux kernels", 3, 24],
    ["FreeBSD and macOS", 0, 1],
    ["illumos", 2, 17],
  ] as const;
  for (const [name, vers, proc] of known) {
    assertEquals(isCallbackProcedure(NLM_PROG, vers, proc), true, name);
  }
});

Deno.test("isCallbackProcedure() refuses every other procedure of the lock manager", pure, () => {
  for (const vers of [-1, 0, 1, 2, 3, 4, 5]) {
    for (let proc = -1; proc <= 30; proc++) {
      const expected = proc === 16 || proc === 24 || (vers === 0 && proc === 1) ||
        (vers === 2 && proc === 17);
      assertEquals(isCallbackProcedure(NLM_PROG, vers, proc), expected, `${vers} ${proc}`);
    }
  }
  // NLM_LOCK, NLM_UNLOCK, NLM_FREE_ALL: procedures that an attacker would want called.
  for (const proc of [2, 4, 23]) assertEquals(isCallbackProcedure(NLM_PROG, 4, proc), false);
});

Deno.test("isCallbackProcedure() refuses other programs", pure, () => {
  for (const prog of [0, 100_000, 100_003, 100_005, 100_020, 100_022, 100_024, -100_021]) {
    for (const proc of [1, 16, 17, 24]) assertEquals(isCallbackProcedure(prog, 3, proc), false);
  }
});

Deno.test("nlmCallback() is the table of the numbers given", pure, () => {
  const table = nlmCallback(100_021, 4, 16);
  assertEquals([table.number, table.version], [100_021, 4]);
  assertEquals(table.procedures.NLM_SM_NOTIFY.number, 16);
  assertEquals(nlmCallback(100_021, 0, 1).procedures.NLM_SM_NOTIFY.number, 1);
});
