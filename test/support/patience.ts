/** Waiting for what another process does: for the event itself, never for a time. */

/**
 * Longest wait for an event, in ms; only a test that fails waits that long. Twice the longest pause of
 * the program between two attempts (30 s, of a callback), which no test may take for silence.
 */
export const PATIENCE_MS = 60_000;
/** Pause between two looks at something that nobody announces, in ms. */
const LOOK_PAUSE_MS = 5;

/** Looks again and again until something is so. */
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

/** Waits for a promise, but not for ever. */
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
