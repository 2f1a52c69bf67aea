/**
 * Stand-in: gives way to another rpcbind. The other one is noticed by its opening the lock file or,
 * as with systemd's socket unit, by replacing our socket. We then exit with success. All entries
 * are in the warm start files by then, which the other rpcbind reads if started with `-w`.
 */

import type { Clock } from "../time/clock.ts";

/** Polling interval of our socket's path, in ms. */
const LOOK_MS = 1_000;

/** Calls `replaced` once when the file at the path is missing, or is not `own`. */
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

/** Identity of a file, which differs for a later file at its path. */
export function identityOf(path: string): string {
  try {
    const { dev, ino, birthtime } = Deno.lstatSync(path);
    return `${dev} ${ino} ${birthtime?.getTime()}`;
  } catch {
    return "none";
  }
}
