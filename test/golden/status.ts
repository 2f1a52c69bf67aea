/**
 * The other procedures of the status monitor, and registrations that it refuses.
 *
 * Source: calls made by hand after XNFS chapter 11, and what rpc.statd of nfs-utils answered.
 */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const STATD = "call made by hand, answer captured from rpc.statd of nfs-utils 2.6.2";
const LIBTIRPC = "capture of rpcinfo of rpcbind 1.2.6 and rpc.statd of nfs-utils 2.6.2";

export const status: readonly Exchange[] = [
  exchange(nsmV1, "SM_NULL", {
    name: "rpcinfo asks whether the status monitor is there",
    source: LIBTIRPC,
    framing: "record",
    call: hex(
      "80000028", // last fragment, 40 bytes
      "d39c16ac", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    xid: 0xd39c16ac,
    args: undefined,
    reply: hex(
      "80000018", // last fragment, 24 bytes
      "d39c16ac", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
  exchange(nsmV1, "SM_NULL", {
    name: "a call of nothing with AUTH_SYS",
    source: STATD,
    framing: "datagram",
    call: hex(
      "00000012", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000001 0000002c", // credential AUTH_SYS, 44 bytes
      "12345678", // stamp
      "00000011 6e6f6465 612e6578 616d706c 652e6e65 74000000", // machine name "nodea.example.net"
      "00000000", // uid 0
      "00000000", // gid 0
      "00000001 00000000", // groups 0
      "00000000 00000000", // verifier AUTH_NONE
    ),
    xid: 0x00000012,
    credential: {
      stamp: 0x12345678,
      machinename: "nodea.example.net",
      uid: 0,
      gid: 0,
      gids: [0],
    },
    args: undefined,
    reply: hex(
      "00000012", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
  exchange(nsmV1, "SM_STAT", {
    name: "a question for a host that would be monitored",
    source: STATD,
    framing: "datagram",
    call: hex(
      "0000001a", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000001", // SM_STAT
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 6c6f6361 6c686f73 74000000", // mon_name "localhost"
    ),
    xid: 0x0000001a,
    args: { mon_name: "localhost" },
    reply: hex(
      "0000001a", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000000", // res_stat STAT_SUCC
      "00000003", // state 3
    ),
    result: { res_stat: 0, state: 3 },
  }),
  exchange(nsmV1, "SM_STAT", {
    name: "a question for a host that would not be monitored",
    source: STATD,
    framing: "datagram",
    call: hex(
      "0000001b", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000001", // SM_STAT
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000014 6e6f2d73 7563682d 686f7374 2e696e76 616c6964", // mon_name "no-such-host.invalid"
    ),
    xid: 0x0000001b,
    args: { mon_name: "no-such-host.invalid" },
    reply: hex(
      "0000001b", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // res_stat STAT_FAIL
      "00000003", // state 3
    ),
    result: { res_stat: 1, state: 3 },
  }),
  exchange(nsmV1, "SM_MON", {
    name: "a registration with a callback that is refused",
    source: STATD,
    framing: "datagram",
    call: hex(
      "0000001d", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000002", // SM_MON
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 31302e39 392e302e 32000000", // mon_name "10.99.0.2"
      "00000005 6e6f6465 61000000", // my_name "nodea"
      "000186a3", // my_prog 100003
      "00000003", // my_vers 3
      "00000010", // my_proc 16
      "00010203 04050607 08090a0b 0c0d0e0f", // priv
    ),
    xid: 0x0000001d,
    args: {
      mon_id: {
        mon_name: "10.99.0.2",
        my_id: { my_name: "nodea", my_prog: 100003, my_vers: 3, my_proc: 16 },
      },
      priv: hex("00010203 04050607 08090a0b 0c0d0e0f"),
    },
    reply: hex(
      "0000001d", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000001", // res_stat STAT_FAIL
      "ffffffff", // state -1
    ),
    result: { res_stat: 1, state: -1 },
  }),
  exchange(nsmV1, "SM_SIMU_CRASH", {
    name: "a simulated crash",
    source: STATD,
    framing: "datagram",
    call: hex(
      "00000021", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000005", // SM_SIMU_CRASH
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    xid: 0x00000021,
    args: undefined,
    reply: hex(
      "00000021", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
];
