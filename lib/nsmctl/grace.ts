/** Grace period of this host's lock manager, in which clients reclaim their locks. */

/** Kernel files with lockd's settings, in seconds (fs/lockd/svc.c). */
const GRACE_PERIOD = "/proc/sys/fs/nfs/nlm_grace_period";
const TIMEOUT = "/proc/sys/fs/nfs/nlm_timeout";
/** Default period, in timeouts. */
const TIMEOUTS = 5;

/** Length of the grace period, in ms; Infinity without a kernel lock manager. */
export function graceMs(): number {
  const timeout = numberIn(TIMEOUT);
  if (timeout === undefined || timeout <= 0) return Infinity;
  const grace = numberIn(GRACE_PERIOD) ?? 0;
  return 1000 * timeout * (grace > 0 ? Math.ceil(grace / timeout) : TIMEOUTS);
}

function numberIn(path: string): number | undefined {
  try {
    const number = Number(Deno.readTextFileSync(path));
    return Number.isFinite(number) ? number : undefined;
  } catch {
    return undefined;
  }
}
