import { assertEquals } from "@std/assert";
import { nsmV1, SM_MAXSTRLEN, SM_PRIV_SIZE } from "../../lib/protocol/nsm.ts";
import { PMAP_PORT, portmapV2 } from "../../lib/protocol/portmap.ts";
import { rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import type { Program } from "../../lib/rpc/program.ts";

const pure = { permissions: "none" } as const;

/** Name, number, argument and result of each row. */
function rows(table: Program): string[] {
  return Object.entries(table.procedures).map(([name, { number, args, result, from }]) =>
    `${number} ${name} ${args.label} -> ${result.label}, ${from}`
  );
}

Deno.test("nsmV1 is program 100024 version 1 of XNFS chapter 11", pure, () => {
  assertEquals([nsmV1.number, nsmV1.version], [100_024, 1]);
  assertEquals([SM_MAXSTRLEN, SM_PRIV_SIZE], [1024, 16]);
  assertEquals(rows(nsmV1), [
    "0 SM_NULL void -> void, any",
    "1 SM_STAT struct sm_name -> struct sm_stat_res, any",
    "2 SM_MON struct mon -> struct sm_stat_res, local",
    "3 SM_UNMON struct mon_id -> struct sm_stat, local",
    "4 SM_UNMON_ALL struct my_id -> struct sm_stat, local",
    "5 SM_SIMU_CRASH void -> void, local-reserved",
    "6 SM_NOTIFY struct stat_chge -> void, any",
  ]);
});

Deno.test("portmapV2 is program 100000 version 2 of RFC 1833", pure, () => {
  assertEquals([portmapV2.number, portmapV2.version, PMAP_PORT], [100_000, 2, 111]);
  assertEquals(rows(portmapV2), [
    "0 PMAPPROC_NULL void -> void, any",
    "1 PMAPPROC_SET struct mapping -> bool, local",
    "2 PMAPPROC_UNSET struct mapping -> bool, local",
    "3 PMAPPROC_GETPORT struct mapping -> unsigned int, any",
    "4 PMAPPROC_DUMP void -> list of struct mapping<8192>, dump",
    "5 PMAPPROC_CALLIT void -> void, any",
  ]);
});

Deno.test(
  "rpcbindV4 is program 100000 with the procedures of rpcbindV3 and four more",
  pure,
  () => {
    const both = [
      "0 RPCBPROC_NULL void -> void, any",
      "1 RPCBPROC_SET struct rpcb -> bool, local",
      "2 RPCBPROC_UNSET struct rpcb -> bool, local",
      "3 RPCBPROC_GETADDR struct rpcb -> string<1024>, any",
      "4 RPCBPROC_DUMP void -> list of struct rpcb<8192>, dump",
      "5 RPCBPROC_CALLIT void -> void, any",
      "6 RPCBPROC_GETTIME void -> unsigned int, any",
      "7 RPCBPROC_UADDR2TADDR string<1024> -> struct netbuf, any",
      "8 RPCBPROC_TADDR2UADDR struct netbuf -> string<1024>, any",
    ];
    const later = [
      "9 RPCBPROC_GETVERSADDR struct rpcb -> string<1024>, any",
      "10 RPCBPROC_INDIRECT void -> void, any",
      "11 RPCBPROC_GETADDRLIST struct rpcb -> list of struct rpcb_entry<8192>, any",
      "12 RPCBPROC_GETSTAT void -> struct rpcb_stat[3], dump",
    ];
    for (const [table, version] of [[rpcbindV3, 3], [rpcbindV4, 4]] as const) {
      assertEquals([table.number, table.version], [100_000, version]);
      assertEquals(rows(table), version === 3 ? both : [...both, ...later]);
    }
  },
);
