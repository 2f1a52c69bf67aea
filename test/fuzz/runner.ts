/**
 * Runner of a target. Each input has its own random numbers, derived from the seed, the target's
 * name and the input's number, so that it can be generated without its predecessors.
 */

import { seededRandom } from "../support/seeded_random.ts";
import { toHex } from "../support/hex.ts";
import { shrink } from "./shrink.ts";
import type { Subject, Target } from "./target.ts";

/** Inputs between two calls of check(). */
const CHECK_EVERY = 256;
/** Heap samples per run. */
const SAMPLES = 16;
/** Tolerated growth of the heap from the first half of a run to the second, in bytes. */
const GROWTH_MAX_BYTES = 32 * 2 ** 20;

/**
 * Garbage collection. Without `--expose-gc` the heap may hold hundreds of megabytes of garbage, so
 * that its size shows nothing.
 */
const collect = (globalThis as { gc?: () => void }).gc;

/** Range of a run. */
export interface Run {
  readonly seed: number;
  readonly inputs: number;
  /** Number of the first input. */
  readonly first?: number;
}

/** Figures of a run. */
export interface Figures {
  readonly inputs: number;
  readonly ms: number;
  /** Growth of the heap in the second half of the run, in bytes. */
  readonly growth: number;
}

/** Runs a target. @throws {Error} With target, seed, number and input of the first failure. */
export async function fuzz(target: Target, { seed, inputs, first = 0 }: Run): Promise<Figures> {
  const started = performance.now();
  const uncaught = catchUncaught();
  const heap: number[] = [];
  const subject = target.open();
  try {
    for (let i = first; i < first + inputs; i++) {
      const input = inputOf(target, seed, i);
      try {
        const running = subject.run(input);
        if (running !== undefined) await running;
        if ((i + 1) % CHECK_EVERY === 0) await subject.check?.();
        // Unhandled rejections are reported after the microtasks.
        if (i % CHECK_EVERY === 0) await new Promise((resolve) => setTimeout(resolve));
        uncaught.throwIfAny();
      } catch (error) {
        throw new Error(await failure(target, { seed, inputs, first: i }, input, error), {
          cause: error,
        });
      }
      if ((i - first) % Math.ceil(inputs / SAMPLES) === 0) heap.push(heapUsed());
    }
    await subject.check?.();
    heap.push(heapUsed());
  } finally {
    subject.close?.();
    uncaught[Symbol.dispose]();
  }
  const half = heap.length >> 1;
  const growth = Math.min(...heap.slice(half)) - Math.min(...heap.slice(1, half), Infinity);
  if (collect !== undefined && growth > GROWTH_MAX_BYTES) {
    throw new Error(`${target.name}, seed ${seed}: the heap has grown by ${growth} bytes: ${heap}`);
  }
  return { inputs, ms: performance.now() - started, growth };
}

/** Input of a number. */
export function inputOf(target: Target, seed: number, number: number): Uint8Array {
  let own = seed;
  for (const character of `${target.name} ${number}`) {
    own = Math.imul(own ^ character.charCodeAt(0), 0x01000193);
  }
  return target.generate(seededRandom(own).random);
}

/** Description of a failure; with the shortest input found that fails on its own. */
async function failure(
  target: Target,
  { seed, first }: Run,
  input: Uint8Array,
  error: unknown,
): Promise<string> {
  const fails = async (tried: Uint8Array) => {
    const subject: Subject = target.open();
    try {
      await subject.run(tried);
      await subject.check?.();
      return false;
    } catch (other) {
      return kindOf(other) === kindOf(error);
    } finally {
      subject.close?.();
    }
  };
  const shown = await fails(input)
    ? `input, shortened: ${toHex(await shrink(input, fails))}`
    : `it takes inputs before this one: ${toHex(input)}`;
  const why = error instanceof Error ? error.stack ?? error.message : String(error);
  return `${target.name}, seed ${seed}, input ${first}\n${shown}\n${why}`;
}

/** Kind of a failure: its first line without numbers. */
function kindOf(error: unknown): string {
  return String(error).split("\n", 1)[0]!.replaceAll(/\d+/g, "");
}

/** Collects uncaught errors, instead of ending the process, until disposed of. */
function catchUncaught() {
  const errors: unknown[] = [];
  const keep = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    errors.push("reason" in event ? event.reason : event.error);
  };
  addEventListener("unhandledrejection", keep);
  addEventListener("error", keep);
  return {
    throwIfAny() {
      if (errors.length > 0) throw errors.shift();
    },
    [Symbol.dispose]() {
      removeEventListener("unhandledrejection", keep);
      removeEventListener("error", keep);
    },
  };
}

function heapUsed(): number {
  collect?.();
  return Deno.memoryUsage().heapUsed;
}
