/** Reasons why a peer was not told of our reboot, or may not be recognised when it reboots. */

import { nameKey } from "../nsm/host_name.ts";
import { printable } from "../quote.ts";
import { type FailingPeer, isGoingOn, type NotifyProgress } from "../store/notify_progress.ts";
import type { Peer } from "./peers.ts";
import { clockText, isoText } from "./text.ts";

/** Makes the function that judges peers by the last run of sm-notify; `now` is in ms since 1970. */
export function whyJudge(
  progress: NotifyProgress | undefined,
  now: number,
): (peer: Peer) => string | undefined {
  const isRunning = progress !== undefined && isGoingOn(progress, now);
  const failing = new Map((progress?.peers ?? []).map((it) => [nameKey(it.peer), it]));
  return (peer) => {
    const reasons: string[] = [];
    if (peer.isToBeNotified) {
      const failed = failing.get(nameKey(peer.monName));
      reasons.push(
        failed !== undefined
          ? failureText(failed, isRunning, now)
          : isRunning
          ? "being told"
          : "no sm-notify is running",
      );
    }
    if (peer.isMonitored && peer.addresses.length === 0) {
      reasons.push(peer.isAbsent ? "no such host" : "no address known");
    }
    return reasons.length === 0 ? undefined : reasons.join("; ");
  };
}

function failureText(failed: FailingPeer, isRunning: boolean, now: number): string {
  const { reason, attempts, since, nextAt } = failed;
  const parts = [`${printable(reason)}`, `since ${clockText(since, now)}`];
  parts.push(attempts === 1 ? "1 try" : `${attempts} tries`);
  if (!isRunning) parts.push("given up");
  else if (nextAt !== undefined) parts.push(`next ${clockText(nextAt, now)}`);
  return parts.join(", ");
}

/** Progress of sm-notify in a line; undefined if it has never run. */
export function progressText(
  progress: NotifyProgress | undefined,
  now: number,
): string | undefined {
  if (progress === undefined) return undefined;
  const { pid, total, told, forgotten, gaveUp, failing, at, endedAt, endsAt } = progress;
  const counts = [`${told} of ${total} told`];
  if (forgotten > 0) counts.push(`${forgotten} forgotten`);
  if (failing > 0 && endedAt === undefined) counts.push(`${failing} failing`);
  if (gaveUp > 0) counts.push(`${gaveUp} given up`);
  const sums = counts.join(", ");
  if (endedAt !== undefined) return `${sums}, ended ${clockText(endedAt, now)}`;
  if (!isGoingOn(progress, now)) return `${sums}, cut short after ${clockText(at, now)}`;
  const end = endsAt === undefined ? "" : `, until ${clockText(endsAt, now)} at most`;
  return `running (pid ${pid}), ${sums}${end}`;
}

/** progressText() as JSON: an object that contains the progress, or an empty one. */
export function progressJson(progress: NotifyProgress | undefined) {
  if (progress === undefined) return {};
  const { pid, stateNumber, startedAt, at, endsAt, endedAt } = progress;
  const { total, told, forgotten, gaveUp, failing } = progress;
  return {
    smNotify: {
      pid,
      stateNumber,
      startedAt: isoText(startedAt),
      at: isoText(at),
      ...(endsAt === undefined ? {} : { endsAt: isoText(endsAt) }),
      ...(endedAt === undefined ? {} : { endedAt: isoText(endedAt) }),
      total,
      told,
      forgotten,
      gaveUp,
      failing,
    },
  };
}
