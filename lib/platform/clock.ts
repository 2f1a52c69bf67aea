/** System clock and random numbers. */

import type { Clock } from "../time/clock.ts";
import { answerOfPool } from "./threads.ts";

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

/** Limit of a wait for the thread pool, in ms: a timer of so little takes two. */
const TURN_MAX_MS = 1;

/**
 * Turn of the event loop by an answer of the thread pool, before which the loop polls: 0.05 ms,
 * where the shortest timer takes 2 ms. With immediates the loop would poll in one turn of 61.
 */
function afterTurn(action: () => void): void {
  let isOver = false;
  const end = () => {
    if (isOver) return;
    isOver = true;
    cancel();
    action();
  };
  // Hanging look-ups and hanging storage may hold every thread.
  const cancel = startTimer(TURN_MAX_MS, end);
  void answerOfPool()?.then(end);
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
