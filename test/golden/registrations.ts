/**
 * How services are registered with rpcbind.
 *
 * Source: captures of rpcbind and its clients, on loopback.
 */

import { portmapV2 } from "../../lib/protocol/portmap.ts";
import { rpcbindV3 } from "../../lib/protocol/rpcbind.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const STATD = "capture of rpc.statd of nfs-utils 2.6.2 (libtirpc 1.3.3) and rpcbind 1.2.6";
const BY_HAND = "call made by hand after RFC 1833, answer captured from rpcbind 1.2.6";

export const registrations: readonly Exchange[] = [
  exchange(rpcbindV3, "RPCBPROC_UNSET", {
    name: "rpc.statd removes what was registered before",
    source: STATD,
    framing: "record",
    call: hex(
      "80000040", // last fragment, 64 bytes
      "9d0499c7", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000003", // version 3
      "00000002", // RPCBPROC_UNSET
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000000", // r_netid ""
      "00000000", // r_addr ""
      "00000001 30000000", // r_owner "0"
    ),
    xid: 0x9d0499c7,
    args: { r_prog: 100024, r_vers: 1, r_netid: "", r_addr: "", r_owner: "0" },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "9d0499c7", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // TRUE
    ),
    result: true,
  }),
  exchange(rpcbindV3, "RPCBPROC_SET", {
    name: "rpc.statd registers its UDP port",
    source: STATD,
    framing: "record",
    call: hex(
      "80000054", // last fragment, 84 bytes
      "9d044833", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000003", // version 3
      "00000001", // RPCBPROC_SET
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000003 75647000", // r_netid "udp"
      "0000000f 302e302e 302e302e 3137352e 31303400", // r_addr "0.0.0.0.175.104"
      "00000003 31303300", // r_owner "103"
    ),
    xid: 0x9d044833,
    args: {
      r_prog: 100024,
      r_vers: 1,
      r_netid: "udp",
      r_addr: "0.0.0.0.175.104",
      r_owner: "103",
    },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "9d044833", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // TRUE
    ),
    result: true,
  }),
  exchange(rpcbindV3, "RPCBPROC_SET", {
    name: "rpc.statd registers its IPv6 TCP port",
    source: STATD,
    framing: "record",
    call: hex(
      "80000050", // last fragment, 80 bytes
      "9d043afa", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000003", // version 3
      "00000001", // RPCBPROC_SET
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000004 74637036", // r_netid "tcp6"
      "0000000a 3a3a2e31 37322e31 37350000", // r_addr "::.172.175"
      "00000003 31303300", // r_owner "103"
    ),
    xid: 0x9d043afa,
    args: {
      r_prog: 100024,
      r_vers: 1,
      r_netid: "tcp6",
      r_addr: "::.172.175",
      r_owner: "103",
    },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "9d043afa", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // TRUE
    ),
    result: true,
  }),
  exchange(portmapV2, "PMAPPROC_SET", {
    name: "a port is registered with version 2",
    source: BY_HAND,
    framing: "datagram",
    call: hex(
      "00000033", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000002", // version 2
      "00000001", // PMAPPROC_SET
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00018703", // prog 100099
      "00000001", // vers 1
      "00000011", // prot 17, UDP
      "000002bc", // port 700
    ),
    xid: 0x00000033,
    args: { prog: 100099, vers: 1, prot: 17, port: 700 },
    reply: hex(
      "00000033", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // TRUE
    ),
    result: true,
  }),
  exchange(portmapV2, "PMAPPROC_UNSET", {
    name: "a port is unregistered with version 2",
    source: BY_HAND,
    framing: "datagram",
    call: hex(
      "00000034", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000002", // version 2
      "00000002", // PMAPPROC_UNSET
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00018703", // prog 100099
      "00000001", // vers 1
      "00000000", // prot 0, any
      "00000000", // port 0
    ),
    xid: 0x00000034,
    args: { prog: 100099, vers: 1, prot: 0, port: 0 },
    reply: hex(
      "00000034", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // TRUE
    ),
    result: true,
  }),
];
