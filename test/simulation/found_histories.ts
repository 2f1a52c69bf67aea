/**
 * Histories that the simulation has found and shortened, each with what was wrong. A seed tells another
 * history when the generator changes; these stay.
 *
 * How soon it finds what was mended, when one mend at a time is taken back: `deno task reversals` says it anew.
 *
 * | what was wrong                                                          | seed | after | invariant |
 * | ----------------------------------------------------------------------- | ---- | ----- | --------- |
 * | B1: SM_UNMON deletes the record of the SM_MON behind it                 | 12   | 0.8 s | 1         |
 * | B3: a restart tells lock managers of state 0 after a declaration        | 11   | 0.7 s | 2         |
 * | B5: an error of the disk in the middle of a turn ends sm-notify         | 2875 | over 60 s | 4         |
 * | B9: a start of sm-notify that fails uses up the run of the boot         | 54   | 3.2 s | 3         |
 * | a notice whose peer was not looked up yet concerns nobody (matching.md) | 0    | 1.3 s | 2         |
 */

import type { Event, History, Settings } from "./history.ts";

const CALM: Settings = {
  sourceCheck: "warn",
  calloutMs: undefined,
  hasOwnName: false,
  syncsNames: false,
  loss: 0,
  duplicates: 0,
};

function history(seed: number, events: readonly Event[], changes: Partial<Settings> = {}): History {
  return { seed, settings: { ...CALM, ...changes }, events };
}

/** A peer whose address has no name. */
const peer = "p2.site";
const host = 2;
const from = "10.0.0.12";

export const FOUND: Readonly<Record<string, History>> = {
  "B1: SM_MON while SM_UNMON of the same registration waits for its callout": history(12, [
    { at: 100, kind: "mon", peer, by: 0, cookie: 2 },
    { at: 100, turns: 10, kind: "unmon", peer, by: 2 },
    { at: 100, turns: 15, kind: "mon", peer, by: 0, cookie: 0 },
  ], { calloutMs: 500 }),
  "B1: SM_MON in other letters while the registration is being forgotten": history(1, [
    { at: 3890, kind: "mon", peer, by: 2, cookie: 1 },
    { at: 4567, kind: "forget", peer },
    { at: 4567, kind: "mon", peer, by: 0, cookie: 2 },
  ], { calloutMs: 500 }),
  "B3: a restart after a declaration": history(141, [
    { at: 4213, kind: "mon", peer, by: 1, cookie: 1 },
    { at: 10_499, kind: "declare", peer },
    { at: 16_979, kind: "stopStatd" },
  ]),
  "B5: a stale file handle while a peer is not found": history(2703, [
    { at: 1527, kind: "mon", peer: "p4.site", by: 2, cookie: 2 },
    { at: 3726, turns: 4, kind: "powerCut", changes: 0 },
    {
      at: 5066,
      kind: "disk",
      ms: 55_837,
      operation: "facts",
      reason: "Stale file handle (os error 116)",
      path: "/",
    },
    { at: 7725, turns: 1, kind: "mon", peer: "p4.site", by: 1, cookie: 1 },
  ]),
  "B9: sm-notify is killed at its start": history(85, [
    { at: 7049, kind: "killNotifier", changes: 3 },
    { at: 7977, kind: "mon", peer: "p0.site", by: 1, cookie: 0 },
    { at: 9000, kind: "powerCut", changes: 0 },
  ]),
  "B9: our own name is not found at a boot": history(9, [
    { at: 100, kind: "mon", peer, by: 0, cookie: 1 },
    { at: 5000, kind: "names", mode: "failing", ms: 60_000 },
    { at: 5000, kind: "powerCut", changes: 0 },
  ], { hasOwnName: true }),
  "matching.md: a stranger's notice from an address whose owner is being looked up": history(0, [
    { at: 174, kind: "mon", peer, by: 1, cookie: 0 },
    { at: 174, kind: "reboots", host, as: "stranger", from },
  ]),
  "matching.md: the same while the name service is silent": history(0, [
    { at: 100, kind: "names", mode: "silent", ms: 30_000 },
    { at: 174, kind: "mon", peer, by: 1, cookie: 0 },
    { at: 300, kind: "reboots", host, as: "stranger", from },
  ]),
  "matching.md: the same and a restart before it is back": history(0, [
    { at: 100, kind: "names", mode: "silent", ms: 90_000 },
    { at: 174, kind: "mon", peer, by: 1, cookie: 0 },
    { at: 300, kind: "reboots", host, as: "stranger", from },
    { at: 20_000, kind: "killStatd", changes: 0 },
  ]),
  "SM_UNMON while the lock manager is away that has to be told": history(28, [
    { at: 7057, kind: "lockd", ms: 5621, moves: false },
    { at: 9953, turns: 8, kind: "mon", peer: "p0.site", by: 2, cookie: 0 },
    { at: 9953, turns: 12, kind: "reboots", host: 0, as: "P0.SITE", from: "10.0.0.10" },
    { at: 11_491, kind: "unmon", peer: "p0.site", by: 0 },
  ]),
  "two notices whose callouts take differently long": history(129, [
    { at: 100, kind: "mon", peer: "p1.site", by: 2, cookie: 1 },
    { at: 8256, kind: "reboots", host: 1, as: "p1.site", from: "10.0.1.11" },
    { at: 8256, kind: "reboots", host: 1, as: "P1.SITE", from: "10.0.1.11" },
  ], { sourceCheck: "off", calloutMs: 500 }),
  "a notice that a declaration overtakes": history(105, [
    { at: 8938, kind: "mon", peer: "10.0.0.12", by: 0, cookie: 3 },
    { at: 24_343, turns: 11, kind: "reboots", host, as: "stranger", from },
    { at: 26_332, turns: 15, kind: "mon", peer, by: 2, cookie: 2 },
    { at: 31_651, turns: 12, kind: "declare", peer: "10.0.0.12" },
  ], { sourceCheck: "off", calloutMs: 5_000 }),
  "sm-notify fails behind the move of new records": history(115, [
    { at: 19_460, kind: "mon", peer: "p4.site", by: 2, cookie: 3 },
    { at: 25_934, turns: 1, kind: "mon", peer, by: 1, cookie: 0 },
    { at: 25_934, turns: 11, kind: "powerCut", changes: 3 },
    { at: 33_016, turns: 10, kind: "killNotifier", changes: 0 },
    {
      at: 56_416,
      kind: "disk",
      ms: 9721,
      operation: "read",
      reason: "Permission denied (os error 13)",
      path: "/sm.bak/",
    },
  ]),
  "two files of one peer in two letter cases are forgotten together": history(1, [
    { at: 3890, kind: "mon", peer, by: 2, cookie: 1 },
    { at: 3890, turns: 4, kind: "mon", peer: "P2.SITE", by: 1, cookie: 1 },
    { at: 9000, kind: "forget", peer },
  ]),
  "two files of one peer in two letter cases, and a new cookie": history(1194, [
    { at: 100, kind: "mon", peer: "P1.SITE", by: 2, cookie: 1 },
    { at: 100, turns: 8, kind: "mon", peer: "p1.site", by: 1, cookie: 3 },
    { at: 100, kind: "mon", peer: "p1.site", by: 2, cookie: 2 },
  ]),
  "the last who waits for news of a peer is unmonitored before a restart": history(7825, [
    { at: 420, turns: 11, kind: "mon", peer: "p4.site", by: 1, cookie: 3 },
    { at: 2044, kind: "mon", peer: "p4.site", by: 2, cookie: 2 },
    { at: 2793, turns: 13, kind: "declare", peer: "p4.site" },
    { at: 4707, turns: 15, kind: "unmon", peer: "p4.site", by: 2 },
    { at: 4707, kind: "stopStatd" },
  ], { sourceCheck: "enforce", loss: 0.05 }),
  "SM_SIMU_CRASH while SM_MON is on its way to the disk": history(1109, [
    { at: 408, turns: 9, kind: "mon", peer: "P4.SITE", by: 0, cookie: 1 },
    { at: 408, turns: 5, kind: "simuCrash" },
  ], { sourceCheck: "off" }),
  "SM_MON in other letters behind SM_SIMU_CRASH, and SM_UNMON": history(35, [
    { at: 159, kind: "mon", peer: "p3.site", by: 0, cookie: 2 },
    { at: 301, kind: "lockd", ms: 1660, moves: true },
    { at: 393, kind: "reboots", host: 3, as: "p3.site", from: "10.0.0.13" },
    { at: 499, turns: 5, kind: "simuCrash" },
    { at: 534, turns: 14, kind: "mon", peer: "P3.SITE", by: 0, cookie: 1 },
    { at: 536, kind: "unmon", peer: "p3.site", by: 2 },
  ], { sourceCheck: "off" }),
  "a removal that fails behind SM_MON and SM_UNMON of the registration": history(1000553, [
    { at: 100, kind: "mon", peer: "p0.site", by: 0, cookie: 0 },
    { at: 100, turns: 0, kind: "forget", peer: "p0.site" },
    { at: 100, turns: 6, kind: "mon", peer: "p0.site", by: 1, cookie: 0 },
    { at: 100, kind: "mon", peer: "p0.site", by: 1, cookie: 2 },
    { at: 100, kind: "mon", peer: "p0.site", by: 1, cookie: 1 },
    { at: 100, turns: 4, kind: "unmon", peer: "p0.site", by: 1 },
    { at: 100, turns: 12, kind: "mon", peer: "p0.site", by: 0, cookie: 3 },
    { at: 100, kind: "unmon", peer: "p0.site", by: 0 },
    {
      at: 100,
      kind: "disk",
      ms: 4505,
      operation: "syncDirectory",
      reason: "Input/output error (os error 5)",
      path: "/",
    },
  ], { sourceCheck: "enforce", calloutMs: 1 }),
  "SM_UNMON while the record is being removed for another one": history(1000903, [
    { at: 100, turns: 14, kind: "mon", peer: "p2.site", by: 2, cookie: 2 },
    {
      at: 100,
      turns: 9,
      kind: "disk",
      ms: 116539,
      operation: "rename",
      reason: "Read-only file system (os error 30)",
      path: "/",
    },
    { at: 100, kind: "unmon", peer: "P2.SITE", by: 0 },
    { at: 100, kind: "mon", peer: "p2.site", by: 2, cookie: 0 },
    { at: 100, turns: 4, kind: "unmon", peer: "p2.site", by: 2 },
  ], { calloutMs: 500 }),
  "SM_UNMON_ALL behind SM_SIMU_CRASH, while SM_MON waits for its callout": history(1001401, [
    { at: 6228, kind: "mon", peer: "p0.site", by: 0, cookie: 1 },
    { at: 6817, kind: "unmonAll", by: 2 },
    { at: 10221, kind: "simuCrash" },
  ], { sourceCheck: "enforce", calloutMs: 5000 }),
  "news of before a reboot of this host, and another registration of the peer": history(268, [
    { at: 6250, kind: "powerCut", changes: 8 },
    { at: 8000, turns: 3, kind: "mon", peer: "P2.SITE", by: 1, cookie: 1 },
    { at: 12749, kind: "declare", peer: "P2.SITE" },
    { at: 14883, kind: "mon", peer: "p2.site", by: 2, cookie: 3 },
    { at: 30255, kind: "stopStatd" },
  ], { sourceCheck: "enforce" }),
  "a notice that was over in the second life, and a third one": history(966, [
    { at: 38135, kind: "mon", peer: "p1.site", by: 2, cookie: 2 },
    { at: 38894, kind: "unmon", peer: "p1.site", by: 2 },
    { at: 45027, kind: "mon", peer: "p1.site", by: 1, cookie: 1 },
    { at: 45027, kind: "reboots", host: 1, as: "P1.SITE", from: "10.0.0.11" },
    { at: 45027, turns: 8, kind: "stopStatd" },
    { at: 47248, turns: 8, kind: "mon", peer: "10.0.1.11", by: 1, cookie: 3 },
    { at: 51849, kind: "killStatd", changes: 0 },
  ]),
  "the disk refuses to forget a notice that is over": history(1972, [
    { at: 100, turns: 0, kind: "mon", peer: "p1.site", by: 0, cookie: 0 },
    {
      at: 100,
      kind: "disk",
      ms: 5800,
      operation: "remove",
      reason: "Permission denied (os error 13)",
      path: "/sm/",
    },
    { at: 100, turns: 12, kind: "reboots", host: 1, as: "stranger", from: "10.0.0.11" },
    { at: 66793, kind: "mon", peer: "p1", by: 1, cookie: 0 },
    { at: 67074, kind: "killStatd", changes: 0 },
  ]),
  "SM_MON behind a notice whose callout runs still, and a kill": history(2580, [
    { at: 100, kind: "mon", peer: "p1.site", by: 2, cookie: 1 },
    { at: 722, kind: "reboots", host: 1, as: "10.0.1.11", from: "10.0.0.11" },
    { at: 722, turns: 15, kind: "mon", peer: "10.0.0.11", by: 1, cookie: 3 },
    { at: 722, kind: "names", mode: "failing", ms: 526 },
    { at: 1486, turns: 6, kind: "mon", peer: "p2.site", by: 0, cookie: 1 },
    { at: 1486, kind: "killStatd", changes: 10 },
    { at: 2481, turns: 13, kind: "mon", peer: "p0.site", by: 1, cookie: 2 },
  ], { calloutMs: 30 }),
  "a notice whose reply is lost, SM_MON, and a restart before it comes again": history(700209, [
    { at: 889, kind: "mon", peer: "p1.site", by: 0, cookie: 3 },
    { at: 1644, kind: "reboots", host: 1, as: "p1", from: "10.0.1.11" },
    { at: 2117, turns: 2, kind: "mon", peer: "p1.site", by: 1, cookie: 1 },
    { at: 3070, turns: 15, kind: "killStatd", changes: 0 },
  ], { loss: 0.05 }),
  "SM_MON that fails although its peer was heard of meanwhile": history(2001642, [
    { at: 100, turns: 0, kind: "mon", peer: "10.0.0.10", by: 0, cookie: 3 },
    {
      at: 100,
      turns: 1,
      kind: "disk",
      ms: 1849,
      operation: "create",
      reason: "No space left on device (os error 28)",
      path: "/",
    },
    { at: 100, kind: "reboots", host: 0, as: "stranger", from: "10.0.0.10" },
    {
      at: 100,
      turns: 3,
      kind: "disk",
      ms: 9913,
      operation: "write",
      reason: "No space left on device (os error 28)",
      path: "/state",
    },
    { at: 100, turns: 11, kind: "mon", peer: "10.0.0.10", by: 2, cookie: 0 },
  ]),
  "a peer is forgotten before SM_SIMU_CRASH, while its SM_MON waits for the callout": history(
    3001487,
    [
      { at: 24331, turns: 8, kind: "mon", peer: "P2.SITE", by: 1, cookie: 3 },
      { at: 24331, kind: "forget", peer: "p2.site" },
      { at: 24331, kind: "simuCrash" },
      { at: 25373, turns: 4, kind: "reboots", host: 2, as: "10.0.0.12", from: "10.0.0.12" },
    ],
    { calloutMs: 500 },
  ),
  "a notice right behind SM_SIMU_CRASH, while SM_MON is on its way to the disk": history(5000795, [
    { at: 103, turns: 12, kind: "mon", peer: "p2.site", by: 1, cookie: 1 },
    { at: 103, turns: 6, kind: "names", mode: "failing", ms: 8587 },
    { at: 103, turns: 5, kind: "simuCrash" },
    { at: 103, turns: 15, kind: "reboots", host: 2, as: "10.0.0.12", from: "10.0.0.12" },
  ]),
  "a peer is forgotten twice, while the callout runs and an SM_MON fails": history(
    5001539,
    [
      { at: 100, kind: "mon", peer: "p0.site", by: 2, cookie: 2 },
      { at: 100, kind: "forget", peer: "p0.site" },
      {
        at: 100,
        turns: 1,
        kind: "disk",
        ms: 5251,
        operation: "write",
        reason: "No space left on device (os error 28)",
        path: "/sm/",
      },
      { at: 253, turns: 2, kind: "mon", peer: "p0.site", by: 2, cookie: 3 },
      { at: 301, turns: 8, kind: "forget", peer: "p0.site" },
    ],
    { sourceCheck: "off", calloutMs: 500 },
  ),
  "a doubtful notice between two copies of a newer one": history(5000520, [
    { at: 100, turns: 1, kind: "mon", peer: "p1.site", by: 1, cookie: 3 },
    { at: 100, kind: "reboots", host: 1, as: "P1.SITE", from: "10.0.0.11" },
    { at: 504, kind: "notice", host: 1, as: "stranger", from: "10.0.1.11", ago: 1 },
  ], { calloutMs: 5000 }),
  "SM_UNMON_ALL and SM_MON come again after a restart, while a callback is under way": history(
    5001942,
    [
      { at: 10622, kind: "mon", peer: "p1.site", by: 2, cookie: 1 },
      { at: 10622, kind: "killStatd", changes: 8 },
      { at: 15717, turns: 5, kind: "unmonAll", by: 0 },
      { at: 15717, turns: 11, kind: "mon", peer: "10.0.0.11", by: 2, cookie: 0 },
      { at: 17579, turns: 7, kind: "reboots", host: 1, as: "P1.SITE", from: "10.0.1.11" },
    ],
    { syncsNames: true, duplicates: 0.05 },
  ),
  "SM_UNMON beside an SM_MON that the disk refuses": history(5001984, [
    {
      at: 190,
      turns: 2,
      kind: "disk",
      ms: 6549,
      operation: "syncDirectory",
      reason: "Input/output error (os error 5)",
      path: "/",
    },
    { at: 276, turns: 3, kind: "mon", peer: "p0.site", by: 0, cookie: 3 },
    { at: 276, turns: 14, kind: "peer", host: 0, ms: 104_039, fault: "rpcbind" },
    { at: 276, turns: 2, kind: "unmon", peer: "p0.site", by: 0 },
  ], { sourceCheck: "enforce", calloutMs: 1 }),
  "a copy of a notice arrives behind a newer one, while the callback is under way": history(
    5003938,
    [
      { at: 59_483, turns: 8, kind: "reboots", host: 2, as: "10.0.0.12", from: "10.0.0.12" },
      { at: 60_416, turns: 12, kind: "mon", peer: "P2.SITE", by: 2, cookie: 3 },
      { at: 60_416, turns: 0, kind: "notice", host: 2, as: "10.0.0.12", from: "10.0.0.12", ago: 2 },
      { at: 73_683, turns: 15, kind: "reboots", host: 2, as: "stranger", from: "10.0.0.12" },
      { at: 73_683, kind: "reboots", host: 2, as: "stranger", from: "10.0.0.12" },
    ],
    { duplicates: 0.05 },
  ),
  "a peer is forgotten before SM_SIMU_CRASH, while its SM_MON is on its way to the disk": history(
    5004212,
    [
      { at: 4177, turns: 8, kind: "mon", peer: "p3.site", by: 2, cookie: 0 },
      { at: 4177, turns: 5, kind: "forget", peer: "p3.site" },
      { at: 4177, kind: "simuCrash" },
      { at: 4915, kind: "reboots", host: 3, as: "p3.site", from: "10.0.0.13" },
    ],
  ),
  "a start that cannot read moves the list behind a run that was cut short": history(5004741, [
    { at: 26_557, turns: 12, kind: "powerCut", changes: 6 },
    { at: 37_707, turns: 10, kind: "mon", peer: "p4.site", by: 1, cookie: 1 },
    { at: 44_324, turns: 9, kind: "mon", peer: "p2.site", by: 2, cookie: 2 },
    { at: 47_187, kind: "killNotifier", changes: 0 },
    {
      at: 54_372,
      turns: 14,
      kind: "disk",
      ms: 117_401,
      operation: "read",
      reason: "Permission denied (os error 13)",
      path: "/",
    },
    { at: 61_170, turns: 1, kind: "stopStatd" },
    { at: 68_877, kind: "unmon", peer: "p2.site", by: 2 },
  ], { syncsNames: true }),
  "a record that could not be read at the start is registered again in other letters": history(
    5008817,
    [
      { at: 42_011, kind: "powerCut", changes: 5 },
      { at: 42_518, turns: 14, kind: "peer", host: 0, ms: 110_651, fault: "nsm" },
      { at: 101_718, kind: "mon", peer: "P0.SITE", by: 2, cookie: 2 },
      { at: 109_291, kind: "mon", peer: "P0.SITE", by: 1, cookie: 0 },
      { at: 109_291, kind: "mon", peer: "p0.site", by: 1, cookie: 1 },
      { at: 110_580, turns: 13, kind: "stopStatd" },
      {
        at: 110_580,
        turns: 1,
        kind: "disk",
        ms: 6845,
        operation: "facts",
        reason: "Stale file handle (os error 116)",
        path: "/",
      },
      { at: 129_607, kind: "mon", peer: "p0.site", by: 1, cookie: 0 },
    ],
    { sourceCheck: "off" },
  ),
  "a peer that was registered behind notices which are over reboots after a restart": history(
    5008962,
    [
      { at: 16_255, turns: 11, kind: "mon", peer: "p4.site", by: 1, cookie: 3 },
      { at: 16_255, kind: "reboots", host: 3, as: "p3", from: "10.0.0.13" },
      { at: 17_640, kind: "notice", host: 1, as: "stranger", from: "10.0.1.11", ago: 2 },
      { at: 20_505, kind: "mon", peer: "p1.site", by: 0, cookie: 2 },
      { at: 20_505, turns: 12, kind: "killStatd", changes: 5 },
      { at: 37_800, turns: 1, kind: "mon", peer: "P0.SITE", by: 0, cookie: 1 },
      { at: 48_574, kind: "reboots", host: 1, as: "10.0.1.11", from: "10.0.1.11" },
    ],
    { sourceCheck: "enforce" },
  ),
  "a copy of a notice arrives behind a declaration": history(5009657, [
    { at: 3679, kind: "reboots", host: 1, as: "stranger", from: "10.0.0.11" },
    { at: 13_984, kind: "mon", peer: "p1.site", by: 0, cookie: 1 },
    { at: 20_882, kind: "reboots", host: 1, as: "stranger", from: "10.0.0.11" },
    { at: 20_882, kind: "reboots", host: 1, as: "p1", from: "10.0.0.11" },
    { at: 47_668, turns: 1, kind: "reboots", host: 1, as: "stranger", from: "10.0.0.11" },
    { at: 47_668, turns: 14, kind: "declare", peer: "p1.site" },
  ], { sourceCheck: "off", duplicates: 0.05 }),
  "a stop between a notice and the reply to an SM_MON with another cookie": history(5010224, [
    { at: 32_873, kind: "mon", peer: "p0.site", by: 2, cookie: 0 },
    { at: 32_873, kind: "names", mode: "failing", ms: 3661 },
    { at: 35_994, kind: "reboots", host: 0, as: "stranger", from: "10.0.0.10" },
    { at: 35_994, kind: "mon", peer: "p0.site", by: 0, cookie: 3 },
    { at: 35_994, kind: "stopStatd" },
  ], { sourceCheck: "enforce", calloutMs: 1 }),
  "a start that cannot write leaves the run that was cut short to be carried on": history(5017533, [
    { at: 11_647, kind: "peer", host: 2, ms: 48_202, fault: "rpcbind" },
    { at: 11_647, turns: 14, kind: "mon", peer: "p2.site", by: 1, cookie: 0 },
    { at: 28_145, turns: 15, kind: "powerCut", changes: 0 },
    {
      at: 33_659,
      turns: 1,
      kind: "disk",
      ms: 95_687,
      operation: "sync",
      reason: "Input/output error (os error 5)",
      path: "/",
    },
    { at: 33_659, turns: 5, kind: "mon", peer: "10.0.0.12", by: 2, cookie: 3 },
    { at: 81_738, kind: "killNotifier", changes: 0 },
    { at: 109_155, turns: 14, kind: "names", mode: "failing", ms: 28_495 },
  ], { syncsNames: true }),
  "a copy of a notice arrives behind two newer ones": history(5021976, [
    { at: 100, kind: "mon", peer: "p0.site", by: 2, cookie: 3 },
    { at: 100, kind: "reboots", host: 0, as: "p0.site", from: "10.0.0.10" },
    { at: 18_184, kind: "mon", peer: "p0", by: 0, cookie: 2 },
    { at: 18_184, turns: 12, kind: "reboots", host: 0, as: "10.0.0.10", from: "10.0.0.10" },
    { at: 41_544, kind: "reboots", host: 0, as: "P0.SITE", from: "10.9.9.9" },
    { at: 41_544, kind: "reboots", host: 0, as: "p0", from: "10.0.0.10" },
    { at: 41_544, kind: "reboots", host: 0, as: "10.0.0.10", from: "10.9.9.9" },
    { at: 41_898, kind: "notice", host: 0, as: "P0.SITE", from: "10.0.0.10", ago: 2 },
  ]),
  "SIGUSR1 moves a record that is not acknowledged yet onto one of the boot before": history(
    5024290,
    [
      { at: 76_884, kind: "mon", peer: "p1.site", by: 2, cookie: 1 },
      { at: 76_884, turns: 12, kind: "powerCut", changes: 0 },
      { at: 76_884, turns: 0, kind: "killNotifier", changes: 3 },
      { at: 76_884, turns: 14, kind: "unmon", peer: "p1.site", by: 0 },
      { at: 84_940, turns: 4, kind: "mon", peer: "p1.site", by: 2, cookie: 2 },
      { at: 84_940, turns: 8, kind: "peer", host: 1, ms: 3428, fault: "rpcbind" },
      { at: 84_940, turns: 13, kind: "user1" },
    ],
    { calloutMs: 30 },
  ),
  "a lock manager asks again behind a run that told its peer and could not remove the record":
    history(
      5026829,
      [
        { at: 100, kind: "mon", peer: "p1.site", by: 2, cookie: 3 },
        { at: 100, turns: 11, kind: "mon", peer: "10.0.0.11", by: 1, cookie: 1 },
        { at: 1082, kind: "powerCut", changes: 0 },
        {
          at: 2737,
          kind: "disk",
          ms: 6681,
          operation: "remove",
          reason: "Permission denied (os error 13)",
          path: "/",
        },
        { at: 7051, kind: "unmon", peer: "P1.SITE", by: 2 },
      ],
      { sourceCheck: "off", calloutMs: 5000, hasOwnName: true },
    ),
  "a record that cannot be read in one run is told in the next": history(
    5026768,
    [
      { at: 12_095, kind: "mon", peer: "p1.site", by: 1, cookie: 0 },
      { at: 17_937, turns: 15, kind: "mon", peer: "p1.site", by: 0, cookie: 2 },
      { at: 17_937, turns: 13, kind: "mon", peer: "p1.site", by: 2, cookie: 3 },
      {
        at: 17_937,
        kind: "disk",
        ms: 47_572,
        operation: "rename",
        reason: "Read-only file system (os error 30)",
        path: "/",
      },
      { at: 17_937, turns: 15, kind: "powerCut", changes: 8 },
      { at: 23_611, kind: "killNotifier", changes: 0 },
      {
        at: 28_989,
        kind: "disk",
        ms: 88_179,
        operation: "read",
        reason: "Permission denied (os error 13)",
        path: "/sm.bak/",
      },
      { at: 28_989, kind: "mon", peer: "p1.site", by: 0, cookie: 1 },
      { at: 61_969, turns: 6, kind: "mon", peer: "p1.site", by: 1, cookie: 1 },
    ],
    { calloutMs: 5000 },
  ),
  "SM_MON in the letters of a copy that SM_SIMU_CRASH left fails behind its removal": history(
    5027632,
    [
      { at: 205, kind: "mon", peer: "p4.site", by: 0, cookie: 1 },
      { at: 307, kind: "simuCrash" },
      {
        at: 307,
        turns: 7,
        kind: "disk",
        ms: 10_112,
        operation: "sync",
        reason: "Input/output error (os error 5)",
        path: "/",
      },
      { at: 315, turns: 10, kind: "mon", peer: "P4.SITE", by: 0, cookie: 1 },
      { at: 357, kind: "mon", peer: "p4.site", by: 0, cookie: 3 },
    ],
    { syncsNames: true },
  ),
  "two starts of sm-notify at once, while the name service is slow about our name": history(
    5033338,
    [
      { at: 18_190, turns: 5, kind: "names", mode: "slow", ms: 69_107 },
      { at: 42_607, kind: "mon", peer: "p0.site", by: 2, cookie: 2 },
      { at: 48_384, turns: 5, kind: "killNotifier", changes: 7 },
      { at: 55_298, turns: 3, kind: "powerCut", changes: 0 },
      { at: 64_777, kind: "user1" },
      { at: 64_777, turns: 9, kind: "simuCrash" },
      { at: 81_830, kind: "mon", peer: "p3.site", by: 0, cookie: 3 },
    ],
    { sourceCheck: "enforce", hasOwnName: true },
  ),
  "SM_MON is answered while the number that sm-notify has drawn cannot be read": history(
    5033923,
    [
      { at: 106, turns: 3, kind: "mon", peer: "p0.site", by: 0, cookie: 2 },
      {
        at: 142,
        turns: 9,
        kind: "disk",
        ms: 105_266,
        operation: "facts",
        reason: "Stale file handle (os error 116)",
        path: "/sm.bak/",
      },
      { at: 171, kind: "user1" },
      { at: 202, kind: "mon", peer: "p0.site", by: 2, cookie: 2 },
      { at: 226, kind: "user1" },
      {
        at: 235,
        turns: 2,
        kind: "disk",
        ms: 7776,
        operation: "read",
        reason: "Permission denied (os error 13)",
        path: "/state",
      },
      { at: 297, kind: "mon", peer: "p1.site", by: 1, cookie: 3 },
    ],
    { sourceCheck: "enforce" },
  ),
  "SM_UNMON while SM_UNMON_ALL removes the registration in other letters": history(5038762, [
    { at: 100, kind: "mon", peer: "P3.SITE", by: 0, cookie: 3 },
    { at: 100, turns: 5, kind: "powerCut", changes: 0 },
    { at: 100, turns: 9, kind: "unmonAll", by: 2 },
    { at: 100, turns: 7, kind: "mon", peer: "p3.site", by: 2, cookie: 2 },
    { at: 100, kind: "unmon", peer: "p3.site", by: 0 },
  ], { sourceCheck: "off", calloutMs: 1 }),
  "the lock manager answers for the first of six reboots last, and a copy of that notice comes":
    history(5039828, [
      { at: 109, kind: "mon", peer: "10.0.0.12", by: 1, cookie: 0 },
      { at: 147, kind: "reboots", host, as: "stranger", from },
      { at: 156, kind: "notice", host, as: "P2.SITE", from, ago: 1 },
      { at: 207, turns: 12, kind: "reboots", host, as: "10.0.0.12", from },
      { at: 214, kind: "reboots", host, as: "stranger", from },
      { at: 276, kind: "reboots", host, as: "stranger", from },
      { at: 355, kind: "reboots", host, as: "p2.site", from },
    ], { loss: 0.05, duplicates: 0.05 }),
};
