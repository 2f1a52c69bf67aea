/** Accept loop of a server for a few clients, such as programs of operators. */

import { isLostConnection } from "../net/errors.ts";
import { sleep, type StartTimer } from "../time/clock.ts";

/** Limit of clients. Operators and Prometheus need no more, and each client takes a descriptor. */
const CLIENTS_MAX = 8;
/** Pause after a failed accept(), as without a free file descriptor, in ms. */
const ACCEPT_PAUSE_MS = 1_000;

/** Dependencies of the loop. */
export interface ClientParts {
  /** Serves one client; the loop closes it afterwards. */
  readonly serve: (client: Deno.Conn) => Promise<void>;
  /** Client closed when all places are taken. */
  readonly closed: "newest" | "oldest";
  /** Called when serving failed, as for a client that closed early. */
  readonly ended: (error: unknown) => void;
  /** Called when accept() failed. */
  readonly failed?: (error: unknown) => void;
  readonly startTimer: StartTimer;
}

/** Server that can be closed, with its clients. */
export interface ClientServer {
  close(): void;
}

/** Serves clients until it is closed. */
export function serveClients(
  listener: Deno.Listener<Deno.Conn>,
  { serve, closed, ended, failed, startTimer }: ClientParts,
): ClientServer {
  const clients = new Set<Deno.Conn>();
  let isClosed = false;
  const serveOne = async (client: Deno.Conn) => {
    clients.add(client);
    try {
      await serve(client);
    } catch (error) {
      ended(error);
    } finally {
      clients.delete(client);
      closeQuietly(client);
    }
  };
  const accept = async () => {
    while (!isClosed) {
      try {
        const client = await listener.accept();
        const [oldest] = clients;
        if (clients.size < CLIENTS_MAX) void serveOne(client);
        else if (closed === "newest") client.close();
        else {
          clients.delete(oldest!);
          closeQuietly(oldest!);
          void serveOne(client);
        }
      } catch (error) {
        if (isClosed) return;
        // A pause for each would let whoever resets connections keep out all clients.
        if (isLostConnection(error)) continue;
        failed?.(error);
        await sleep(startTimer, ACCEPT_PAUSE_MS);
      }
    }
  };
  void accept();
  return {
    close() {
      if (isClosed) return;
      isClosed = true;
      listener.close();
      for (const client of clients) closeQuietly(client);
    },
  };
}

/** Closes a connection that may be closed already. */
export function closeQuietly(client: Deno.Conn): void {
  try {
    client.close();
  } catch {
    // closed already
  }
}

/** Writes all bytes to a client. @throws {Error} When it has closed. */
export async function writeAll(client: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await client.write(bytes.subarray(at));
}
