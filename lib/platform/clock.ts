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

/** Limit of a wait for a turn, in ms: the thread pool may be busy. A timer wakes within two. */
const TURN_MAX_MS = 1;

/**
 * Turn of the event loop by an answer of the thread pool, behind which the loop polls: 0.05 ms,
 * where the shortest timer takes 2 ms. An immediate would let it poll in one turn of 61.
 */
function afterTurn(action: () => void): void {
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(timer);
    action();
  };
  const timer = setTimeout(end, TURN_MAX_MS);
  Deno.stat("/").then(end, end);
}

/** Clock of this host. A running timer keeps the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  wallClock: () => Date.now(),
  startTimer,
  afterTurn,
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
