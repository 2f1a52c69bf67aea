/**
 * Calls that are not served, one for each way of saying so.
 *
 * Source: calls made by hand after RFC 5531, and what other implementations answered.
 */

import { hex } from "../support/hex.ts";
import type { Failure } from "./exchange.ts";

const STATD = "answer captured from rpc.statd of nfs-utils 2.6.2 (libtirpc 1.3.3)";
const LINUX = "answer captured from nfsd of Linux 6.1.176";
const BY_HAND = "made by hand after RFC 5531 section 9";

export const failures: readonly Failure[] = [
  {
    name: "another version of RPC",
    source: LINUX,
    framing: "record",
    call: hex(
      "80000028", // last fragment, 40 bytes
      "00000041", // xid
      "00000000", // CALL
      "00000003", // RPC version 3
      "000186a3", // program 100003
      "00000003", // version 3
      "00000000", // procedure 0
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "80000018", // last fragment, 24 bytes
      "00000041", // xid
      "00000001", // REPLY
      "00000001", // MSG_DENIED
      "00000000", // RPC_MISMATCH
      "00000002", // low 2
      "00000002", // high 2
    ),
    failure: { kind: "denied", stat: 0, detail: "it speaks RPC versions 2 to 2" },
  },
  {
    name: "an unknown kind of credential",
    source: STATD,
    framing: "datagram",
    call: hex(
      "00000013", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000063 00000000", // credential, flavour 99
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "00000013", // xid
      "00000001", // REPLY
      "00000001", // MSG_DENIED
      "00000001", // AUTH_ERROR
      "00000002", // AUTH_REJECTEDCRED
    ),
    failure: { kind: "denied", stat: 1, detail: "authentication status 2" },
  },
  {
    name: "an AUTH_SYS credential that breaks off",
    source: STATD,
    framing: "record",
    call: hex(
      "80000030", // last fragment, 48 bytes
      "00000015", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000001 00000008 12345678 00000011", // credential, flavour 1, 8 bytes
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "80000014", // last fragment, 20 bytes
      "00000015", // xid
      "00000001", // REPLY
      "00000001", // MSG_DENIED
      "00000001", // AUTH_ERROR
      "00000001", // AUTH_BADCRED
    ),
    failure: { kind: "denied", stat: 1, detail: "authentication status 1" },
  },
  {
    name: "another program",
    source: STATD,
    framing: "datagram",
    call: hex(
      "00000017", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "00018703", // program 100099
      "00000001", // version 1
      "00000000", // procedure 0
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "00000017", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000001", // PROG_UNAVAIL
    ),
    failure: { kind: "accepted", stat: 1 },
  },
  {
    name: "another version of the program",
    source: STATD,
    framing: "record",
    call: hex(
      "80000028", // last fragment, 40 bytes
      "00000018", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000002", // version 2
      "00000000", // procedure 0
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "80000020", // last fragment, 32 bytes
      "00000018", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000002", // PROG_MISMATCH
      "00000001", // low 1
      "00000001", // high 1
    ),
    failure: { kind: "accepted", stat: 2, low: 1, high: 1 },
  },
  {
    name: "a procedure that there is not",
    source: STATD,
    framing: "datagram",
    call: hex(
      "00000019", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000007", // procedure 7
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "00000019", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000003", // PROC_UNAVAIL
    ),
    failure: { kind: "accepted", stat: 3 },
  },
  {
    name: "arguments that break off",
    source: STATD,
    framing: "record",
    call: hex(
      "8000002f", // last fragment, 47 bytes
      "00000024", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000001", // SM_STAT
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
      "00000009 6c6f63", // mon_name "loc"
    ),
    reply: hex(
      "80000018", // last fragment, 24 bytes
      "00000024", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000004", // GARBAGE_ARGS
    ),
    failure: { kind: "accepted", stat: 4 },
  },
  {
    name: "a caller who may not call",
    source: BY_HAND,
    framing: "datagram",
    server: "denies",
    call: hex(
      "00000011", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "00000011", // xid
      "00000001", // REPLY
      "00000001", // MSG_DENIED
      "00000001", // AUTH_ERROR
      "00000007", // AUTH_FAILED
    ),
    failure: { kind: "denied", stat: 1, detail: "authentication status 7" },
  },
  {
    name: "a server that cannot do it",
    source: BY_HAND,
    framing: "datagram",
    server: "throws",
    call: hex(
      "00000011", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000000", // SM_NULL
      "00000000 00000000", // credential AUTH_NONE
      "00000000 00000000", // verifier AUTH_NONE
    ),
    reply: hex(
      "00000011", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000005", // SYSTEM_ERR
    ),
    failure: { kind: "accepted", stat: 5 },
  },
];
