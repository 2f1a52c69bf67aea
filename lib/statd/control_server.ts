/**
 * Control socket server. No client can delay RPC service: requests and connections are limited, and
 * long answers are paged, with other events in between.
 */

import { type ClientServer, closeQuietly, serveClients, writeAll } from "./clients.ts";
import type { Log } from "../log.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  type ListEntry,
  parseRequest,
  REQUEST_MAX_BYTES,
} from "../control/protocol.ts";
import { type Clock, sleep } from "../time/clock.ts";
import { removeIfThere } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";

/** Idle timeout of a client, in ms. */
const IDLE_MS = 60_000;
/** Pause between pages, in ms: the shortest timer. Only a timer lets the event loop poll its sockets. */
const PAGE_PAUSE_MS = 1;
/** Umask for the socket: access for its owner only. */
const SOCKET_UMASK = 0o177;
/** Mode of a group's socket; connecting needs write permission. */
const GROUP_SOCKET_MODE = 0o660;

/** Handlers of requests. */
export interface ControlActions {
  list(): Iterable<readonly ListEntry[]>;
  /** Answers any other request. @throws {Error} The message is sent to the client. */
  answer(request: Exclude<ControlRequest, { command: "list" }>): Promise<ControlAnswer>;
}

/**
 * Creates the control socket, replacing one left by an earlier daemon. The path is relative to the
 * state directory, our working directory, so that its length does not matter. Call it before the
 * privilege drop, as the directory may be root's.
 *
 * @throws {Error} When the socket cannot be created.
 */
export function listenForControl(path: string): Deno.UnixListener {
  removeIfThere(path);
  const umask = Deno.umask(SOCKET_UMASK);
  try {
    return Deno.listen({ transport: "unix", path });
  } finally {
    Deno.umask(umask);
  }
}

/**
 * Creates a socket to which members of a group can connect too. Call it before the privilege drop.
 *
 * @throws {Error} When the socket cannot be created.
 */
export function listenForGroup(path: string, gid: number): Deno.UnixListener {
  const listener = listenForControl(path);
  try {
    Deno.chownSync(path, null, gid);
    Deno.chmodSync(path, GROUP_SOCKET_MODE);
    return listener;
  } catch (error) {
    listener.close();
    removeControlSocket(path);
    throw error;
  }
}

/** Restricts actions to read-only ones. */
export function lookingOnly(actions: ControlActions): ControlActions {
  return {
    list: () => actions.list(),
    answer(request) {
      if (request.command === "status") return actions.answer(request);
      return Promise.reject(new Error("This needs root: members of status-group may only look"));
    },
  };
}

/** Serves clients until it is closed. */
export function serveControl(
  listener: Deno.UnixListener,
  actions: ControlActions,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): ClientServer {
  return serveClients(listener, {
    serve: (client) => new ControlClient(client, actions, clock).serve(),
    closed: "newest",
    ended: (error) => log.debug(() => `Control connection ended: ${reasonOf(error)}`),
    startTimer: clock.startTimer,
  });
}

/** Removes the control socket at the end. */
export function removeControlSocket(path: string): void {
  try {
    removeIfThere(path);
  } catch {
    // In a directory of root's the socket stays, and refuses connections.
  }
}

/** Connection of one client; its requests are answered in order. */
class ControlClient {
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();

  constructor(
    readonly connection: Deno.Conn,
    readonly actions: ControlActions,
    readonly clock: Clock,
  ) {}

  async serve(): Promise<void> {
    const chunk = new Uint8Array(REQUEST_MAX_BYTES);
    let text = "";
    for (;;) {
      const cancel = this.clock.startTimer(IDLE_MS, () => closeQuietly(this.connection));
      let length: number | null;
      try {
        length = await this.connection.read(chunk);
      } finally {
        cancel();
      }
      if (length === null) return;
      text += this.#decoder.decode(chunk.subarray(0, length), { stream: true });
      for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
        const line = text.slice(0, end);
        text = text.slice(end + 1);
        await this.#answer(line);
      }
      if (text.length > REQUEST_MAX_BYTES) {
        return await this.#write({ ok: false, reason: "the request is too long" });
      }
    }
  }

  async #answer(line: string): Promise<void> {
    const request = parseRequest(line);
    if (typeof request === "string") return await this.#write({ ok: false, reason: request });
    try {
      if (request.command === "list") {
        for (const page of this.actions.list()) {
          await this.#write(page);
          await sleep(this.clock.startTimer, PAGE_PAUSE_MS);
        }
        return await this.#write({ ok: true });
      }
      return await this.#write(await this.actions.answer(request));
    } catch (error) {
      return await this.#write({ ok: false, reason: reasonOf(error) });
    }
  }

  async #write(value: ControlAnswer | readonly ListEntry[]): Promise<void> {
    const bytes = this.#encoder.encode(`${JSON.stringify(value)}\n`);
    // A client that does not read is disconnected, as its page would be kept forever.
    const cancel = this.clock.startTimer(IDLE_MS, () => closeQuietly(this.connection));
    try {
      await writeAll(this.connection, bytes);
    } finally {
      cancel();
    }
  }
}
