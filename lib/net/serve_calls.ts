/** RPC server on all sockets of a program. */

import type { Log } from "../log.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { reasonOf } from "../reason.ts";
import { netidFor } from "../rpc/address.ts";
import type { Caller, DatagramSocket, Respond } from "../rpc/transport.ts";
import { type ClosingLimit, sharedLimits } from "./stream_limits.ts";
import { serveStreams } from "./stream_server.ts";
import type { StreamListener } from "./tcp.ts";
import { serveDatagrams } from "./udp.ts";

/** Sockets to serve. */
interface ServedSockets {
  readonly datagrams: readonly DatagramSocket[];
  readonly listeners: readonly StreamListener[];
  /** Closes all sockets. */
  close(): void;
}

/** Dependencies of serving. */
export interface ServingParts {
  readonly respond: Respond;
  readonly log: Log;
  /** Closes all sockets when aborted. */
  readonly signal: AbortSignal;
  /** Called when a call is dropped because too many are in progress. */
  readonly dropped?: () => void;
  /** Called when a connection is closed because of a limit. */
  readonly limitReached?: (limit: ClosingLimit) => void;
}

/** Serves calls on all sockets until the signal is aborted. */
export async function serveCalls(
  { datagrams, listeners, close }: ServedSockets,
  { respond, log, signal, dropped = () => {}, limitReached = () => {} }: ServingParts,
): Promise<void> {
  signal.addEventListener("abort", close);
  const hooks = {
    respondFailed: ({ address }: Caller, error: unknown) =>
      log.error(`Cannot answer a call from ${address}: ${reasonOf(error)}`),
    replyFailed: ({ address }: Caller, error: unknown) =>
      log.debug(() => `Cannot reply to ${address}: ${reasonOf(error)}`),
    dropped({ address }: Caller) {
      dropped();
      log.debug(() => `Dropped a call from ${address}: too many are in progress`);
    },
  };
  const netidOf = (transport: "udp" | "tcp") => (address: string) => netidFor(transport, address);
  const limits = sharedLimits(listeners);
  const streams = { netidOf: netidOf("tcp"), clock, log, limitReached, limits, signal };
  await Promise.all([
    ...listeners.map((listener) => serveStreams(listener, respond, streams)),
    ...datagrams.map((socket) => serveDatagrams(socket, netidOf("udp"), respond, hooks)),
  ]);
}
