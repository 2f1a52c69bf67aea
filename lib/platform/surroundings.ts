/**
 * Preconditions of a daemon, checked first, so that a missing one is reported in one line: /proc,
 * descriptors, and the file size limit.
 *
 * Source: getrlimit(2), signal(7).
 */

import { openLibrary } from "./library.ts";

/** RLIMIT_NOFILE, on x86-64 and arm64. */
const RLIMIT_NOFILE = 7;
/** Descriptors needed to serve: 30 of an idle daemon, and as many for calls, files and health probes. */
const DESCRIPTORS_MIN = 64;
/** Descriptors requested if the limit is lower: select(2) in callouts handles no more. */
const DESCRIPTORS_WANTED = 1024;

/** Signal of a write beyond RLIMIT_FSIZE; its default action ends the process. */
const SIGXFSZ = 25;
const SIG_IGN = 1n;

/** Separate table, as in `signals.ts`. */
const SYMBOLS = {
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  setrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  signal: { parameters: ["i32", "usize"], result: "usize" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Raises a low soft limit of descriptors. Makes a write beyond the file size limit fail with EFBIG,
 * which can be answered and logged.
 *
 * @returns What is missing, with a remedy; undefined if nothing is.
 */
export function missingSurroundings(proc = `/proc/self/task/${Deno.pid}`): string | undefined {
  try {
    Deno.statSync(proc);
  } catch {
    return "/proc is not mounted, or is that of another PID namespace: mount -t proc proc /proc";
  }
  const libc = openLibrary("libc.so.6", SYMBOLS);
  try {
    libc.symbols.signal(SIGXFSZ, SIG_IGN);
    return descriptorsFault(libc.symbols);
  } finally {
    libc.close();
  }
}

function descriptorsFault(
  { getrlimit, setrlimit }: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"],
): string | undefined {
  const limits = new BigUint64Array(2); // struct rlimit: soft, hard
  if (getrlimit(RLIMIT_NOFILE, new Uint8Array(limits.buffer)) !== 0) return undefined;
  const [soft, hard] = [limits[0]!, limits[1]!];
  const wanted = hard < DESCRIPTORS_WANTED ? hard : BigInt(DESCRIPTORS_WANTED);
  if (soft < wanted) {
    limits[0] = wanted;
    setrlimit(RLIMIT_NOFILE, new Uint8Array(limits.buffer));
  }
  if (hard >= DESCRIPTORS_MIN) return undefined;
  return `Only ${hard} files may be open, and ${DESCRIPTORS_MIN} are needed: ` +
    `raise RLIMIT_NOFILE (ulimit -n, LimitNOFILE=)`;
}
