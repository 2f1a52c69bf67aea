/**
 * How peers and lock managers find a service with rpcbind.
 *
 * Source: captures of rpcbind and its clients, on loopback.
 */

import { portmapV2 } from "../../lib/protocol/portmap.ts";
import { rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const SM_NOTIFY = "capture of sm-notify of nfs-utils 2.6.2 and rpcbind 1.2.6";
const LINUX = "capture of lockd of Linux 6.1.176 and rpcbind 1.2.6";
const STATD = "capture of rpc.statd of nfs-utils 2.6.2 (libtirpc 1.3.3) and rpcbind 1.2.6";
const RPCINFO = "capture of rpcinfo and rpcbind 1.2.6 (libtirpc 1.3.3)";

export const lookUps: readonly Exchange[] = [
  exchange(portmapV2, "PMAPPROC_GETPORT", {
    name: "sm-notify asks an IPv4 peer for its port",
    source: SM_NOTIFY,
    framing: "datagram",
    call: hex(
      "6b0226b8", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000002", // version 2
      "00000003", // PMAPPROC_GETPORT
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // prog 100024
      "00000001", // vers 1
      "00000011", // prot 17, UDP
      "00000000", // port 0
    ),
    xid: 0x6b0226b8,
    args: { prog: 100024, vers: 1, prot: 17, port: 0 },
    reply: hex(
      "6b0226b8", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "0000af68", // port 44904
    ),
    result: 44904,
  }),
  exchange(rpcbindV3, "RPCBPROC_GETADDR", {
    name: "sm-notify asks an IPv6 peer for its address",
    source: SM_NOTIFY,
    framing: "datagram",
    call: hex(
      "6b0226b7", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000003", // version 3
      "00000003", // RPCBPROC_GETADDR
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000004 75647036", // r_netid "udp6"
      "0000000d 66643939 3a3a322e 302e3131 31000000", // r_addr "fd99::2.0.111"
      "00000000", // r_owner ""
    ),
    xid: 0x6b0226b7,
    args: {
      r_prog: 100024,
      r_vers: 1,
      r_netid: "udp6",
      r_addr: "fd99::2.0.111",
      r_owner: "",
    },
    reply: hex(
      "6b0226b7", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "0000000f 66643939 3a3a322e 3230372e 31343500", // address "fd99::2.207.145"
    ),
    result: "fd99::2.207.145",
  }),
  exchange(portmapV2, "PMAPPROC_GETPORT", {
    name: "Linux lockd asks for the status monitor",
    source: LINUX,
    framing: "record",
    call: hex(
      "80000058", // last fragment, 88 bytes
      "14cccd52", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000002", // version 2
      "00000003", // PMAPPROC_GETPORT
      "00000001 00000020", // credential AUTH_SYS, 32 bytes
      "00000000", // stamp
      "0000000a 636c6965 6e742e6c 61620000", // machine name "client.lab"
      "00000000", // uid 0
      "00000000", // gid 0
      "00000000", // no groups
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // prog 100024
      "00000001", // vers 1
      "00000006", // prot 6, TCP
      "00000000", // port 0
    ),
    xid: 0x14cccd52,
    credential: {
      stamp: 0x00000000,
      machinename: "client.lab",
      uid: 0,
      gid: 0,
      gids: [],
    },
    args: { prog: 100024, vers: 1, prot: 6, port: 0 },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "14cccd52", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "0000a007", // port 40967
    ),
    result: 40967,
  }),
  exchange(portmapV2, "PMAPPROC_GETPORT", {
    name: "rpc.statd asks at its start whether there is another one",
    source: STATD,
    framing: "datagram",
    call: hex(
      "6b04541c", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000002", // version 2
      "00000003", // PMAPPROC_GETPORT
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // prog 100024
      "00000001", // vers 1
      "00000011", // prot 17, UDP
      "00000000", // port 0
    ),
    xid: 0x6b04541c,
    args: { prog: 100024, vers: 1, prot: 17, port: 0 },
    reply: hex(
      "6b04541c", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000000", // port 0
    ),
    result: 0,
  }),
  exchange(rpcbindV4, "RPCBPROC_GETADDR", {
    name: "rpcinfo asks for the status monitor",
    source: RPCINFO,
    framing: "record",
    call: hex(
      "80000058", // last fragment, 88 bytes
      "d39c0c15", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000004", // version 4
      "00000003", // RPCBPROC_GETADDR
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000003 74637000", // r_netid "tcp"
      "0000000f 3132372e 302e302e 312e302e 31313100", // r_addr "127.0.0.1.0.111"
      "00000008 6c696274 69727063", // r_owner "libtirpc"
    ),
    xid: 0xd39c0c15,
    args: {
      r_prog: 100024,
      r_vers: 1,
      r_netid: "tcp",
      r_addr: "127.0.0.1.0.111",
      r_owner: "libtirpc",
    },
    reply: hex(
      "8000002c", // last fragment, 44 bytes
      "d39c0c15", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "0000000f 3132372e 302e302e 312e3136 302e3700", // address "127.0.0.1.160.7"
    ),
    result: "127.0.0.1.160.7",
  }),
  exchange(rpcbindV4, "RPCBPROC_GETADDR", {
    name: "rpcinfo asks for an address that is not there",
    source: RPCINFO,
    framing: "datagram",
    call: hex(
      "6b02979f", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186a0", // program 100000
      "00000004", // version 4
      "00000003", // RPCBPROC_GETADDR
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "000186b8", // r_prog 100024
      "00000001", // r_vers 1
      "00000003 75647000", // r_netid "udp"
      "0000000f 3132372e 302e302e 312e302e 31313100", // r_addr "127.0.0.1.0.111"
      "00000008 6c696274 69727063", // r_owner "libtirpc"
    ),
    xid: 0x6b02979f,
    args: {
      r_prog: 100024,
      r_vers: 1,
      r_netid: "udp",
      r_addr: "127.0.0.1.0.111",
      r_owner: "libtirpc",
    },
    reply: hex(
      "6b02979f", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000000", // address ""
    ),
    result: "",
  }),
];
