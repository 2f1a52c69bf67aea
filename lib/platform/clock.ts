/** System clock and random numbers. */

import type { Clock } from "../time/clock.ts";

/** Longest timeout of setTimeout; a longer one fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function startTimer(ms: number, action: () => void): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (leftMs: number) => {
    timer = leftMs > TIMER_MAX_MS
      ? setTimeout(() => wait(leftMs - TIMER_MAX_MS), TIMER_MAX_MS)
      : setTimeout(action, leftMs);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** Clock of this host. A running timer keeps the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  startTimer,
};

const RANDOM_WORDS = 64;

/** Source of unpredictable unsigned 32-bit numbers, fetched from the kernel in batches. */
export function randomNumbers(): () => number {
  const words = new Uint32Array(RANDOM_WORDS);
  let used = RANDOM_WORDS;
  return () => {
    if (used === RANDOM_WORDS) {
      crypto.getRandomValues(words);
      used = 0;
    }
    return words[used++]!;
  };
}
