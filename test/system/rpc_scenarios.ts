/**
 * Differential scenarios about errors before a procedure is called, and about calls just short of
 * an error.
 */

import { type Call, message, mon, nullCall, PRIV, stat, text } from "../support/nsm_calls.ts";
import { unmon, unmonAll, word } from "../support/nsm_calls.ts";
import { NETWORK, type Scenario, type Step } from "../support/scenario.ts";

/** Peer without a name. */
const PEER = "10.99.0.9";

const authSys = (...words: readonly number[]) => {
  const body = words.map(word).join("");
  return [1, word(body.length / 2) + body] as const;
};

/** Calls that fail before a procedure is called, and calls just short of that. */
const RPC_CALLS: readonly (readonly [string, Call, maybeSilent?: true])[] = [
  ["NULL", nullCall],
  ["NULL with surplus bytes", { procedure: 0, args: "ffffffff" }],
  ["NULL with xid 0", { procedure: 0, xid: 0 }],
  ["version 0", { procedure: 0, version: 0 }],
  ["version 2", { procedure: 0, version: 2 }],
  ["version -1", { procedure: 2, version: -1 }],
  ["version 2 of an unknown procedure", { procedure: 99, version: 2 }],
  ["an unknown program", { procedure: 0, program: 100021 }],
  ["an unknown version of an unknown program", { procedure: 0, program: 100003, version: 9 }],
  ["procedure 7", { procedure: 7 }],
  ["procedure -1", { procedure: -1 }],
  ["a reply", { procedure: 0, messageType: 1 }, true],
  ["message type 2", { procedure: 0, messageType: 2 }, true],
  ["RPC version 1", { procedure: 0, rpcVersion: 1 }, true],
  ["RPC version 3", { procedure: 0, rpcVersion: 3 }, true],
  ["RPC version 3 of an unknown program", { procedure: 0, rpcVersion: 3, program: 5 }, true],
  ["AUTH_SYS", { procedure: 0, credential: authSys(1, 0, 0, 0, 0) }],
  ["AUTH_SYS with 16 groups", {
    procedure: 0,
    credential: authSys(1, 0, 0, 0, 16, ...Array(16).fill(1)),
  }],
  ["AUTH_SYS with 17 groups", {
    procedure: 0,
    credential: authSys(1, 0, 0, 0, 17, ...Array(17).fill(1)),
  }],
  ["AUTH_SYS without its last word", { procedure: 0, credential: authSys(1, 0, 0, 0) }],
  ["AUTH_SYS with surplus words", { procedure: 0, credential: authSys(1, 0, 0, 0, 0, 7, 7) }],
  ["AUTH_SYS with a machine name of 255", {
    procedure: 0,
    credential: [1, word(4 + 4 + 256 + 12) + word(1) + text("m".repeat(255)) + word(0).repeat(3)],
  }],
  ["AUTH_SYS with a machine name of 256", {
    procedure: 0,
    credential: [1, word(4 + 4 + 256 + 12) + word(1) + text("m".repeat(256)) + word(0).repeat(3)],
  }],
  ["AUTH_NONE with a body", { procedure: 0, credential: [0, word(4) + word(1)] }],
  ["AUTH_SHORT", { procedure: 0, credential: [2, word(0)] }],
  ["AUTH_DH", { procedure: 0, credential: [3, word(0)] }],
  ["RPCSEC_GSS", { procedure: 0, credential: [6, word(0)] }],
  ["flavour 99", { procedure: 0, credential: [99, word(0)] }],
  ["flavour 99 of an unknown program", { procedure: 0, program: 5, credential: [99, word(0)] }],
  ["a credential of 400 bytes", { procedure: 0, credential: [0, word(400) + word(0).repeat(100)] }],
  ["a credential of 404 bytes", {
    procedure: 0,
    credential: [0, word(404) + word(0).repeat(101)],
  }, true],
  ["a credential longer than the message", { procedure: 0, credential: [0, word(8)] }, true],
];

const MON_ARGS = mon({ monName: PEER }).args!;

/** Arguments that do not decode, and arguments that just do. */
const ARGUMENTS: readonly (readonly [string, Call])[] = [
  ["STAT of 1024 bytes", stat("a".repeat(1024))],
  ["STAT of 1025 bytes", stat("a".repeat(1025))],
  ["STAT of an endless string", { procedure: 1, args: word(-1) }],
  ["STAT without arguments", { procedure: 1 }],
  ["STAT without its last word", { procedure: 1, args: text("localhost").slice(0, -8) }],
  ["STAT with surplus bytes", { procedure: 1, args: text("localhost") + "ffffffff" }],
  ["STAT with odd padding", { procedure: 1, args: text("localhost").slice(0, -2) + "ff" }],
  ["MON without arguments", { procedure: 2 }],
  ["MON without its cookie", { procedure: 2, args: MON_ARGS.slice(0, -32) }],
  ["MON without its last word", { procedure: 2, args: MON_ARGS.slice(0, -8) }],
  ["MON with surplus bytes", { procedure: 2, args: MON_ARGS + "0000000100000002" }],
  ["MON with a my_name of 1025 bytes", mon({ monName: PEER, myName: "m".repeat(1025) })],
  ["UNMON without arguments", { procedure: 3 }],
  ["UNMON without my_proc", { procedure: 3, args: unmon({ monName: PEER }).args!.slice(0, -8) }],
  ["UNMON with surplus bytes", { procedure: 3, args: unmon({ monName: PEER }).args! + PRIV }],
  ["UNMON_ALL without arguments", { procedure: 4 }],
  ["UNMON_ALL with surplus bytes", { procedure: 4, args: unmonAll().args! + PRIV }],
  ["NOTIFY without arguments", { procedure: 6 }],
  ["NOTIFY without a state", { procedure: 6, args: text(PEER) }],
];

/** Arguments of a remote caller: are caller or arguments checked first? */
const FOREIGN_ARGUMENTS = ARGUMENTS.filter(([name]) => !/^(STAT|NOTIFY)/.test(name));

function rpcSteps(over: "udp" | "tcp", to: string): Step[] {
  return RPC_CALLS.map(([does, call, maybeSilent = false]) => ({
    does,
    call,
    over,
    to,
    maybeSilent,
  }));
}

function argumentSteps(over: "udp" | "tcp", calls = ARGUMENTS, from = {}): Step[] {
  return calls.map(([does, call]) => ({ does, call, over, from }));
}

export const RPC_SCENARIOS: readonly Scenario[] = [
  { name: "RPC over udp", host: NETWORK, steps: rpcSteps("udp", "127.0.0.1") },
  { name: "RPC over tcp", host: NETWORK, steps: rpcSteps("tcp", "127.0.0.1") },
  { name: "RPC over udp6", host: NETWORK, steps: rpcSteps("udp", "::1") },
  { name: "RPC over tcp6", host: NETWORK, steps: rpcSteps("tcp", "::1") },
  { name: "arguments over udp", host: NETWORK, steps: argumentSteps("udp") },
  { name: "arguments over tcp", host: NETWORK, steps: argumentSteps("tcp") },
  {
    name: "arguments of strangers",
    host: NETWORK,
    steps: argumentSteps("tcp", FOREIGN_ARGUMENTS, { address: "10.99.0.1" }),
  },
  {
    name: "bytes that are no call",
    steps: [
      { does: "an empty datagram", call: new Uint8Array(0), maybeSilent: true },
      { does: "one word", call: message(nullCall).slice(0, 4), maybeSilent: true },
      {
        does: "a header cut in the verifier",
        call: message(nullCall).slice(0, 36),
        maybeSilent: true,
      },
    ],
  },
];
