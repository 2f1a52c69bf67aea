/**
 * Thread probe. If the kernel refuses a thread (RLIMIT_NPROC, which counts all processes of a user
 * on the host; TasksMax of a unit; a seccomp filter), Deno would abort the process. So a
 * short-lived thread is tried before Deno may need its first one.
 *
 * Source: pthread_create(3). Debian's glibc has it in libc.so.6 since 2.34, in libpthread.so.0
 * before; the executable is linked to both.
 */

import { openLibrary } from "./library.ts";

const THREAD_SYMBOLS = {
  pthread_create: { parameters: ["buffer", "usize", "u64", "usize"], result: "i32" },
  pthread_join: { parameters: ["u64", "usize"], result: "i32" },
  // Runs on a thread of Deno's pool, and has no effect there.
  sched_yield: { parameters: [], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;
const LINKER_SYMBOLS = {
  dlsym: { parameters: ["usize", "buffer"], result: "u64" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Thread function without effect. */
const HARMLESS_FUNCTION = "getpid";
/** Searches all libraries. */
const RTLD_DEFAULT = 0n;

/** Advice for the administrator. */
export const NO_THREAD_ADVICE =
  "the kernel refuses a thread; look at RLIMIT_NPROC (ulimit -u, LimitNPROC=), TasksMax= and " +
  "system call filters";

/**
 * Time after a use of Deno's thread pool for which the pool surely has a thread, in ms. It keeps an
 * idle thread for 10 s (tokio::runtime::Builder::thread_keep_alive). While it has one, a call for
 * which the kernel refuses another thread waits for that one, and nothing is aborted.
 */
const POOL_ALIVE_MS = 5_000;

let threads: Deno.DynamicLibrary<typeof THREAD_SYMBOLS>["symbols"] | undefined;
let harmless = 0n;
let poolUsedAt = -Infinity;
let onRefused: (() => void) | undefined;

/** Opens the libraries, which needs a permission. */
export function openThreads(): void {
  threads = openLibrary("libpthread.so.0", THREAD_SYMBOLS).symbols;
  const { dlsym } = openLibrary("libdl.so.2", LINKER_SYMBOLS).symbols;
  harmless = dlsym(RTLD_DEFAULT, new TextEncoder().encode(`${HARMLESS_FUNCTION}\0`));
}

/** Sets the action for each refused thread. */
export function whenThreadRefused(action: () => void): void {
  onRefused = action;
}

/** Whether a thread can be started now. */
export function canStartThread(): boolean {
  if (threads === undefined) openThreads();
  const thread = new BigUint64Array(1);
  const isStarted = threads!.pthread_create(thread, 0n, harmless, 0n) === 0;
  if (isStarted) threads!.pthread_join(thread[0]!, 0n);
  else onRefused?.();
  return isStarted;
}

/**
 * Whether Deno's thread pool can take a call: ask right before each. A probe costs as much as a
 * look-up in the hosts file, so a pool that was used recently is not probed.
 */
export function canUsePool(): boolean {
  const now = performance.now();
  if (now - poolUsedAt > POOL_ALIVE_MS && !canStartThread()) return false;
  poolUsedAt = now;
  return true;
}

/** Settles once a thread of Deno's pool has answered; undefined if the pool takes no call. */
export function answerOfPool(): Promise<unknown> | undefined {
  return canUsePool() ? threads!.sched_yield() : undefined;
}
