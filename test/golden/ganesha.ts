/**
 * What NFS-Ganesha's lock manager asks of the status monitor on its host.
 *
 * Source: capture of ganesha.nfsd and rpc.statd, over TCP on loopback. Its xids count from 1 in each
 * connection.
 */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const GANESHA = "capture of NFS-Ganesha 4.3 and rpc.statd of nfs-utils 2.6.2";

export const ganesha: readonly Exchange[] = [
  exchange(nsmV1, "SM_UNMON_ALL", {
    name: "NFS-Ganesha forgets everything at its start",
    source: GANESHA,
    framing: "record",
    call: hex(
      "80000044", // last fragment, 68 bytes
      "00000001", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000004", // SM_UNMON_ALL
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "0000000a 73657276 65722e6c 61620000", // my_name "server.lab"
      "000186b5", // my_prog 100021
      "00000004", // my_vers 4
      "00000010", // my_proc 16
    ),
    xid: 0x00000001,
    args: {
      my_name: "server.lab",
      my_prog: 100021,
      my_vers: 4,
      my_proc: 16,
    },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "00000001", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000003", // state 3
    ),
    result: { state: 3 },
  }),
  exchange(nsmV1, "SM_MON", {
    name: "NFS-Ganesha begins to monitor a peer, with an empty cookie",
    source: GANESHA,
    framing: "record",
    call: hex(
      "80000064", // last fragment, 100 bytes
      "00000001", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000002", // SM_MON
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 31302e37 372e302e 32000000", // mon_name "10.77.0.2"
      "0000000a 73657276 65722e6c 61620000", // my_name "server.lab"
      "000186b5", // my_prog 100021
      "00000004", // my_vers 4
      "00000010", // my_proc 16
      "00000000 00000000 00000000 00000000", // priv
    ),
    xid: 0x00000001,
    args: {
      mon_id: {
        mon_name: "10.77.0.2",
        my_id: { my_name: "server.lab", my_prog: 100021, my_vers: 4, my_proc: 16 },
      },
      priv: new Uint8Array(16),
    },
    reply: hex(
      "80000020", // last fragment, 32 bytes
      "00000001", // xid
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
    name: "NFS-Ganesha ends monitoring",
    source: GANESHA,
    framing: "record",
    call: hex(
      "80000054", // last fragment, 84 bytes
      "00000002", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000003", // SM_UNMON
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 31302e37 372e302e 32000000", // mon_name "10.77.0.2"
      "0000000a 73657276 65722e6c 61620000", // my_name "server.lab"
      "000186b5", // my_prog 100021
      "00000004", // my_vers 4
      "00000010", // my_proc 16
    ),
    xid: 0x00000002,
    args: {
      mon_name: "10.77.0.2",
      my_id: { my_name: "server.lab", my_prog: 100021, my_vers: 4, my_proc: 16 },
    },
    reply: hex(
      "8000001c", // last fragment, 28 bytes
      "00000002", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000003", // state 3
    ),
    result: { state: 3 },
  }),
];
