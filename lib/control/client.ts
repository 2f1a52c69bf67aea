/** Client of the control socket. */

import { resolve } from "@std/path/resolve";
import { RefusedError } from "../cluster/refusals.ts";
import { LibcError } from "../platform/libc.ts";
import { PinnedFile } from "../platform/pinned_file.ts";
import type { Identity } from "../platform/privileges.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { CONTROL_SOCKET, STATUS_SOCKET, VOLATILE_CONTROL_SOCKET } from "../store/layout.ts";
import { LINE_MAX, readAnswer } from "./answers.ts";
import type { ControlAnswer, ControlRequest, ListEntry } from "./protocol.ts";
import { hiddenDirectoryFault } from "./hidden_directory.ts";
import { hungDaemon, HungDaemonError } from "./hung_daemon.ts";
import { elsewhereDaemon, workingDaemon } from "./unseen_daemon.ts";

/** Timeout of an answer, in ms; after it the daemon counts as hung. */
export const ANSWER_TIMEOUT_MS = 3_000;
/**
 * Timeout of a request that waits for lock managers or a disk, in ms. Such a request is preceded by
 * a status query, so that a hung daemon is detected within the shorter timeout.
 */
const WORK_TIMEOUT_MS = 30_000;
const WORK: ReadonlySet<ControlRequest["command"]> = new Set([
  "forget",
  "declareRebooted",
  "identity",
]);
/** Timeout of a whole list, in ms: a daemon sends that of 100,000 peers within a few seconds. */
const LIST_TIMEOUT_MS = 30_000;
const CHUNK_BYTES = 262_144;
/** Longest list accepted, in entries: several times the daemon's limit (nsm/registration_limits.ts). */
const ENTRIES_MAX = 1_000_000;

/** Result of looking for the daemon. */
export type Reached =
  | { readonly outcome: "reached"; readonly daemon: Daemon }
  /** No daemon serves this state directory through a control socket. */
  | { readonly outcome: "absent" }
  /**
   * The daemon cannot be used from here; `pid` is set if it runs without a control socket in the
   * directory, `owner` if the socket is of a user who is not trusted.
   */
  | {
    readonly outcome: "failed";
    readonly reason: string;
    readonly pid?: number;
    readonly owner?: Identity;
  };

type Success = Extract<ControlAnswer, { ok: true }>;

/**
 * Connects to the daemon that serves a state directory.
 *
 * @throws {Error} When another file system was mounted over the daemon's directory.
 * @throws {HungDaemonError} When its connection backlog is full.
 */
export async function reachDaemon(
  stateDirectoryPath: string,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<Reached> {
  const path = `${stateDirectoryPath}/${CONTROL_SOCKET}`;
  const reached = await reachAt(path, stateDirectoryPath, timeoutMs);
  if (reached.outcome === "failed") {
    // A member of the status group may not use the control socket.
    const looking = await reachAmong(STATUS_SOCKET, stateDirectoryPath, timeoutMs);
    return looking.outcome === "reached" ? looking : reached;
  }
  if (reached.outcome === "reached") return reached;
  const fault = hiddenDirectoryFault(stateDirectoryPath);
  if (fault !== undefined) throw new Error(fault);
  const shared = await reachAmong(VOLATILE_CONTROL_SOCKET, stateDirectoryPath, timeoutMs);
  return shared.outcome === "absent" ? await unseenDaemon(stateDirectoryPath, timeoutMs) : shared;
}

/**
 * Finds a daemon of ours that serves the directory although its control socket is missing: the
 * socket was removed, or the directory was replaced by another.
 */
async function unseenDaemon(directory: string, timeoutMs: number): Promise<Reached> {
  const working = workingDaemon(directory);
  if (working !== undefined) return unseen(working.pid, "is missing");
  const elsewhere = elsewhereDaemon(directory);
  if (elsewhere === undefined) return { outcome: "absent" };
  const { pid, cwd, isRemoved } = elsewhere;
  const isForUs = isRemoved || await tells(`${cwd}/${CONTROL_SOCKET}`, directory, timeoutMs);
  return isForUs
    ? unseen(pid, "is not in it: the directory was moved or removed while it ran")
    : { outcome: "absent" };
}

/** Whether the daemon behind a socket serves a directory, by its own account. */
async function tells(path: string, directory: string, timeoutMs: number): Promise<boolean> {
  const reached = await reachAmong(path, directory, timeoutMs);
  if (reached.outcome !== "reached") return false;
  reached.daemon[Symbol.dispose]();
  return true;
}

function unseen(pid: number, what: string): Reached {
  const reason = `rpc.statd (pid ${pid}) runs for this directory, and its control socket ${what}`;
  return { outcome: "failed", reason, pid };
}

/**
 * Connects to a socket owned by root or by us: the owner of the state directory could put another
 * one there that impersonates the daemon. The inode is pinned meanwhile, so that the socket checked
 * is the one connected to, and the length of its path does not matter.
 */
async function reachAt(path: string, directory: string, timeoutMs: number): Promise<Reached> {
  try {
    using file = new PinnedFile(path);
    const found = Deno.statSync(file.path);
    if (!found.isSocket) return { outcome: "failed", reason: `${quote(path)} is not a socket` };
    if (found.uid !== 0 && found.uid !== Deno.uid()) return untrusted(path, found);
    const connection = await Deno.connect({ transport: "unix", path: file.path });
    return { outcome: "reached", daemon: new Daemon(connection, directory, timeoutMs) };
  } catch (error) {
    // The backlog of the daemon's socket is full.
    if (error instanceof Deno.errors.WouldBlock) throw hungDaemon(directory, timeoutMs);
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused ||
      error instanceof LibcError && error.code === "ENOENT";
    return isAbsent ? { outcome: "absent" } : { outcome: "failed", reason: reasonOf(error) };
  }
}

function untrusted(path: string, { uid, gid }: Deno.FileInfo): Reached {
  const reason = `${quote(path)} belongs to uid ${uid}, and only root's or your own is trusted: ` +
    "if rpc.statd runs as that user, run nsmctl as that user too";
  return { outcome: "failed", reason, owner: { uid: uid!, gid: gid! } };
}

/** Connects to a daemon at a path that all daemons share, if it serves the directory. */
async function reachAmong(
  path: string,
  stateDirectoryPath: string,
  timeoutMs: number,
): Promise<Reached> {
  const reached = await reachAt(path, stateDirectoryPath, timeoutMs);
  if (reached.outcome !== "reached") return reached;
  try {
    const { status } = await reached.daemon.ask({ command: "status" });
    const served = status === undefined ? "" : resolve(status.stateDirectory);
    if (served === resolve(stateDirectoryPath)) return reached;
    reached.daemon[Symbol.dispose]();
    return { outcome: "absent" };
  } catch (error) {
    reached.daemon[Symbol.dispose]();
    if (error instanceof HungDaemonError) throw error;
    return { outcome: "failed", reason: reasonOf(error) };
  }
}

function isPage(value: ControlAnswer | readonly ListEntry[]): value is readonly ListEntry[] {
  return Array.isArray(value);
}

/** Connection to a daemon. */
export class Daemon {
  constructor(
    readonly connection: Deno.UnixConn,
    readonly directory: string,
    readonly timeoutMs: number,
  ) {}

  /**
   * @throws {Error} When the daemon refuses, or closes the connection.
   * @throws {HungDaemonError} When it does not answer.
   */
  async ask(request: ControlRequest): Promise<Success> {
    const isWork = WORK.has(request.command);
    if (isWork) await this.ask({ command: "status" });
    const deadlineMs = request.command === "identity" ? request.deadlineMs ?? 0 : 0;
    const timeoutMs = isWork
      ? Math.max(WORK_TIMEOUT_MS, this.timeoutMs, deadlineMs + ANSWER_TIMEOUT_MS)
      : this.timeoutMs;
    let answer: Success | undefined;
    for await (const value of this.#answers(request, timeoutMs)) {
      if (!isPage(value)) answer = value;
    }
    return answer!;
  }

  /** All registrations; `wholeMs` is the timeout of the list. @throws {Error} */
  async list(wholeMs = Math.max(LIST_TIMEOUT_MS, this.timeoutMs)): Promise<ListEntry[]> {
    const entries: ListEntry[] = [];
    for await (const value of this.#answers({ command: "list" }, this.timeoutMs, wholeMs)) {
      if (!isPage(value)) continue;
      for (const entry of value) entries.push(entry);
      if (entries.length > ENTRIES_MAX) throw new Error("The daemon's list has no end");
    }
    return entries;
  }

  [Symbol.dispose](): void {
    try {
      this.connection.close();
    } catch {
      // closed already by the timeout
    }
  }

  /**
   * Yields the pages of an answer, then its final object. A daemon that sends piece after piece is
   * left after `wholeMs`, a silent one after `timeoutMs`.
   *
   * @throws {Error} When the daemon refuses the request.
   */
  async *#answers(
    request: ControlRequest,
    timeoutMs: number,
    wholeMs = timeoutMs,
  ): AsyncIterable<readonly ListEntry[] | Success> {
    const end = performance.now() + wholeMs;
    const inTime = (action: () => Promise<number | null>) => {
      const leftMs = end - performance.now();
      return leftMs < timeoutMs
        ? this.#inTime(action, leftMs, wholeMs)
        : this.#inTime(action, timeoutMs);
    };
    const bytes = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    for (let at = 0; at < bytes.length;) {
      at += await inTime(() => this.connection.write(bytes.subarray(at)));
    }
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK_BYTES);
    let text = "";
    for (;;) {
      const length = await inTime(() => this.connection.read(chunk));
      text += decoder.decode(chunk.subarray(0, length), { stream: true });
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        const value = readAnswer(line);
        if (!isPage(value) && !value.ok) {
          if (value.code === undefined) throw new Error(value.reason);
          throw new RefusedError(value.code, value.reason);
        }
        yield value;
        if (!isPage(value)) return;
      }
      if (text.length > LINE_MAX) throw new Error("The daemon's answer has an overlong line");
    }
  }

  /**
   * Result of a read or write. After `leftMs` the connection is closed, and the error names the
   * timeout that has passed then.
   */
  async #inTime(
    action: () => Promise<number | null>,
    leftMs: number,
    timeoutMs = leftMs,
  ): Promise<number> {
    if (leftMs <= 0) throw hungDaemon(this.directory, timeoutMs);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.connection.close();
    }, leftMs);
    try {
      const length = await action();
      if (length === null) throw new Error("The daemon has closed the connection");
      return length;
    } catch (error) {
      throw isLate ? hungDaemon(this.directory, timeoutMs) : error;
    } finally {
      clearTimeout(timer);
    }
  }
}
