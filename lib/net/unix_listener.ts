/** UNIX stream sockets that are listened at, with the user at the other end of each connection. */

import { acceptedUsers } from "../platform/accepted_users.ts";
import { TransportError } from "../rpc/transport.ts";
import { type StreamListener, unixStream } from "./tcp.ts";

/** What a name in the abstract name space begins with (unix(7)). */
export const ABSTRACT = "\0";

/**
 * Opens a listener at a path, or at a name in the abstract name space. Its endpoint is the path, without
 * a port.
 *
 * @throws {TransportError} When the path cannot be had, as when something is there already.
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

/** A listener of the runtime behind our interface; `path` is its name as the system has it. */
export function unixListener(
  listener: Deno.UnixListener,
  path: string,
  shown = path,
): StreamListener {
  const users = acceptedUsers(path);
  let isClosed = false;
  return {
    local: { address: shown, port: 0 },
    // One after the other: a connection is known by being the one that was not there before.
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
