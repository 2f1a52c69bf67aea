/** Differential scenarios about the monitor list: registering, matching, removing and callbacks. */

import { mon, notify, OTHER_PRIV, simuCrash, stat, unmon, unmonAll } from "../support/nsm_calls.ts";
import { NETWORK, type Scenario } from "../support/scenario.ts";

const A = "10.99.9.1";
const B = "10.99.9.2";
const RESERVED = { port: 700 };

const REGISTRATIONS: Scenario = {
  name: "registrations",
  host: NETWORK,
  steps: [
    { does: "MON", call: mon({ monName: A }) },
    { does: "MON again", call: mon({ monName: A }) },
    { does: "MON with a new cookie", call: mon({ monName: A, priv: OTHER_PRIV }) },
    { does: "MON over tcp with the first cookie", call: mon({ monName: A }), over: "tcp" },
    { does: "MON by a second requester", call: mon({ monName: A, myName: "second" }) },
    { does: "MON by a third requester", call: mon({ monName: A, myName: "third" }) },
    {
      does: "MON by the second with a new cookie",
      call: mon({ monName: A, myName: "second", priv: OTHER_PRIV }),
    },
    { does: "MON of another peer", call: mon({ monName: B }) },
    { does: "UNMON of nobody", call: unmon({ monName: "10.99.9.9" }) },
    { does: "UNMON by a stranger", call: unmon({ monName: A, myName: "stranger" }) },
    { does: "UNMON with another version", call: unmon({ monName: A, version: 4 }) },
    { does: "UNMON with another procedure", call: unmon({ monName: A, procedure: 24 }) },
    { does: "UNMON with another program", call: unmon({ monName: A, program: 100003 }) },
    { does: "UNMON by the second", call: unmon({ monName: A, myName: "second" }) },
    { does: "UNMON by the second again", call: unmon({ monName: A, myName: "second" }) },
    { does: "UNMON by the first", call: unmon({ monName: A }) },
    { does: "UNMON of the last", call: unmon({ monName: A, myName: "third" }) },
    { does: "UNMON of the other peer", call: unmon({ monName: B }), over: "tcp" },
    { does: "UNMON of nobody at all", call: unmon({ monName: B }) },
    { does: "UNMON_ALL of nobody at all", call: unmonAll() },
  ],
};

const UNMON_ALL: Scenario = {
  name: "UNMON_ALL",
  steps: [
    { does: "MON", call: mon({ monName: A }) },
    { does: "MON of another peer", call: mon({ monName: B }) },
    { does: "MON by a second requester", call: mon({ monName: A, myName: "second name" }) },
    { does: "UNMON_ALL by a stranger", call: unmonAll({ myName: "stranger" }) },
    { does: "UNMON_ALL with another version", call: unmonAll({ version: 4 }) },
    { does: "UNMON_ALL with another procedure", call: unmonAll({ procedure: 24 }) },
    { does: "UNMON_ALL", call: unmonAll() },
    { does: "UNMON_ALL again", call: unmonAll() },
    { does: "MON again", call: mon({ monName: A }) },
    { does: "UNMON_ALL by the second", call: unmonAll({ myName: "second_name" }) },
  ],
};

const LETTER_CASE: Scenario = {
  name: "letter case",
  host: NETWORK,
  steps: [
    { does: "MON", call: mon({ monName: "peer.example" }) },
    { does: "MON in capitals", call: mon({ monName: "PEER.EXAMPLE" }) },
    {
      does: "MON in capitals, new cookie",
      call: mon({ monName: "PEER.EXAMPLE", priv: OTHER_PRIV }),
    },
    { does: "UNMON in capitals", call: unmon({ monName: "PEER.EXAMPLE" }) },
    { does: "MON once more", call: mon({ monName: "peer.example" }) },
    {
      does: "UNMON with my_name in capitals",
      call: unmon({ monName: "peer.example", myName: "THISHOST" }),
    },
    { does: "UNMON", call: unmon({ monName: "peer.example" }) },
  ],
};

/** Several lock managers of one requester and peer. */
const LOCK_MANAGERS: Scenario = {
  name: "lock managers of one host",
  steps: [
    { does: "MON version 3", call: mon({ monName: A, version: 3 }) },
    { does: "MON version 4", call: mon({ monName: A, version: 4, priv: OTHER_PRIV }) },
    { does: "MON procedure 24", call: mon({ monName: A, version: 3, procedure: 24 }) },
    { does: "NOTIFY", call: notify(A, 5), callbacks: 3 },
    { does: "UNMON version 4", call: unmon({ monName: A, version: 4 }) },
    { does: "NOTIFY after UNMON", call: notify(A, 7), callbacks: 2 },
    { does: "UNMON_ALL of version 3", call: unmonAll() },
    { does: "NOTIFY after UNMON_ALL", call: notify(A, 9), callbacks: 1 },
  ],
};

/** Names and addresses of one peer, some of them registered. */
const ALIASES: Scenario = {
  name: "aliases",
  host: NETWORK,
  steps: [
    { does: "MON by alias", call: mon({ monName: "peer" }) },
    { does: "MON by address", call: mon({ monName: "10.99.0.3" }) },
    { does: "MON by name", call: mon({ monName: "peer.example", priv: OTHER_PRIV }) },
    { does: "UNMON by address", call: unmon({ monName: "10.99.0.3" }) },
    { does: "UNMON by alias", call: unmon({ monName: "peer" }) },
    { does: "UNMON by name", call: unmon({ monName: "peer.example" }) },
    { does: "MON of the twin", call: mon({ monName: "twin.example" }) },
    { does: "UNMON of the twin by its second address", call: unmon({ monName: "10.99.0.6" }) },
    { does: "UNMON_ALL", call: unmonAll() },
  ],
};

const SIMU_CRASH: Scenario = {
  name: "SIMU_CRASH",
  steps: [
    { does: "SIMU_CRASH with nobody", call: simuCrash, from: RESERVED },
    { does: "MON", call: mon({ monName: A }) },
    { does: "SIMU_CRASH from an unprivileged port", call: simuCrash },
    {
      does: "SIMU_CRASH by a stranger",
      call: simuCrash,
      from: { address: "127.0.0.2", port: 1024 },
    },
    { does: "SIMU_CRASH", call: simuCrash, from: RESERVED },
    { does: "NOTIFY of the forgotten", call: notify(A, 5) },
    { does: "UNMON of the forgotten", call: unmon({ monName: A }) },
    { does: "MON of the forgotten", call: mon({ monName: A, priv: OTHER_PRIV }) },
    { does: "NOTIFY", call: notify(A, 7), callbacks: 1 },
    { does: "SIMU_CRASH over tcp", call: simuCrash, over: "tcp", from: RESERVED },
    { does: "UNMON", call: unmon({ monName: A }) },
  ],
};

const NOTICES: Scenario = {
  name: "notices",
  host: NETWORK,
  steps: [
    { does: "NOTIFY with nobody monitored", call: notify(A, 5) },
    { does: "MON", call: mon({ monName: A }) },
    { does: "MON of another peer", call: mon({ monName: B, priv: OTHER_PRIV }) },
    { does: "state 0 first", call: notify(A, 0) },
    { does: "state 5", call: notify(A, 5), callbacks: 1 },
    { does: "state 5 again", call: notify(A, 5) },
    { does: "a lower state", call: notify(A, 3), callbacks: 1 },
    { does: "an even state", call: notify(A, 4), callbacks: 1 },
    { does: "a negative state", call: notify(A, -1), callbacks: 1 },
    { does: "state 0", call: notify(A, 0), callbacks: 1 },
    { does: "the highest state", call: notify(A, 0x7fffffff), callbacks: 1 },
    { does: "a stranger's name", call: notify("nobody.example", 5) },
    { does: "no name", call: notify("", 5) },
    { does: "the other peer over tcp", call: notify(B, 5), over: "tcp", callbacks: 1 },
    { does: "the other peer over udp6", call: notify(B, 7), to: "::1", callbacks: 1 },
    { does: "the other peer over tcp6", call: notify(B, 9), to: "::1", over: "tcp", callbacks: 1 },
    { does: "UNMON", call: unmon({ monName: A }) },
    { does: "NOTIFY after UNMON", call: notify(A, 11) },
    { does: "the other peer again", call: notify(B, 11), callbacks: 1 },
  ],
};

/** Matching of a peer by its name, its alias, its address and the source of a notice. */
const MATCHING: Scenario = {
  name: "whom a notice speaks of",
  host: NETWORK,
  steps: [
    { does: "MON of a name", call: mon({ monName: "peer.example" }) },
    { does: "MON of an IPv6 address", call: mon({ monName: "fd99::3", priv: OTHER_PRIV }) },
    { does: "by its name", call: notify("peer.example", 5), callbacks: 1 },
    { does: "by its name in capitals", call: notify("Peer.EXAMPLE", 7), callbacks: 1 },
    { does: "by its alias", call: notify("peer", 9), callbacks: 1 },
    { does: "by its address", call: notify("10.99.0.3", 11), callbacks: 1 },
    {
      does: "by the source address",
      call: notify("nobody.example", 13),
      to: "10.99.0.1",
      from: { address: "10.99.0.3" },
      callbacks: 1,
    },
    {
      does: "by the source address over tcp",
      call: notify("nobody.example", 15),
      over: "tcp",
      to: "10.99.0.1",
      from: { address: "10.99.0.3" },
      callbacks: 1,
    },
    { does: "the second by its address", call: notify("fd99::3", 17), callbacks: 1 },
    { does: "the second by its name", call: notify("peer6.example", 19), callbacks: 1 },
    {
      does: "the second by the source address",
      call: notify("", 21),
      to: "fd99::1",
      from: { address: "fd99::3" },
      callbacks: 1,
    },
    {
      does: "one by name and one by source",
      call: notify("peer.example", 23),
      to: "fd99::1",
      from: { address: "fd99::3" },
      callbacks: 2,
    },
    { does: "MON by a second requester", call: mon({ monName: "peer.example", myName: "second" }) },
    { does: "both requesters", call: notify("peer.example", 25), callbacks: 2 },
  ],
};

const CALLOUTS: Scenario = {
  name: "callouts",
  hasCallout: true,
  host: NETWORK,
  steps: [
    { does: "NOTIFY with nobody monitored", call: notify(A, 5) },
    { does: "MON", call: mon({ monName: A, myName: "my name" }) },
    { does: "MON again", call: mon({ monName: A, myName: "my name" }) },
    {
      does: "MON with a new cookie",
      call: mon({ monName: A, myName: "my name", priv: OTHER_PRIV }),
    },
    { does: "MON that is refused", call: mon({ monName: "../x" }) },
    { does: "MON by a stranger", call: mon({ monName: B }), to: "10.99.0.1" },
    { does: "MON of another peer", call: mon({ monName: B }) },
    { does: "MON by a second requester", call: mon({ monName: A }) },
    { does: "NOTIFY", call: notify(A, 5), callbacks: 2 },
    { does: "NOTIFY again", call: notify(A, 5) },
    { does: "NOTIFY of state 0", call: notify(A, 0), callbacks: 2 },
    { does: "NOTIFY of a negative state", call: notify(A, -5), callbacks: 2 },
    { does: "NOTIFY of a shell's letters", call: notify("a b;$(x)\n'*", 5) },
    { does: "NOTIFY of two bytes", call: notify("h\xc3\xb6st", 5) },
    { does: "NOTIFY of one byte", call: notify("h\xf6st", 5) },
    { does: "NOTIFY over udp6", call: notify(B, 5), to: "::1", callbacks: 1 },
    { does: "STAT", call: stat("localhost") },
    { does: "UNMON", call: unmon({ monName: A, myName: "my name" }) },
    { does: "UNMON again", call: unmon({ monName: A, myName: "my name" }) },
    { does: "UNMON_ALL", call: unmonAll() },
    { does: "MON once more", call: mon({ monName: A }) },
    { does: "SIMU_CRASH", call: simuCrash, from: RESERVED },
  ],
};

export const LIST_SCENARIOS: readonly Scenario[] = [
  REGISTRATIONS,
  UNMON_ALL,
  LETTER_CASE,
  LOCK_MANAGERS,
  ALIASES,
  SIMU_CRASH,
  NOTICES,
  MATCHING,
  CALLOUTS,
];
