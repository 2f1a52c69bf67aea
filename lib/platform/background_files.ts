/**
 * Background file access, for storage that may hang: network and cluster file systems, disks being
 * moved. Each call runs on a Deno thread from open to close, so that the event loop never waits for
 * it. No file stays open between calls, so that the file system can be unmounted at any time.
 *
 * A hanging thread is lost until the storage answers, out of 32 that look-ups share. Callers have
 * to prevent a second call on storage that has not answered the first.
 *
 * Files are opened through libc: Deno's own calls read and write on a thread, but open on the event
 * loop (Deno 2.7; its calls for names and directories run wholly on a thread). errno stays on that
 * thread, so errors are less specific than elsewhere.
 */

import { O_APPEND, O_CLOEXEC, O_RDONLY, O_WRONLY } from "./c_numbers.ts";
import { freeIn, hasRoom, STATVFS_WORDS } from "./disk_space.ts";
import { openLibrary } from "./library.ts";
import { canStartThread, NO_THREAD_ADVICE } from "./threads.ts";
import { MACHINE } from "./machine.ts";
import { ENTRIES_BYTES, entriesIn, type NamedEntry } from "./regular_file.ts";
import { isSyncRefused } from "./sync_calls.ts";

const SYMBOLS = {
  open: { parameters: ["buffer", "i32", "u32"], result: "i32", nonblocking: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32", nonblocking: true },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32", nonblocking: true },
  fsync: { parameters: ["i32"], result: "i32", nonblocking: true },
  close: { parameters: ["i32"], result: "i32", nonblocking: true },
  access: { parameters: ["buffer", "i32"], result: "i32", nonblocking: true },
  statvfs: { parameters: ["buffer", "buffer"], result: "i32", nonblocking: true },
  // getdents64(2), missing in older C libraries.
  getdents64: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "i64"],
    result: "i64",
    nonblocking: true,
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** open(2) flags on 64-bit Linux: follow no link, and close in started programs. */
const O_NOFOLLOW_CLOEXEC = O_CLOEXEC | MACHINE.O_NOFOLLOW;
const { O_DIRECTORY } = MACHINE;
const O_CREAT_TRUNC = 0o1100;
/** Files are private to the daemon's user. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;
const CHUNK_BYTES = 1 << 20;
/**
 * Longest file read, in bytes: the journal of 100,000 hosts with the longest names, twice. A longer
 * one, which only a damaged file system has, would take the memory of the daemon.
 */
export const READ_MAX_BYTES = 128 << 20;
/** access(2) modes. */
const W_OK_X_OK = 3;

/** Texts of calls on a thread, protected from the garbage collector. */
const inUse = new Set<Uint8Array>();

let opened: Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] | undefined;

/** Opens libc, which needs a permission that the daemon gives up later. */
export function openBackgroundFiles(): void {
  opened ??= openLibrary("libc.so.6", SYMBOLS).symbols;
}

/** File calls on threads; they reject with descriptive errors. */
export const backgroundFiles = {
  /** Names in a directory. */
  async names(directory: string): Promise<string[]> {
    return (await backgroundFiles.entries(directory)).map(({ name }) => name);
  },

  /**
   * Entries of a directory, read a thousand at a time: Deno's own call delivers all at once, which takes a quarter
   * of a second for 50,000.
   */
  async entries(directory: string): Promise<NamedEntry[]> {
    const entries: NamedEntry[] = [];
    const bytes = new Uint8Array(ENTRIES_BYTES);
    const { getdents64: call } = MACHINE.systemCalls;
    await withFile(`${directory}/.`, O_DIRECTORY, async (file) => {
      for (;;) {
        const read = await opened!.getdents64(call, BigInt(file), bytes, BigInt(bytes.length));
        if (read < 0n) throw new Error(`${directory} cannot be listed`);
        if (read === 0n) return;
        entries.push(...entriesIn(bytes.subarray(0, Number(read))));
      }
    });
    return entries;
  },

  /**
   * Why this user cannot write files to a directory; undefined if nothing forbids it. Nothing is
   * written, so a failing disk is not noticed.
   */
  async writingFault(directory: string): Promise<string | undefined> {
    requireThread();
    openBackgroundFiles();
    const path = new TextEncoder().encode(`${directory}\0`);
    inUse.add(path);
    try {
      if (await opened!.access(path, W_OK_X_OK) !== 0) {
        await Deno.lstat(directory); // throws a descriptive error
        return `uid ${Deno.uid()} may not: it is read-only, or its owner, mode, attributes or a ` +
          "security policy forbid it";
      }
      const facts = new BigUint64Array(STATVFS_WORDS);
      const isKnown = await opened!.statvfs(path, facts) === 0;
      return !isKnown || hasRoom(freeIn(facts)) ? undefined : "No space left on device";
    } finally {
      inUse.delete(path);
    }
  },

  /** Text of a file; undefined if there is none. */
  async read(path: string): Promise<string | undefined> {
    requireThread();
    let text = "";
    const decoder = new TextDecoder();
    try {
      // Before a byte is read: a failing ledger is tried again each half second.
      if ((await Deno.lstat(path)).size > READ_MAX_BYTES) throw new Error(tooLong(path));
      await withFile(path, O_RDONLY, async (file) => {
        const chunk = new Uint8Array(CHUNK_BYTES);
        for (let read = 0;;) {
          const length = await opened!.read(file, chunk, BigInt(CHUNK_BYTES));
          if (length < 0) throw new Error("it cannot be read");
          if (length === 0) return;
          read += length;
          if (read > READ_MAX_BYTES) throw new Error(tooLong(path));
          text += decoder.decode(chunk.subarray(0, length), { stream: true });
        }
      });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    return text + decoder.decode();
  },

  /** Appends to an existing file. */
  append(path: string, text: string): Promise<void> {
    return withFile(path, O_WRONLY | O_APPEND, (file) => writeAll(file, text));
  },

  /** Replaces the contents of a file, creating it if missing. */
  write(path: string, text: string): Promise<void> {
    return withFile(path, O_WRONLY | O_CREAT_TRUNC, (file) => writeAll(file, text));
  },

  async makeDirectory(path: string): Promise<void> {
    requireThread();
    await Deno.mkdir(path, { mode: DIRECTORY_MODE });
  },

  /** Renames a file or directory; a directory cannot replace a non-empty one. */
  async rename(from: string, to: string): Promise<void> {
    requireThread();
    await Deno.rename(from, to);
  },

  /** Removes a directory tree. */
  async removeTree(path: string): Promise<void> {
    requireThread();
    await Deno.remove(path, { recursive: true });
  },

  /** Makes the contents of a file, or the names in a directory, durable. */
  sync(path: string): Promise<void> {
    return withFile(path, O_RDONLY, async (file) => {
      if (await opened!.fsync(file) !== 0 && !isSyncRefused("fsync")) {
        throw new Error("the disk does not confirm what was written (fsync failed)");
      }
    });
  },
};

function tooLong(path: string): string {
  return `${path} is too long to be read`;
}

async function withFile(
  path: string,
  flags: number,
  action: (file: number) => Promise<void>,
): Promise<void> {
  requireThread();
  openBackgroundFiles();
  const cPath = new TextEncoder().encode(`${path}\0`);
  const file = await opened!.open(cPath, flags | O_NOFOLLOW_CLOEXEC, FILE_MODE);
  if (file < 0) {
    await Deno.lstat(path.slice(0, path.lastIndexOf("/"))); // throws a descriptive error
    if ((flags & O_CREAT_TRUNC) === 0) await Deno.lstat(path);
    const who = `uid ${Deno.uid()}`; // errno stays on the thread
    throw new Error(
      `${path} cannot be opened: it is on a read-only disk, or ${who} has no permission`,
    );
  }
  try {
    await action(file);
  } finally {
    await opened!.close(file);
  }
}

async function writeAll(file: number, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) {
    const length = await opened!.write(file, bytes.subarray(at), BigInt(bytes.length - at));
    if (length <= 0) throw new Error("it cannot be written; is there room on it?");
    at += length;
  }
}

/** @throws {Error} When Deno would abort the process for lack of a thread. */
function requireThread(): void {
  if (!canStartThread()) throw new Error(NO_THREAD_ADVICE);
}
