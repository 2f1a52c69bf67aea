/**
 * A reboot's way: peers tell each other, and the status monitor tells its lock manager.
 *
 * Source: captures of nfs-utils with Linux lockd and NFS-Ganesha.
 */

import { nlmCallback } from "../../lib/protocol/nlm.ts";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const SM_NOTIFY = "capture of sm-notify and rpc.statd of nfs-utils 2.6.2";
const TO_LINUX = "capture of rpc.statd of nfs-utils 2.6.2 and lockd of Linux 6.1.176";
const TO_GANESHA = "capture of rpc.statd of nfs-utils 2.6.2 and NFS-Ganesha 4.3";

export const notices: readonly Exchange[] = [
  exchange(nsmV1, "SM_NOTIFY", {
    name: "sm-notify announces a full name",
    source: SM_NOTIFY,
    framing: "datagram",
    call: hex(
      "6b0226ba", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000006", // SM_NOTIFY
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000011 6e6f6465 612e6578 616d706c 652e6e65 74000000", // mon_name "nodea.example.net"
      "00000005", // state 5
    ),
    xid: 0x6b0226ba,
    args: { mon_name: "nodea.example.net", state: 5 },
    reply: hex(
      "6b0226ba", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
  exchange(nsmV1, "SM_NOTIFY", {
    name: "sm-notify announces a short name",
    source: SM_NOTIFY,
    framing: "datagram",
    call: hex(
      "6b0226bc", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000006", // SM_NOTIFY
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000005 6e6f6465 61000000", // mon_name "nodea"
      "00000005", // state 5
    ),
    xid: 0x6b0226bc,
    args: { mon_name: "nodea", state: 5 },
    reply: hex(
      "6b0226bc", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
  exchange(nlmCallback(100021, 3, 16), "NLM_SM_NOTIFY", {
    name: "rpc.statd tells Linux lockd",
    source: TO_LINUX,
    framing: "datagram",
    call: hex(
      "6b0c2999", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b5", // program 100021
      "00000003", // version 3
      "00000010", // NLM_SM_NOTIFY
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000007 66643737 3a3a3100", // mon_name "fd77::1"
      "00000005", // state 5
      "808d987f 01000000 0040c47e 00000000", // priv
    ),
    xid: 0x6b0c2999,
    args: {
      mon_name: "fd77::1",
      state: 5,
      priv: hex("808d987f 01000000 0040c47e 00000000"),
    },
    reply: hex(
      "6b0c2999", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
  exchange(nlmCallback(100021, 4, 16), "NLM_SM_NOTIFY", {
    name: "rpc.statd tells NFS-Ganesha",
    source: TO_GANESHA,
    framing: "datagram",
    call: hex(
      "6b03bc97", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b5", // program 100021
      "00000004", // version 4
      "00000010", // NLM_SM_NOTIFY
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 31302e37 372e302e 32000000", // mon_name "10.77.0.2"
      "00000005", // state 5
      "00000000 00000000 00000000 00000000", // priv
    ),
    xid: 0x6b03bc97,
    args: {
      mon_name: "10.77.0.2",
      state: 5,
      priv: new Uint8Array(16),
    },
    reply: hex(
      "6b03bc97", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
    ),
    result: undefined,
  }),
];
