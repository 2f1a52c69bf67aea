/** UNIX stream listeners that report the uid of each peer. */

import { acceptedUsers } from "../platform/accepted_users.ts";
import { TransportError } from "../rpc/transport.ts";
import { type StreamListener, unixStream } from "./tcp.ts";

/** First byte of an abstract socket name (unix(7)). */
export const ABSTRACT = "\0";

/**
 * Opens a listener at a path or an abstract name. Its endpoint is the path, without a port.
 *
 * @throws {TransportError} When the path cannot be bound, as when it exists.
 */
export function listenUnix(path: string): StreamListener {
  const shown = path.startsWith(ABSTRACT) ? `@${path.slice(1)}` : path;
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path });
  } catch (error) {
    throw new TransportError("listen at", shown, error);
  }
  return unixListener(listener, path, shown);
}

/** Wraps a Deno listener; `path` is its name as the system has it. */
export function unixListener(
  listener: Deno.UnixListener,
  path: string,
  shown = path,
): StreamListener {
  const users = acceptedUsers(path);
  let isClosed = false;
  return {
    local: { address: shown, port: 0 },
    // Sequential: a connection is identified by being the one that was not there before.
    accept: async () => {
      const connection = await listener.accept();
      return unixStream(connection, shown, users.next());
    },
    close: () => {
      if (!isClosed) listener.close();
      isClosed = true;
    },
  };
}
