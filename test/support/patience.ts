/** Waiting for events of other processes, never for a fixed time. */

/**
 * Longest wait for an event, in ms; only failing tests wait that long. Twice the longest pause of
 * the program between two attempts (30 s, of a callback), so that no test mistakes the pause for
 * silence.
 */
export const PATIENCE_MS = 60_000;
/** Polling interval for events without a notification, in ms. */
const LOOK_PAUSE_MS = 5;

/** Polls until a condition holds. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!await isSo()) {
    if (performance.now() > deadline) throw new Error(`It never came about that ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
  }
}

/** Waits for a promise, with a timeout. */
export async function inTime<T>(
  what: string,
  promise: Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const limit = Promise.withResolvers<never>();
  const timer = setTimeout(() => limit.reject(new Error(`No ${what} came`)), patienceMs);
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}
