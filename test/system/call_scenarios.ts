/** Differential scenarios about single calls: names, callers, and what may be registered. */

import { mon, simuCrash, stat, unmon, unmonAll } from "../support/nsm_calls.ts";
import { NETWORK, type Scenario, type Step } from "../support/scenario.ts";

/** A peer without a name. */
const PEER = "10.99.0.9";

/** Names in every form; judged by hostNameFault() here, and by the name service in Debian's program. */
const NAMES: readonly string[] = [
  "localhost",
  "127.0.0.1",
  "::1",
  "peer.example",
  "peer",
  "PEER.Example",
  "10.99.0.3",
  "fd99::3",
  "FD99:0::0:3",
  "::ffff:10.99.0.3",
  "mixedcase.example",
  "twin.example",
  "10.99.0.6",
  PEER,
  "fd99::9",
  "127.2",
  "0x7f000001",
  "010.99.0.9",
  "fe80::1%lo",
  "nobody.example",
  "peer.example.",
  "",
  ".",
  "..",
  ".hidden",
  "../sm.bak/x",
  "a/b",
  "/etc/passwd",
  "a b",
  "a\tb",
  "a\nb",
  "a\0b",
  "peer\0",
  "h\xf6st",
  "%s%n",
  "peer.example:1",
  "-",
  "peer.new",
];

const ALL_NAMES = [
  ...NAMES.map((name) => [JSON.stringify(name), name] as const),
  ...[255, 256, 1024].map((length) => [`${length} bytes`, "a".repeat(length)] as const),
];

const CALLERS: readonly (readonly [string, string, string, number?])[] = [
  ["127.0.0.1", "127.0.0.1", "127.0.0.1"],
  ["127.0.0.1 port 700", "127.0.0.1", "127.0.0.1", 700],
  ["127.0.0.1 port 1023", "127.0.0.1", "127.0.0.1", 1023],
  ["127.0.0.1 port 1024", "127.0.0.1", "127.0.0.1", 1024],
  ["127.0.0.2", "127.0.0.2", "127.0.0.1"],
  ["127.0.0.2 port 700", "127.0.0.2", "127.0.0.1", 700],
  ["10.99.0.1", "10.99.0.1", "10.99.0.1"],
  ["10.99.0.1 port 700", "10.99.0.1", "10.99.0.1", 700],
  ["10.99.0.1 to loopback", "10.99.0.1", "127.0.0.1"],
  ["::1", "::1", "::1"],
  ["::1 port 700", "::1", "::1", 700],
  ["fd99::1", "fd99::1", "fd99::1"],
  ["fd99::1 port 700", "fd99::1", "fd99::1", 700],
];

/** Each caller registers a peer of its own, for a requester of its own; SIMU_CRASH comes last. */
function callerSteps(over: "udp" | "tcp"): Step[] {
  return CALLERS.flatMap(([who, address, to, port]) => {
    const from = { address, ...(port === undefined ? {} : { port }) };
    const reach = { over, to, from };
    // A TCP connection keeps its pair of ports for a while, so each call has its own address.
    const isTaken = over === "tcp" && port !== undefined;
    const myName = `requester ${who}`.replaceAll(" ", "-");
    const peer = { monName: "10.99.9.1", myName };
    const all: Step[] = [
      { does: `MON by ${who}`, call: mon(peer), ...reach },
      { does: `STAT by ${who}`, call: stat(PEER), ...reach },
      { does: `UNMON by ${who}`, call: unmon(peer), ...reach },
      { does: `MON again by ${who}`, call: mon(peer), ...reach },
      { does: `UNMON_ALL by ${who}`, call: unmonAll({ myName }), ...reach },
      { does: `SIMU_CRASH by ${who}`, call: simuCrash, ...reach },
    ];
    return isTaken ? all.slice(-1) : all;
  });
}

const LOCK_MANAGERS: readonly (readonly [program: number, version: number, procedure: number])[] = [
  [100021, 3, 16],
  [100021, 4, 16],
  [100021, 1, 16],
  [100021, 0, 16],
  [100021, -1, 16],
  [100021, 3, 24],
  [100021, 4, 24],
  [100021, 3, 17],
  [100021, 3, 0],
  [100021, 3, 1],
  [100021, 0, 1], // FreeBSD, macOS
  [100021, 1, 1],
  [100021, 2, 17], // illumos
  [100021, 4, 17],
  [100021, 3, 5],
  [100021, 3, -16],
  [100003, 3, 16],
  [100024, 1, 6],
  [0, 3, 16],
  [-1, 3, 16],
];

const MY_NAMES: readonly string[] = [
  "",
  "my name",
  "my\tname",
  "my\r\nname",
  " leading",
  "trailing ",
  "a/b",
  "../x",
  ".hidden",
  "h\xf6st",
  "my\x0bname",
  "my\x01name",
  "my\0name",
  "m".repeat(1024 - "10.99.9.13".length),
  "m".repeat(1025 - "10.99.9.14".length),
  "m".repeat(1024),
];

/** A separate peer for each case, so that cases do not share a file. */
const peerOf = (index: number) => `10.99.9.${index}`;

export const CALL_SCENARIOS: readonly Scenario[] = [
  {
    name: "names in STAT",
    host: NETWORK,
    steps: ALL_NAMES.map(([does, name]) => ({ does, call: stat(name) })),
  },
  {
    name: "names in MON",
    host: NETWORK,
    steps: ALL_NAMES.flatMap(([does, monName]): Step[] => [
      { does: `MON ${does}`, call: mon({ monName }) },
      { does: `UNMON ${does}`, call: unmon({ monName }) },
    ]),
  },
  { name: "callers over udp", host: NETWORK, steps: callerSteps("udp") },
  { name: "callers over tcp", host: NETWORK, steps: callerSteps("tcp") },
  {
    name: "lock managers",
    steps: LOCK_MANAGERS.map(([program, version, procedure], index) => ({
      does: `${program} version ${version} procedure ${procedure}`,
      call: mon({ monName: peerOf(index), program, version, procedure }),
    })),
  },
  {
    name: "my_name",
    steps: MY_NAMES.map((myName, index) => ({
      does: myName.length > 20 ? `${myName.length} bytes` : JSON.stringify(myName),
      call: mon({ monName: peerOf(index), myName }),
    })),
  },
];
