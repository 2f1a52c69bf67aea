/** The other end of the control socket: one request, and the lines of its answer. */

import { basename } from "@std/path/basename";
import { dirname } from "@std/path/dirname";
import { resolve } from "@std/path/resolve";
import { reasonOf } from "../nsm/ports.ts";
import { CONTROL_SOCKET, VOLATILE_CONTROL_SOCKET } from "../store/layout.ts";
import type { ControlAnswer, ControlRequest, ListEntry } from "./protocol.ts";
import { hiddenDirectoryFault } from "./hidden_directory.ts";

/** Longest path that the address of a Unix socket has room for, in bytes. */
const SOCKET_PATH_MAX_BYTES = 107;
/** How long the daemon may be silent, in ms, before it is taken for one that hangs. */
const ANSWER_TIMEOUT_MS = 30_000;
const CHUNK_BYTES = 262_144;

/** What became of looking for the daemon. */
export type Reached =
  | { readonly outcome: "reached"; readonly daemon: Daemon }
  /** Nobody serves this state directory by a control socket. */
  | { readonly outcome: "absent" }
  /** Somebody may, but not for us. */
  | { readonly outcome: "failed"; readonly reason: string };

type Success = Extract<ControlAnswer, { ok: true }>;

/**
 * Connects to the daemon that serves a state directory.
 *
 * @throws {Error} When it serves one that something else was mounted over.
 */
export async function reachDaemon(
  stateDirectoryPath: string,
  timeoutMs = ANSWER_TIMEOUT_MS,
): Promise<Reached> {
  const reached = await reachAt(`${stateDirectoryPath}/${CONTROL_SOCKET}`, timeoutMs);
  if (reached.outcome !== "absent") return reached;
  const fault = hiddenDirectoryFault(stateDirectoryPath);
  if (fault !== undefined) throw new Error(fault);
  return await reachVolatile(stateDirectoryPath, timeoutMs);
}

async function reachAt(path: string, timeoutMs: number): Promise<Reached> {
  try {
    if (path.length > SOCKET_PATH_MAX_BYTES) {
      Deno.chdir(dirname(path));
      path = basename(path);
    }
    const connection = await Deno.connect({ transport: "unix", path });
    return { outcome: "reached", daemon: new Daemon(connection, timeoutMs) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused) {
      return { outcome: "absent" };
    }
    return { outcome: "failed", reason: reasonOf(error) };
  }
}

/** Connects to a daemon that cannot write to its state directory, if it is this one. */
async function reachVolatile(stateDirectoryPath: string, timeoutMs: number): Promise<Reached> {
  const reached = await reachAt(VOLATILE_CONTROL_SOCKET, timeoutMs);
  if (reached.outcome !== "reached") return reached;
  try {
    const { status } = await reached.daemon.ask({ command: "status" });
    const served = status === undefined ? "" : resolve(status.stateDirectory);
    if (served === resolve(stateDirectoryPath)) return reached;
    reached.daemon[Symbol.dispose]();
    return { outcome: "absent" };
  } catch (error) {
    reached.daemon[Symbol.dispose]();
    return { outcome: "failed", reason: reasonOf(error) };
  }
}

/** A daemon that answers. */
export class Daemon {
  constructor(readonly connection: Deno.UnixConn, readonly timeoutMs: number) {}

  /** @throws {Error} When it refuses, goes away or does not answer. */
  async ask(request: ControlRequest): Promise<Success> {
    let answer: Success | undefined;
    for await (const line of this.#answers(request)) {
      const value = JSON.parse(line) as ControlAnswer;
      if (!value.ok) throw new Error(value.reason);
      answer = value;
    }
    return answer!;
  }

  /** Every registration. @throws {Error} */
  async list(): Promise<ListEntry[]> {
    const entries: ListEntry[] = [];
    for await (const line of this.#answers({ command: "list" })) {
      const value = JSON.parse(line) as readonly ListEntry[] | ControlAnswer;
      if ("ok" in value) {
        if (!value.ok) throw new Error(value.reason);
      } else entries.push(...value);
    }
    return entries;
  }

  [Symbol.dispose](): void {
    try {
      this.connection.close();
    } catch {
      // closed already, as it did not answer
    }
  }

  /** The lines of an answer, the last one of which has `ok`. */
  async *#answers(request: ControlRequest): AsyncIterable<string> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    for (let at = 0; at < bytes.length;) at += await this.connection.write(bytes.subarray(at));
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(CHUNK_BYTES);
    let text = "";
    for (;;) {
      const length = await this.#read(chunk);
      text += decoder.decode(chunk.subarray(0, length), { stream: true });
      const lines = text.split("\n");
      text = lines.pop()!;
      for (const line of lines) {
        yield line;
        if (line.startsWith('{"ok":')) return;
      }
    }
  }

  async #read(chunk: Uint8Array): Promise<number> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.connection.close();
    }, this.timeoutMs);
    try {
      const length = await this.connection.read(chunk);
      if (length === null) throw new Error("The daemon has closed the connection");
      return length;
    } catch (error) {
      throw isLate ? new Error("The daemon does not answer") : error;
    } finally {
      clearTimeout(timer);
    }
  }
}
