/**
 * What FreeBSD's lock manager asks of the status monitor on its host.
 *
 * Its kernel was not at hand: these are the values that it is known to send, encoded by the C library.
 * SM_UNMON is encoded like SM_MON, so that 16 bytes too many follow; SM_UNMON_ALL names nobody who
 * has ever registered, but has to succeed all the same.
 *
 * Source: FreeBSD sys/nlm/nlm_prot_impl.c; the replies after RFC 5531 section 9.
 */

import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { hex } from "../support/hex.ts";
import { type Exchange, exchange } from "./exchange.ts";

const FREEBSD = "values of FreeBSD's kernel, encoded by rpcgen and libtirpc 1.3.3";

export const freebsd: readonly Exchange[] = [
  exchange(nsmV1, "SM_UNMON_ALL", {
    name: "FreeBSD's kernel forgets everything at its start, under a name of no use",
    source: FREEBSD,
    framing: "datagram",
    call: hex(
      "65a1b2c2", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000004", // SM_UNMON_ALL
      "00000001 00000024", // credential AUTH_SYS, 36 bytes
      "6563d2f0", // stamp
      "0000000b 66726565 6273642e 6c616200", // machine name "freebsd.lab"
      "00000000", // uid 0
      "00000000", // gid 0
      "00000001 00000000", // groups 0
      "00000000 00000000", // verifier AUTH_NONE
      "00000007 4e465320 4e4c4d00", // my_name "NFS NLM"
      "00000000", // my_prog 0
      "00000000", // my_vers 0
      "00000000", // my_proc 0
    ),
    xid: 0x65a1b2c2,
    credential: {
      stamp: 0x6563d2f0,
      machinename: "freebsd.lab",
      uid: 0,
      gid: 0,
      gids: [0],
    },
    args: { my_name: "NFS NLM", my_prog: 0, my_vers: 0, my_proc: 0 },
    reply: hex(
      "65a1b2c2", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000005", // state 5
    ),
    result: { state: 5 },
  }),
  exchange(nsmV1, "SM_MON", {
    name: "FreeBSD's kernel begins to monitor a peer",
    source: FREEBSD,
    framing: "datagram",
    call: hex(
      "65a1b2c3", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000002", // SM_MON
      "00000001 00000024", // credential AUTH_SYS, 36 bytes
      "6563d2f0", // stamp
      "0000000b 66726565 6273642e 6c616200", // machine name "freebsd.lab"
      "00000000", // uid 0
      "00000000", // gid 0
      "00000001 00000000", // groups 0
      "00000000 00000000", // verifier AUTH_NONE
      "0000000a 636c6965 6e742e6c 61620000", // mon_name "client.lab"
      "00000009 6c6f6361 6c686f73 74000000", // my_name "localhost"
      "000186b5", // my_prog 100021
      "00000000", // my_vers 0
      "00000001", // my_proc 1
      "02000000 00000000 00000000 00000000", // priv
    ),
    xid: 0x65a1b2c3,
    credential: {
      stamp: 0x6563d2f0,
      machinename: "freebsd.lab",
      uid: 0,
      gid: 0,
      gids: [0],
    },
    args: {
      mon_id: {
        mon_name: "client.lab",
        my_id: { my_name: "localhost", my_prog: 100021, my_vers: 0, my_proc: 1 },
      },
      priv: hex("02000000 00000000 00000000 00000000"),
    },
    reply: hex(
      "65a1b2c3", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000000", // res_stat STAT_SUCC
      "00000005", // state 5
    ),
    result: { res_stat: 0, state: 5 },
  }),
  exchange(nsmV1, "SM_UNMON", {
    name: "FreeBSD's kernel ends monitoring, with the cookie behind the arguments",
    source: FREEBSD,
    framing: "datagram",
    call: hex(
      "65a1b2c4", // xid
      "00000000", // CALL
      "00000002", // RPC version 2
      "000186b8", // program 100024
      "00000001", // version 1
      "00000003", // SM_UNMON
      "00000001 00000024", // credential AUTH_SYS, 36 bytes
      "6563d2f0", // stamp
      "0000000b 66726565 6273642e 6c616200", // machine name "freebsd.lab"
      "00000000", // uid 0
      "00000000", // gid 0
      "00000001 00000000", // groups 0
      "00000000 00000000", // verifier AUTH_NONE
      "0000000a 636c6965 6e742e6c 61620000", // mon_name "client.lab"
      "00000009 6c6f6361 6c686f73 74000000", // my_name "localhost"
      "000186b5", // my_prog 100021
      "00000000", // my_vers 0
      "00000001", // my_proc 1
      "02000000 00000000 00000000 00000000", // left over, ignored
    ),
    xid: 0x65a1b2c4,
    credential: {
      stamp: 0x6563d2f0,
      machinename: "freebsd.lab",
      uid: 0,
      gid: 0,
      gids: [0],
    },
    args: {
      mon_name: "client.lab",
      my_id: { my_name: "localhost", my_prog: 100021, my_vers: 0, my_proc: 1 },
    },
    surplus: 16,
    reply: hex(
      "65a1b2c4", // xid
      "00000001", // REPLY
      "00000000", // MSG_ACCEPTED
      "00000000 00000000", // verifier AUTH_NONE
      "00000000", // SUCCESS
      "00000005", // state 5
    ),
    result: { state: 5 },
  }),
];
