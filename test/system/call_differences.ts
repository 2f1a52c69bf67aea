/** Intended differences from Debian's rpc.statd in the answers to single calls, with reasons. */

import {
  type Difference,
  gone,
  made,
  NOTHING,
  REFUSED,
  type Sight,
  sight,
  SUCCESS,
  UNKNOWN,
} from "../support/difference.ts";

const UDP = ["RPC over udp", "RPC over udp6"];
const TCP = ["RPC over tcp", "RPC over tcp6"];
const RPC_VERSIONS = [
  "RPC version 1: reply",
  "RPC version 3: reply",
  "RPC version 3 of an unknown program: reply",
];
const MISMATCH = "RPC_MISMATCH 00000002 00000002";
const ARGUMENTS = ["arguments over udp"];
const STRANGERS = ["arguments of strangers"];
const CALLERS = ["callers over udp", "callers over tcp"];
const MON = ["names in MON"];

/** Calls that we accept from a caller, and that Debian's program refuses. */
function accepted(scenarios: readonly string[], caller: string): Sight[] {
  const myName = `requester ${caller}`.replaceAll(" ", "-");
  const places = (aspect: string, ...calls: readonly string[]) =>
    calls.map((call) => `${call} by ${caller}: ${aspect}`);
  const peer = made("10.99.9.1", `PRIV 10.99.9.1 ${myName}`);
  return [
    sight(scenarios, places("reply", "MON", "MON again"), REFUSED, SUCCESS),
    sight(scenarios, places("files", "MON", "MON again"), NOTHING, peer),
    sight(scenarios, places("files", "UNMON", "UNMON_ALL"), NOTHING, gone("10.99.9.1")),
  ];
}

/** Unresolvable name. */
function unresolvable(name: string, shown = JSON.stringify(name)): Sight[] {
  return [
    sight(["names in STAT"], [`${shown}: reply`], UNKNOWN, SUCCESS),
    sight(MON, [`MON ${shown}: reply`], REFUSED, SUCCESS),
    sight(MON, [`MON ${shown}: files`], NOTHING, made(name, `PRIV ${name} thishost`)),
    sight(MON, [`UNMON ${shown}: files`], NOTHING, gone(name)),
  ];
}

/** Alias of an official name. */
function unofficial(name: string, official: string): Sight[] {
  const line = `PRIV ${name} thishost`;
  const shown = JSON.stringify(name);
  return [
    sight(MON, [`MON ${shown}: files`], made(official, line), made(name, line)),
    sight(MON, [`UNMON ${shown}: files`], gone(official), gone(name)),
  ];
}

/** Lock manager that may register only with us. */
function foreign(version: number, procedure: number, peer: string): Sight[] {
  const step = `100021 version ${version} procedure ${procedure}`;
  const file = made(peer, `${version}/${procedure} PRIV ${peer} thishost`);
  return [
    sight(["lock managers"], [`${step}: reply`], REFUSED, SUCCESS),
    sight(["lock managers"], [`${step}: files`], NOTHING, file),
  ];
}

export const CALL_DIFFERENCES: readonly Difference[] = [
  {
    reason: "RFC 5531 section 9 has an answer for callers of another RPC version",
    seen: [
      sight(UDP, RPC_VERSIONS, "no reply", MISMATCH),
      sight(TCP, RPC_VERSIONS, "connection closed", MISMATCH),
    ],
  },
  {
    reason: "what is no call does not end a connection: the record behind it can be told from it",
    seen: [
      sight(
        TCP,
        [
          "a reply: reply",
          "message type 2: reply",
          "a credential of 404 bytes: reply",
          "a credential longer than the message: reply",
        ],
        "connection closed",
        "no reply",
      ),
    ],
  },
  {
    reason: "flavours that are not served are all rejected alike; the C library knows these two",
    seen: [
      sight([...UDP, ...TCP], ["AUTH_DH: reply"], "AUTH_ERROR 00000007", "AUTH_ERROR 00000002"),
      sight([...UDP, ...TCP], ["RPCSEC_GSS: reply"], "AUTH_ERROR 00000001", "AUTH_ERROR 00000002"),
    ],
  },
  {
    reason: "a datagram ends where it ends: the C library goes on in what an earlier one has left",
    seen: [
      sight(UDP, ["a credential longer than the message: reply"], "SUCCESS", "no reply"),
      sight(
        ["bytes that are no call"],
        ["a header cut in the verifier: reply"],
        "SUCCESS",
        "no reply",
      ),
      sight(ARGUMENTS, ["STAT without its last word: reply"], UNKNOWN, "GARBAGE_ARGS"),
      sight(
        ARGUMENTS,
        ["MON without its cookie: reply", "MON without its last word: reply"],
        SUCCESS,
        "GARBAGE_ARGS",
      ),
      sight(
        ARGUMENTS,
        ["MON without its cookie: files"],
        made("10.99.0.9", `${"61".repeat(16)} 10.99.0.9 thishost`),
        NOTHING,
      ),
      sight(
        ARGUMENTS,
        ["MON without its last word: files"],
        made("10.99.0.9", "000102030405060708090a0b61616161 10.99.0.9 thishost"),
        NOTHING,
      ),
      sight(
        ARGUMENTS,
        ["UNMON without my_proc: reply", "UNMON_ALL without arguments: reply"],
        "SUCCESS 00000003",
        "GARBAGE_ARGS",
      ),
      sight(
        ARGUMENTS,
        ["NOTIFY without arguments: reply", "NOTIFY without a state: reply"],
        "SUCCESS",
        "GARBAGE_ARGS",
      ),
    ],
  },
  {
    reason: "who may not call is refused before anything that it has sent is read",
    seen: [
      sight(
        STRANGERS,
        [
          "MON without arguments: reply",
          "MON without its cookie: reply",
          "MON without its last word: reply",
          "MON with a my_name of 1025 bytes: reply",
        ],
        "GARBAGE_ARGS",
        REFUSED,
      ),
      sight(
        STRANGERS,
        [
          "UNMON without arguments: reply",
          "UNMON without my_proc: reply",
          "UNMON_ALL without arguments: reply",
        ],
        "GARBAGE_ARGS",
        "SUCCESS 00000003",
      ),
    ],
  },
  {
    reason: "a refused UNMON_ALL returns the state number, not what an earlier answer has left",
    seen: [
      sight(
        STRANGERS,
        ["UNMON_ALL with surplus bytes: reply"],
        "SUCCESS 00000000",
        "SUCCESS 00000003",
      ),
    ],
  },
  {
    reason: "local is whatever can only be this host: 127.0.0.0/8 and ::1",
    seen: [
      ...accepted(CALLERS, "127.0.0.2"),
      ...accepted(CALLERS, "::1"),
      ...accepted(["callers over udp"], "127.0.0.2 port 700"),
      ...accepted(["callers over udp"], "::1 port 700"),
    ],
  },
  {
    reason: "all of 127.0.0.0/8 is this host, which is always let in",
    seen: [
      sight(
        ["hosts.deny: statd: ALL"],
        ["NULL by 127.0.0.2: reply", "NULL by 127.0.0.2 over tcp: reply"],
        "AUTH_ERROR 00000007",
        "SUCCESS",
      ),
    ],
  },
  {
    reason: "the access rules are about procedures: one that does not exist has none",
    seen: [
      sight(
        ["hosts.deny: statd: ALL"],
        ["procedure 7 by 10.98.0.5: reply"],
        "AUTH_ERROR 00000007",
        "PROC_UNAVAIL",
      ),
    ],
  },
  {
    reason: "no answer waits for the name service: what does not resolve now may do so later",
    seen: [
      ...["nobody.example", "peer.example.", "%s%n", "peer.example:1", "-", "peer.new"]
        .flatMap((name) => unresolvable(name)),
      ...unresolvable("255*a", "255 bytes"),
    ],
  },
  {
    reason: "no answer waits for the name service: files are named after the mon_name as given",
    seen: [
      ...unofficial("127.0.0.1", "localhost"),
      ...unofficial("::1", "localhost"),
      ...unofficial("0x7f000001", "localhost"),
      ...unofficial("peer", "peer.example"),
      ...unofficial("PEER.Example", "peer.example"),
      ...unofficial("10.99.0.3", "peer.example"),
      ...unofficial("fd99::3", "peer6.example"),
      ...unofficial("FD99:0::0:3", "peer6.example"),
      ...unofficial("mixedcase.example", "MixedCase.Example"),
      ...unofficial("10.99.0.6", "twin.example"),
    ],
  },
  {
    reason: "a name with a zero byte is refused: files and C programs would see another name",
    seen: [
      sight(["names in STAT"], ['"peer\\u0000": reply'], SUCCESS, UNKNOWN),
      sight(MON, ['MON "peer\\u0000": reply'], SUCCESS, REFUSED),
      sight(
        MON,
        ['MON "peer\\u0000": files'],
        made("peer.example", "PRIV peer thishost"),
        NOTHING,
      ),
      sight(MON, ['UNMON "peer\\u0000": files'], gone("peer.example"), NOTHING),
      sight(["my_name"], ['"my\\u0000name": reply'], SUCCESS, REFUSED),
      sight(
        ["my_name"],
        ['"my\\u0000name": files'],
        made("10.99.9.12", "PRIV 10.99.9.12 my"),
        NOTHING,
      ),
    ],
  },
  {
    reason: "the lock managers of FreeBSD and illumos may register too",
    seen: [...foreign(0, 1, "10.99.9.10"), ...foreign(2, 17, "10.99.9.12")],
  },
];
