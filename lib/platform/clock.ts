/** The real clock and the real dice. */

import type { Clock } from "../time/clock.ts";

/** Longest wait of one setTimeout: a longer one fires at once. */
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

/** The clock of this machine. A timer that has not run out keeps the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  startTimer,
};

const RANDOM_WORDS = 64;

/** A source of unpredictable unsigned 32-bit numbers, which asks the kernel once for many of them. */
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
