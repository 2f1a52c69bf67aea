/**
 * What Linux lockd asks of the status monitor on its host.
 *
 * Source: capture of lockd and rpc.statd, over TCP on loopback.
 */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const LINUX = "capture of lockd of Linux 6.1.176 and rpc.statd of nfs-utils 2.6.2";

export const lockd: readonly Exchange[] = [
  exchange(nsmV1, "SM_MON", {
    name: "Linux lockd begins to monitor an IPv6 peer",
    source: LINUX,
    framing: "record",
    call: hex(
      "80000060", // last fragment, 96 bytes
      "614943e9", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000002", // SM_MON
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000007 66643737 3a3a3100", // mon_name "fd77::1"
      "0000000a 636c6965 6e742e6c 61620000", // my_name "client.lab"
      "000186b5", // my_prog 100021
      "00000003", // my_vers 3
      "00000010", // my_proc 16
      "808d987f 01000000 0040c47e 00000000", // priv
    ),
    xid: 0x614943e9,
    args: {
      mon_id: {
        mon_name: "fd77::1",
        my_id: { my_name: "client.lab", my_prog: 100021, my_vers: 3, my_proc: 16 },
      },
      priv: hex("808d987f 01000000 0040c47e 00000000"),
    },
    reply: hex(
      "80000020", // last fragment, 32 bytes
      "614943e9", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000000", // res_stat STAT_SUCC
      "00000003", // state 3
    ),
    result: { res_stat: 0, state: 3 },
  }),
  exchange(nsmV1, "SM_UNMON", {
    name: "Linux lockd ends monitoring",
    source: LINUX,
    framing: "record",
    call: hex(
      "80000050", // last fragment, 80 bytes
      "b3fc975b", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000003", // SM_UNMON
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000007 66643737 3a3a3100", // mon_name "fd77::1"
      "0000000a 636c6965 6e742e6c 61620000", // my_name "client.lab"
      "000186b5", // my_prog 100021
      "00000003", // my_vers 3
      "00000010", // my_proc 16
    ),
    xid: 0xb3fc975b,
    args: {
      mon_name: "fd77::1",
      my_id: { my_name: "client.lab", my_prog: 100021, my_vers: 3, my_proc: 16 },
    },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "b3fc975b", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000003", // state 3
    ),
    result: { state: 3 },
  }),
];
