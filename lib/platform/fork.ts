/**
 * fork(2) of the runtime, which saves the child a start.
 *
 * V8 withholds its memory from children (MADV_DONTFORK), so all mappings are granted to them first. The
 * heap may grow at any moment until the fork. So the child compares its mappings with its parent's, and
 * ends if one is missing; where it cannot do that it has been ended by SIGSEGV.
 *
 * The child has only the calling thread, so there must not be another. The event loop's epoll instance
 * is shared: the parent must not return to the event loop while the child lives.
 *
 * Source: fork(2), madvise(2), proc_pid_maps(5), epoll(7).
 */

import { O_CLOEXEC } from "./c_numbers.ts";
import { checked, cString, lastErrno, libc, LibcError } from "./libc.ts";
import { openLibrary } from "./library.ts";

const SYMBOLS = {
  fork: { parameters: [], result: "i32" },
  memcmp: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
  getpid: { parameters: [], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

function library() {
  return opened ??= openLibrary("libc.so.6", SYMBOLS).symbols;
}

/** Source: asm-generic/mman-common.h. */
const MADV_DOFORK = 11;
const TASKS = "/proc/self/task";
/** Limit of a list of mappings, in bytes: ten times that of the runtime. */
const MAPS_MAX_BYTES = 131_072;
/** Limit of readings until two of them have equal mappings. */
const LOOKS_MAX = 16;

/** Status of a child that lacks memory of its parent. */
export const INCOMPLETE_STATUS = 70;

/**
 * Returns 0 in the child, which has a session of its own; the child's pid in the parent; undefined
 * if a fork is impossible.
 */
export function fork(): number | undefined {
  if (!Deno.build.standalone) return undefined; // from source it has several threads
  if ([...Deno.readDirSync(TASKS)].length !== 1) return undefined;
  const pid = forkWithMemory();
  if (pid === undefined || pid < 0) return undefined;
  if (pid > 0) return pid;
  if (!hasMemoryOf(library().getppid())) Deno.exit(INCOMPLETE_STATUS);
  library().setsid();
  // Deno keeps the pid of its start.
  Object.defineProperty(Deno, "pid", { value: library().getpid() });
  return 0;
}

/** Grants all mappings to children, and forks once a reading finds no new mapping. */
function forkWithMemory(): number | undefined {
  const { fork, memcmp } = library();
  let [known, found] = [new Uint8Array(MAPS_MAX_BYTES), new Uint8Array(MAPS_MAX_BYTES)];
  let knownBytes = 0;
  const path = cString("/proc/self/maps");
  const size = BigInt(MAPS_MAX_BYTES);
  for (let look = 0; look < LOOKS_MAX; look++) {
    const bytes = readInto(found, path);
    if (bytes === MAPS_MAX_BYTES) return undefined;
    // No call in between, since it could need memory.
    if (bytes === knownBytes && memcmp(known, found, size) === 0) return fork();
    grant(found.subarray(0, bytes));
    [known, found, knownBytes] = [found, known.fill(0), bytes];
  }
  return undefined;
}

/** Reads a file of /proc into a buffer; returns its length, or that of the buffer. */
function readInto(buffer: Uint8Array<ArrayBuffer>, path: Uint8Array<ArrayBuffer>): number {
  const { open, read, close } = libc();
  const fd = open(path, O_CLOEXEC, 0);
  let bytes = 0;
  while (bytes < buffer.length) {
    const length = read(fd, buffer.subarray(bytes), BigInt(buffer.length - bytes));
    if (length <= 0) break;
    bytes += length;
  }
  close(fd);
  return bytes;
}

function grant(maps: Uint8Array<ArrayBuffer>): void {
  for (const [start, end] of rangesIn(maps)) {
    // Fails for mappings of the kernel, which children get anyway.
    libc().madvise(start, end - start, MADV_DOFORK);
  }
}

/** Whether this process has all mappings of its parent, which waits. */
function hasMemoryOf(parent: number): boolean {
  const lists = [parent, "self"].map((process) => {
    const buffer = new Uint8Array(MAPS_MAX_BYTES);
    return rangesIn(buffer.subarray(0, readInto(buffer, cString(`/proc/${process}/maps`))));
  });
  const [wanted, own] = lists as [[bigint, bigint][], [bigint, bigint][]];
  let at = 0;
  for (const [start, end] of wanted) {
    // Adjacent mappings may be merged in the other process.
    for (let reached = start; reached < end;) {
      while (at < own.length && own[at]![1] <= reached) at++;
      const range = own[at];
      if (range === undefined || range[0] > reached) return false;
      reached = range[1];
    }
  }
  return wanted.length > 0;
}

/** Address ranges of mappings, in order. */
function rangesIn(maps: Uint8Array): [bigint, bigint][] {
  return new TextDecoder("latin1").decode(maps).split("\n").filter((line) => line !== "")
    .map((line) => {
      const [start, end] = line.slice(0, line.indexOf(" ")).split("-");
      return [BigInt(`0x${start}`), BigInt(`0x${end}`)];
    });
}

/**
 * Opens a pipe, not inherited by started programs: its ends for reading and for writing.
 *
 * @throws {LibcError} When no descriptor is free.
 */
export function openPipe(): [number, number] {
  const ends = new Int32Array(2);
  checked("pipe2", library().pipe2(new Uint8Array(ends.buffer), O_CLOEXEC));
  return [ends[0]!, ends[1]!];
}

/**
 * Waits for the end of a child; returns its wait status, as in wait(2). @throws {LibcError} When
 * there is none.
 */
export function statusOf(pid: number): number {
  const status = new Int32Array(1);
  while (library().waitpid(pid, new Uint8Array(status.buffer), 0) !== pid) {
    const error = new LibcError("waitpid", lastErrno());
    if (error.code !== "EINTR") throw error;
  }
  return status[0]!;
}
