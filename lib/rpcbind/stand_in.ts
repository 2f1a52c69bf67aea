/**
 * Standing in for another rpcbind until one comes: it is noticed by its opening the lock file, or, as with
 * the socket unit of systemd, by its putting a socket of its own in the place of ours. Then we end with
 * success. What is registered is in the files of a warm start by then, which that rpcbind reads if it was
 * started with `-w`.
 */

import type { Clock } from "../time/clock.ts";

/** Interval of looks at the path of our socket, in ms. */
const LOOK_MS = 1_000;

/** Calls `replaced` once when something else than `own`, or nothing, is at the path. */
export function watchSocket(
  path: string,
  own: string,
  clock: Pick<Clock, "startTimer">,
  replaced: () => void,
  until: AbortSignal,
): void {
  const look = () => {
    if (until.aborted) return;
    if (identityOf(path) !== own) return replaced();
    cancel = clock.startTimer(LOOK_MS, look);
  };
  let cancel = clock.startTimer(LOOK_MS, look);
  until.addEventListener("abort", () => cancel());
}

/** Identity of a file, which tells it from a later one at its path. */
export function identityOf(path: string): string {
  try {
    const { dev, ino, birthtime } = Deno.lstatSync(path);
    return `${dev} ${ino} ${birthtime?.getTime()}`;
  } catch {
    return "none";
  }
}
