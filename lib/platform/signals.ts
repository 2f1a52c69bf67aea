/**
 * Signal handling, from the first instruction to the last.
 *
 *     holdSignals()            blocked, pending
 *     onSignals()              delivered to their actions
 *     its `until` is aborted   ignored, so that the stop is not interrupted
 *
 * The first listener starts a Deno thread. Listen after the privilege drop, which does not affect
 * that thread. Pending signals are delivered then.
 *
 * A start that waits, for example for a name server, still has to end on SIGTERM: while signals are
 * held, a timer polls for a stop signal. If the kernel refuses the thread, signals stay blocked,
 * and a timer takes them one by one.
 *
 * A program started while signals are held inherits the blocked mask. Only sm-notify is, which
 * holds signals itself, and unblocks them.
 *
 * Source: sigprocmask(2), sigpending(2), sigtimedwait(2), signal(7).
 */

import { openLibrary } from "./library.ts";
import { canStartThread } from "./threads.ts";

/** Actions by signal; a signal without an action keeps its default. */
export interface SignalActions {
  /** SIGTERM or SIGINT. */
  stop(signal: "SIGTERM" | "SIGINT"): void;
  hangUp?(): void;
  user1?(): void;
  user2?(): void;
}

/** Numbers of the held signals, on x86-64 and arm64. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;
type HeldSignal = keyof typeof NUMBERS;
/** Signals arrivals and lease breaks; a starter may have blocked it. */
const SIGIO = 29;
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** `how` of sigprocmask(2). */
const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIGSET_BYTES = 128; // sigset_t of glibc
const TIMESPEC_BYTES = 16; // struct timespec: seconds and nanoseconds

/** Polling interval for stop signals during a start, in ms. */
const LOOK_MS = 50;

/**
 * Separate table: Deno compiles a trampoline for each function of a library, and all of `libc.ts`
 * takes 20 ms, in which a signal would be lost.
 */
const SYMBOLS = {
  sigprocmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  sigpending: { parameters: ["buffer"], result: "i32" },
  sigtimedwait: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;
let looking: number | undefined;
let stopHeld: (() => void) | undefined;

/**
 * Blocks signals until {@link onSignals} or {@link releaseSignals}. SIGIO is unblocked, since a
 * starter may have blocked it, and arrivals would go unnoticed.
 */
export function holdSignals(): void {
  mask(SIG_BLOCK, Object.values(NUMBERS));
  mask(SIG_UNBLOCK, [SIGIO]);
  looking ??= setInterval(() => {
    if (!isStopPending()) return;
    if (stopHeld === undefined) releaseSignals(); // the default action ends the process
    else stopHeld();
  }, LOOK_MS);
  Deno.unrefTimer(looking);
}

/** Blocks SIGIO in a process without a listener, which its default action would end. */
export function blockSigio(): void {
  mask(SIG_BLOCK, [SIGIO]);
}

/** Unblocks SIGIO, for a process with a listener to it. */
export function releaseSigio(): void {
  mask(SIG_UNBLOCK, [SIGIO]);
}

/** Unblocks the held signals; pending ones are delivered now. */
export function releaseSignals(): void {
  clearInterval(looking);
  looking = undefined;
  mask(SIG_UNBLOCK, Object.values(NUMBERS));
}

/** Sets the action for a held stop signal, instead of ending at once. */
export function onHeldStop(action: (() => void) | undefined): void {
  stopHeld = action;
}

/** Whether a stop signal is pending. */
export function isStopPending(): boolean {
  const set = new Uint8Array(SIGSET_BYTES);
  if (library().sigpending(set) < 0) return false;
  return STOP_SIGNALS.map((name) => NUMBERS[name])
    .some((number) => (set[byteOf(number)]! & bitOf(number)) !== 0);
}

/**
 * Calls the actions until `until` is aborted, and ignores signals from then on. Listeners do not
 * keep the process alive.
 *
 * @returns Function that removes the listeners, for a process that continues.
 */
export function onSignals(actions: SignalActions, until: AbortSignal): () => void {
  if (until.aborted) return () => {};
  const listeners = listenersOf(actions)
    .map(([signal, action]) => [signal, () => until.aborted || action()] as const);
  if (!canStartThread()) {
    pollSignals(listeners, until);
    return () => {};
  }
  // Listeners stay after the abort: without one, a second SIGTERM would kill us during the stop,
  // and blocking it would affect only this thread.
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  releaseSignals();
  return () => {
    for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
  };
}

function listenersOf(actions: SignalActions): [HeldSignal, () => void][] {
  const listeners: [HeldSignal, () => void][] = [
    ["SIGTERM", () => actions.stop("SIGTERM")],
    ["SIGINT", () => actions.stop("SIGINT")],
  ];
  const { hangUp, user1, user2 } = actions;
  if (hangUp !== undefined) listeners.push(["SIGHUP", () => hangUp()]);
  if (user1 !== undefined) listeners.push(["SIGUSR1", () => user1()]);
  if (user2 !== undefined) listeners.push(["SIGUSR2", () => user2()]);
  return listeners;
}

/** {@link onSignals} without a thread: a timer polls for signals. */
function pollSignals(
  listeners: readonly (readonly [HeldSignal, () => void])[],
  until: AbortSignal,
): void {
  clearInterval(looking);
  looking = undefined;
  const actions = new Map<number, () => void>(
    listeners.map(([signal, listener]) => [NUMBERS[signal], listener]),
  );
  const numbers = [...actions.keys()];
  mask(SIG_UNBLOCK, Object.values(NUMBERS).filter((number) => !actions.has(number)));
  mask(SIG_BLOCK, numbers);
  const noTime = new Uint8Array(TIMESPEC_BYTES);
  const poll = setInterval(() => {
    for (let number; (number = library().sigtimedwait(setOf(numbers), null, noTime)) > 0;) {
      actions.get(number)?.();
    }
  }, LOOK_MS);
  Deno.unrefTimer(poll);
  until.addEventListener("abort", () => clearInterval(poll));
}

function mask(how: number, numbers: readonly number[]): void {
  library().sigprocmask(how, setOf(numbers), null);
}

function setOf(numbers: readonly number[]): Uint8Array<ArrayBuffer> {
  const set = new Uint8Array(SIGSET_BYTES);
  for (const number of numbers) set[byteOf(number)]! |= bitOf(number);
  return set;
}

function library() {
  return opened ??= openLibrary("libc.so.6", SYMBOLS).symbols;
}

/** Signal N is bit N - 1, on a little-endian machine. */
function byteOf(number: number): number {
  return (number - 1) >> 3;
}

function bitOf(number: number): number {
  return 1 << ((number - 1) & 7);
}
