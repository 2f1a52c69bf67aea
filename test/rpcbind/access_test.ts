import { isLoopback } from "../../lib/rpc/address.ts";
import { assertEquals } from "@std/assert";
import { portmapV2 } from "../../lib/protocol/portmap.ts";
import { rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import type { Caller } from "../../lib/rpc/transport.ts";
import { rpcbindAccessFault } from "../../lib/rpcbind/access.ts";
import { ownerOf } from "../../lib/rpcbind/service.ts";

const pure = { permissions: "none" } as const;
const { RPCBPROC_SET, RPCBPROC_DUMP, RPCBPROC_GETADDR } = rpcbindV4.procedures;

function caller(address: string, port = 40_000, netid: Caller["netid"] = "udp"): Caller {
  return { address, port, netid, isLocal: isLoopback(address) };
}

const SOCKET: Caller = {
  address: "/run/rpcbind.sock",
  port: 0,
  netid: "tcp",
  uid: 1000,
  isLocal: false,
};
const STRANGER = caller("192.0.2.1", 700);
const STREAM = caller("192.0.2.1", 700, "tcp");

function isLetIn(
  procedure: typeof RPCBPROC_SET | typeof RPCBPROC_DUMP | typeof RPCBPROC_GETADDR,
  from: Caller,
  insecure = false,
  dump: "local" | "all" = "local",
): boolean {
  const isOwnAddress = (address: string) => ["192.0.2.7", "fe80::7"].includes(address);
  return rpcbindAccessFault(procedure, from, { insecure, dump, isOwnAddress }) === undefined;
}

Deno.test(
  "SET is permitted over the UNIX socket and loopback, and for other callers with -i",
  pure,
  () => {
    assertEquals(isLetIn(RPCBPROC_SET, SOCKET), true);
    assertEquals(isLetIn(RPCBPROC_SET, caller("127.0.0.1")), true);
    assertEquals(isLetIn(RPCBPROC_SET, caller("::1")), true);
    assertEquals(isLetIn(RPCBPROC_SET, caller("127.0.0.2")), false);
    assertEquals(isLetIn(RPCBPROC_SET, STRANGER), false);
    assertEquals(isLetIn(RPCBPROC_SET, STRANGER, true), true);
    const { PMAPPROC_SET } = portmapV2.procedures;
    assertEquals(PMAPPROC_SET.from, RPCBPROC_SET.from);
  },
);

Deno.test(
  "DUMP is permitted for local callers, and for other callers over TCP with dump = all",
  pure,
  () => {
    assertEquals(isLetIn(RPCBPROC_DUMP, SOCKET), true);
    assertEquals(isLetIn(RPCBPROC_DUMP, caller("127.0.0.9")), true);
    assertEquals(isLetIn(RPCBPROC_DUMP, caller("192.0.2.7")), true, "asked at its own address");
    assertEquals(isLetIn(RPCBPROC_DUMP, caller("fe80::7")), false, "on some link");
    assertEquals(isLetIn(RPCBPROC_SET, caller("192.0.2.7", 700)), false);
    assertEquals(isLetIn(RPCBPROC_DUMP, STREAM), false);
    assertEquals(isLetIn(RPCBPROC_DUMP, STREAM, false, "all"), true);
    assertEquals(isLetIn(RPCBPROC_DUMP, STRANGER, false, "all"), false);
  },
);

Deno.test("any caller may ask for the address of a service", pure, () => {
  assertEquals(isLetIn(RPCBPROC_GETADDR, STRANGER), true);
});

Deno.test(
  "the owner is the user of the socket, or root by a reserved port of loopback",
  pure,
  () => {
    assertEquals(ownerOf(SOCKET), "1000");
    assertEquals(ownerOf({ ...SOCKET, uid: 0 }), "superuser");
    assertEquals(ownerOf({ ...SOCKET, uid: -1 }), "unknown");
    assertEquals(ownerOf(caller("127.0.0.1", 900)), "superuser");
    assertEquals(ownerOf(caller("127.0.0.1", 1024)), "unknown");
    assertEquals(ownerOf(STRANGER), "unknown");
  },
);
