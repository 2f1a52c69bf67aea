/** Last recovery in the history: the last time that peers were told of our reboot. */

import { nameKey } from "../nsm/host_name.ts";
import type { DatedEvent } from "../store/event_file.ts";
import { isGoingOn, type NotifyProgress } from "../store/notify_progress.ts";
import type { Peer } from "./peers.ts";

/** Peer that was told, and how. */
export interface ToldPeer {
  readonly peer: string;
  readonly at: number;
  readonly address?: string | undefined;
  readonly transport?: string | undefined;
  readonly attempts: number;
  /** Time since the start, in ms. */
  readonly ms: number;
}

/** Peer that was not told. */
export interface LeftPeer {
  readonly peer: string;
  readonly why: string;
  /** Last attempt, if known. */
  readonly at?: number;
}

/** Recovery. Times are in ms since 1970. */
export interface Recovery {
  readonly startedAt: number;
  /** Absent if it is in progress or was cut short. */
  readonly endedAt?: number;
  readonly isGoingOn: boolean;
  /** Our state number as announced. */
  readonly stateNumber?: number;
  readonly total: number;
  readonly told: readonly ToldPeer[];
  readonly left: readonly LeftPeer[];
  /** Events of the recovery, oldest first. */
  readonly events: readonly DatedEvent[];
}

/** Finds the last recovery; undefined if the history has none. `now` is in ms since 1970. */
export function recoveryOf(
  history: readonly DatedEvent[],
  peers: readonly Peer[],
  progress: NotifyProgress | undefined,
  now: number,
): Recovery | undefined {
  const first = history.findLastIndex(({ event }) => event === "notifying");
  const start = history[first];
  if (start === undefined) return undefined;
  const run = history.slice(first).filter(({ program }) => program === "sm-notify");
  const end = run.find(({ event }) => event === "notified");
  const told = run.filter(({ event }) => event === "told").map((event): ToldPeer => ({
    peer: event.peer ?? "",
    at: event.at,
    address: event.address,
    transport: event.transport,
    attempts: event.attempts ?? 1,
    ms: event.ms ?? event.at - start.at,
  }));
  return {
    startedAt: start.at,
    ...(end === undefined ? {} : { endedAt: end.at }),
    isGoingOn: end === undefined && progress !== undefined && isGoingOn(progress, now),
    ...(start.state === undefined ? {} : { stateNumber: start.state }),
    total: start.count ?? told.length,
    told,
    left: leftOf(run, peers),
    events: run,
  };
}

/** Peers still on the notify list, and removed ones that were given up. */
function leftOf(run: readonly DatedEvent[], peers: readonly Peer[]): LeftPeer[] {
  const tried = new Map<string, DatedEvent>();
  for (const event of run) {
    const key = nameKey(event.peer ?? "");
    if (event.event === "notTold" || event.event === "notYetTold") tried.set(key, event);
    else if (event.event === "told" || event.event === "leftAlone") tried.delete(key);
  }
  const left = peers.filter(({ isToBeNotified }) => isToBeNotified).map((peer): LeftPeer => {
    const at = tried.get(nameKey(peer.monName))?.at;
    tried.delete(nameKey(peer.monName));
    const why = peer.why ?? "not told yet";
    return { peer: peer.monName, why, ...(at === undefined ? {} : { at }) };
  });
  const gone = [...tried.values()].filter(({ event }) => event === "notTold");
  return [
    ...left,
    ...gone.map(({ peer = "", reason = "no answer", at }) => {
      return { peer, why: `${reason}; its record was removed since`, at };
    }),
  ];
}

/** Cumulative number of told peers over time, in at most `pointsMax` steps; the last point is the end. */
export function toldOverTime(
  { told }: Pick<Recovery, "told">,
  pointsMax: number,
): { readonly ms: number; readonly count: number }[] {
  const times = told.map(({ ms }) => ms).sort((a, b) => a - b);
  const step = Math.max(1, Math.ceil(times.length / pointsMax));
  const points = times.flatMap((ms, at) =>
    (at + 1) % step === 0 || at === times.length - 1 ? [{ ms, count: at + 1 }] : []
  );
  return [{ ms: 0, count: 0 }, ...points];
}
