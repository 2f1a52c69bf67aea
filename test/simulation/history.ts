/** Histories of a simulated world: generated from a seed, shortened, and printed. */

import { seededRandom } from "../support/seeded_random.ts";
import type { Operation } from "../support/fragile_disk.ts";
import { HOSTS, type NameServiceMode, namesOf } from "./names.ts";

/** Settings of the daemon that SIGHUP can change. */
export interface LiveSettings {
  readonly sourceCheck: "off" | "warn" | "enforce";
  /** Duration of the HA callout in ms; undefined without a callout. */
  readonly calloutMs: number | undefined;
}

/** Properties of a world at its beginning. */
export interface Settings extends LiveSettings {
  /** Whether sm-notify gets a name by `-v`. */
  readonly hasOwnName: boolean;
  /** Whether a sync of a file makes its name durable, as on ext4. */
  readonly syncsNames: boolean;
  /** Shares of lost and of duplicated datagrams. */
  readonly loss: number;
  readonly duplicates: number;
}

/** Requesters: identities of lock managers. */
export const REQUESTERS = [
  { myName: "us", myVers: 4 },
  { myName: "us", myVers: 3 },
  { myName: "US", myVers: 4 },
] as const;

export type Incident =
  | { readonly kind: "mon"; readonly peer: string; readonly by: number; readonly cookie: number }
  | { readonly kind: "unmon"; readonly peer: string; readonly by: number }
  | { readonly kind: "unmonAll"; readonly by: number }
  | { readonly kind: "simuCrash" }
  | { readonly kind: "stat" }
  /** A peer reboots, and announces the reboot under this name. */
  | { readonly kind: "reboots"; readonly host: number; readonly as: string; readonly from: string }
  /** Delayed notice of an earlier boot, `ago` boots of the peer before. */
  | {
    readonly kind: "notice";
    readonly host: number;
    readonly as: string;
    readonly from: string;
    readonly ago: number;
  }
  /** `also`: the peer is named twice in the request. */
  | { readonly kind: "forget"; readonly peer: string; readonly also?: string }
  | { readonly kind: "declare"; readonly peer: string }
  | { readonly kind: "register" }
  | { readonly kind: "killStatd"; readonly changes: number }
  | { readonly kind: "stopStatd" }
  | { readonly kind: "user1" }
  /** SIGHUP, behind a change of the settings. */
  | { readonly kind: "reload" } & LiveSettings
  /** The wall clock gets an offset, or is corrected. */
  | { readonly kind: "clock"; readonly errorMs: number }
  | { readonly kind: "killNotifier"; readonly changes: number }
  | { readonly kind: "powerCut"; readonly changes: number }
  | { readonly kind: "names"; readonly mode: NameServiceMode; readonly ms: number }
  | { readonly kind: "rpcbind"; readonly ms: number }
  | { readonly kind: "lockd"; readonly ms: number; readonly moves: boolean }
  | {
    readonly kind: "peer";
    readonly host: number;
    readonly ms: number;
    readonly fault: "nsm" | "rpcbind" | "unreachable";
  }
  | {
    readonly kind: "disk";
    readonly ms: number;
    readonly operation: Operation;
    readonly reason: string;
    readonly path: string;
  };

export type Kind = Incident["kind"];

/** Event: time in ms, and turns of the microtask queue before the next one may happen. */
export type Event = Incident & { readonly at: number; readonly turns?: number };

export interface History {
  readonly seed: number;
  readonly settings: Settings;
  readonly events: readonly Event[];
}

/** Relative frequencies of the kinds. */
type Weights = Readonly<Record<Kind, number>>;

/** Usual weights: few faults, so that guarantees have time to be met. */
const USUAL: Weights = {
  mon: 26,
  unmon: 12,
  unmonAll: 2,
  simuCrash: 1,
  stat: 2,
  reboots: 14,
  notice: 4,
  forget: 2,
  declare: 3,
  register: 1,
  killStatd: 3,
  stopStatd: 3,
  user1: 1,
  reload: 1,
  clock: 1,
  killNotifier: 3,
  powerCut: 3,
  names: 5,
  rpcbind: 2,
  lockd: 3,
  peer: 3,
  disk: 3,
};
export const KINDS = Object.keys(USUAL) as Kind[];

const EVENTS_MAX = 40;
/** Events of a history of the long mode: the end of each history costs as much as 20 events. */
const SWARM_EVENTS_MAX = 400;
/** Weight of SM_MON there, without which other events have no effect; that of other kinds is 0 or 2. */
const SWARM_MON = 4;
/** Maximum time span of a history, in ms. */
const LENGTH_MAX_MS = 240_000;
const OUTAGE_MAX_MS = 120_000;
const YEAR_MS = 365 * 24 * 3_600_000;
/** Maximum number of disk changes before a kill; a commit has about ten. */
const CHANGES_MAX = 12;

const DISK_FAULTS: readonly (readonly [Operation, string])[] = [
  ["create", "No space left on device (os error 28)"],
  ["write", "No space left on device (os error 28)"],
  ["sync", "Input/output error (os error 5)"],
  ["rename", "Read-only file system (os error 30)"],
  ["remove", "Permission denied (os error 13)"],
  ["syncDirectory", "Input/output error (os error 5)"],
  ["append", "Input/output error (os error 5)"],
  ["facts", "Stale file handle (os error 116)"],
  ["read", "Permission denied (os error 13)"],
  ["syncWithName", "Input/output error (os error 5)"],
  ["list", "Input/output error (os error 5)"],
  ["reuse", "Input/output error (os error 5)"],
  ["overwrite", "Read-only file system (os error 30)"],
];
const DISK_PATHS = ["/sm/", "/sm/p", "/sm.bak/", "/.notices", "/.peers", "/state", "/"];

/**
 * Generates a history of the long mode, by swarm testing: each one has half of the kinds, all equally
 * frequent. So rare kinds come often, and no kind keeps others from having consequences in all
 * histories, as reboots of this host do.
 *
 * Source: A. Groce et al., Swarm Testing, ISSTA 2012.
 */
export function swarm(seed: number): History {
  const { random } = seededRandom(-1 - seed); // other choices than those of generate()
  const weights = Object.fromEntries(KINDS.map((kind) => [kind, 2 * random(2)]));
  return generate(seed, { ...weights as Weights, mon: SWARM_MON }, SWARM_EVENTS_MAX);
}

/** Generates the history of a seed. */
export function generate(seed: number, weights = USUAL, eventsMax = EVENTS_MAX): History {
  const { random } = seededRandom(seed);
  const one = <T>(choices: readonly T[]): T => choices[random(choices.length)]!;
  const once = (times: number) => random(times) === 0;
  const live = (): LiveSettings => ({
    sourceCheck: one(["off", "warn", "warn", "enforce"]),
    calloutMs: once(3) ? one([1, 30, 500, 5_000]) : undefined,
  });
  const settings: Settings = {
    ...live(),
    hasOwnName: once(3),
    syncsNames: once(2),
    loss: once(2) ? 0 : 0.05,
    duplicates: once(2) ? 0 : 0.05,
  };
  const focus = once(3) ? HOSTS.map((_, i) => i) : [random(HOSTS.length)];
  const host = () => one(focus);
  const peerName = () => {
    const { name, addresses } = HOSTS[host()]!;
    return once(3) ? one([...namesOf(HOSTS[host()]!), ...addresses]) : name;
  };
  const kinds = KINDS.flatMap((kind) => Array<Kind>(weights[kind]).fill(kind));
  const notice = () => {
    const number = host();
    const { addresses } = HOSTS[number]!;
    const as = once(3) ? "stranger" : one([...namesOf(HOSTS[number]!), ...addresses]);
    return { host: number, as, from: once(12) ? "10.9.9.9" : one(addresses) };
  };
  const changes = () => once(2) ? 0 : random(CHANGES_MAX);
  const ms = () => 500 + random(once(3) ? OUTAGE_MAX_MS : 10_000);
  const incident = (kind: Kind): Incident => {
    switch (kind) {
      case "mon":
        return { kind, peer: peerName(), by: random(REQUESTERS.length), cookie: random(4) };
      case "unmon":
        return { kind, peer: peerName(), by: random(REQUESTERS.length) };
      case "unmonAll":
        return { kind, by: random(REQUESTERS.length) };
      case "reboots":
        return { kind, ...notice() };
      case "notice":
        return { kind, ...notice(), ago: random(3) };
      case "forget":
        return once(3) ? { kind, peer: peerName(), also: peerName() } : { kind, peer: peerName() };
      case "declare":
        return { kind, peer: peerName() };
      case "killStatd":
      case "killNotifier":
      case "powerCut":
        return { kind, changes: changes() };
      case "names":
        return { kind, mode: one(["slow", "failing", "silent"]), ms: ms() };
      case "clock":
        return { kind, errorMs: one([0, -1, 1]) * one([1_000, 3_600_000, 10 * YEAR_MS]) };
      case "reload":
        return { kind, ...live() };
      case "rpcbind":
        return { kind, ms: ms() };
      case "lockd":
        return { kind, ms: ms(), moves: once(2) };
      case "peer":
        return { kind, host: host(), ms: ms(), fault: one(["nsm", "rpcbind", "unreachable"]) };
      case "disk": {
        const [operation, reason] = one(DISK_FAULTS);
        return { kind, ms: ms(), operation, reason, path: one(DISK_PATHS) };
      }
      default:
        return { kind };
    }
  };
  const events: Event[] = [];
  const length = 1 + random(eventsMax);
  const pace = one([0, 20, 500, 5_000, LENGTH_MAX_MS / EVENTS_MAX]);
  for (let at = 100; events.length < length;) {
    const event = incident(one(kinds));
    if (once(2)) at += Math.floor(random(2 * pace + 1));
    const turns = once(2) ? random(16) : undefined;
    events.push(turns === undefined ? { at, ...event } : { at, turns, ...event });
  }
  return { seed, settings, events };
}

/** A history as lines for display. */
export function tell({ seed, settings, events }: History): string[] {
  const set = Object.entries(settings).filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => `${name} ${value}`).join(", ");
  return [
    `seed ${seed}: ${set}`,
    ...events.map(({ at, turns, kind, ...rest }) => {
      const details = Object.entries(rest).map(([name, value]) => `${name} ${value}`).join(" ");
      const soon = turns === undefined ? "" : ` (the next one ${turns} microtasks later)`;
      return `${(at / 1000).toFixed(3).padStart(9)} s  ${kind} ${details}${soon}`;
    }),
  ];
}

/** Maximum number of attempts to shorten a history. */
const TRIES_MAX = 400;

/** Shortens a failing history by removing events and calming the network. */
export async function shorten(
  history: History,
  fails: (history: History) => Promise<boolean>,
): Promise<History> {
  let best = history;
  let tries = 0;
  const isBetter = async (tried: History) => {
    if (++tries > TRIES_MAX || !await fails(tried)) return false;
    best = tried;
    return true;
  };
  const calm = {
    loss: 0,
    duplicates: 0,
    calloutMs: undefined,
    hasOwnName: false,
    syncsNames: false,
  };
  for (const [name, value] of Object.entries(calm)) {
    await isBetter({ ...best, settings: { ...best.settings, [name]: value } });
  }
  for (let length = best.events.length >> 1; length >= 1; length >>= 1) {
    for (let at = 0; at + length <= best.events.length;) {
      const events = [...best.events.slice(0, at), ...best.events.slice(at + length)];
      if (!await isBetter({ ...best, events })) at += length;
    }
  }
  return best;
}
