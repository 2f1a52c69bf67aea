/**
 * Signals as calls, from the first instruction to the last.
 *
 *     holdSignals()            blocked: they wait
 *     onSignals()              let through, to their actions
 *     its `until` is aborted   ignored: the end is not interrupted
 *
 * The first listener starts a thread of the runtime. Listen after the privilege drop, which does not
 * reach that thread. Signals that came before are delivered then.
 *
 * A start that waits, for a name server say, still has to end on SIGTERM: while signals are held, a timer
 * polls for one that asks us to stop. Where the kernel refuses the thread, signals stay blocked for good
 * and a timer takes them one by one.
 *
 * A program that is started while signals are held begins with them blocked. Only sm-notify is, which
 * holds them itself and lets them through.
 *
 * Source: sigprocmask(2), sigpending(2), sigtimedwait(2), signal(7).
 */

import { canStartThread } from "./threads.ts";

/** Actions by signal; a signal without an action keeps its default. */
export interface SignalActions {
  /** SIGTERM or SIGINT. */
  stop(signal: "SIGTERM" | "SIGINT"): void;
  hangUp?(): void;
  user1?(): void;
  user2?(): void;
}

/** Numbers of the signals that are held, on x86-64 and arm64. */
const NUMBERS = { SIGHUP: 1, SIGINT: 2, SIGUSR1: 10, SIGUSR2: 12, SIGTERM: 15 } as const;
type HeldSignal = keyof typeof NUMBERS;
/** Says that something arrived or that a lease is broken; a starter may have blocked it. */
const SIGIO = 29;
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** `how` of sigprocmask(2). */
const SIG_BLOCK = 0;
const SIG_UNBLOCK = 1;
const SIGSET_BYTES = 128; // sigset_t of glibc
const TIMESPEC_BYTES = 16; // struct timespec: seconds and nanoseconds

/** Interval at which a start polls for signals that ask it to stop, in ms. */
const LOOK_MS = 50;

/**
 * A table of their own: the runtime compiles a bridge for each function of a library, and all of
 * `libc.ts` takes it 20 ms, in which a signal would be lost.
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
 * Lets signals wait, until {@link onSignals} or {@link releaseSignals}. SIGIO never waits: a blocked one is
 * inherited from the starter, and nothing that arrives would be seen.
 */
export function holdSignals(): void {
  mask(SIG_BLOCK, Object.values(NUMBERS));
  mask(SIG_UNBLOCK, [SIGIO]);
  looking ??= setInterval(() => {
    if (!isStopPending()) return;
    if (stopHeld === undefined) releaseSignals(); // the default action ends us
    else stopHeld();
  }, LOOK_MS);
  Deno.unrefTimer(looking);
}

/** For a process without a listener to SIGIO, whose default action would end it. */
export function blockSigio(): void {
  mask(SIG_BLOCK, [SIGIO]);
}

/** Lets signals through that were held; what came meanwhile is delivered now. */
export function releaseSignals(): void {
  clearInterval(looking);
  looking = undefined;
  mask(SIG_UNBLOCK, Object.values(NUMBERS));
}

/** Has `action` called, instead of ending at once, where a held signal asks us to stop. */
export function onHeldStop(action: (() => void) | undefined): void {
  stopHeld = action;
}

/** True if a held signal asks us to stop. */
export function isStopPending(): boolean {
  const set = new Uint8Array(SIGSET_BYTES);
  if (library().sigpending(set) < 0) return false;
  return STOP_SIGNALS.map((name) => NUMBERS[name])
    .some((number) => (set[byteOf(number)]! & bitOf(number)) !== 0);
}

/**
 * Calls the actions until `until` is aborted, and ignores signals from then on. Listening does not keep the
 * process alive.
 *
 * @returns What ends the listening for good, for a process that does not end.
 */
export function onSignals(actions: SignalActions, until: AbortSignal): () => void {
  if (until.aborted) return () => {};
  const listeners = listenersOf(actions)
    .map(([signal, action]) => [signal, () => until.aborted || action()] as const);
  if (!canStartThread()) {
    pollSignals(listeners, until);
    return () => {};
  }
  // They stay behind the end: without a listener a second SIGTERM would cut short what follows the first,
  // and to block it concerns this thread alone.
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

/** As {@link onSignals}, without a thread: signals wait for the next tick of a timer. */
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
  return opened ??= Deno.dlopen("libc.so.6", SYMBOLS).symbols;
}

/** Signal N is bit N - 1, on a little-endian machine. */
function byteOf(number: number): number {
  return (number - 1) >> 3;
}

function bitOf(number: number): number {
  return 1 << ((number - 1) & 7);
}
