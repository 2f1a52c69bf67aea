/** Search for another status monitor that serves this host. */

import { openUdpSocket } from "../net/udp.ts";
import { connectStream } from "../net/tcp.ts";
import { findPort } from "../nsm/port_lookup.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { PeerCalls } from "../net/peer_calls.ts";

const LOCALHOST = "127.0.0.1";

/**
 * Timeout of each of the two questions, in ms. It delays the start if a registered monitor does not
 * answer.
 */
const PROBE_TIMEOUT_MS = 1_000;

/** Address of a status monitor that answers, for display; undefined if there is none. */
export async function findRunningStatd(): Promise<string | undefined> {
  const { startTimer } = systemClock;
  let calls: PeerCalls | undefined;
  try {
    const socket = openUdpSocket({ address: LOCALHOST, port: 0 }, startTimer);
    calls = new PeerCalls(socket, connectStream, { startTimer, randomXid: randomNumbers() });
    // TCP first, since it shows at once that nothing listens.
    for (const transport of ["tcp", "udp"] as const) {
      const wanted = { program: SM_PROG, version: SM_VERS, transport };
      const port = await findPort(calls, wanted, LOCALHOST, PROBE_TIMEOUT_MS);
      if (port === undefined) continue;
      const to = { address: LOCALHOST, port };
      await calls.call(nsmV1, "SM_NULL", undefined, to, transport, PROBE_TIMEOUT_MS);
      return `Program ${SM_PROG} answers on ${transport} port ${port} of ${LOCALHOST}`;
    }
  } catch {
    // There is no socket, no rpcbind, or a stale registration: the start may continue.
  } finally {
    await calls?.close();
  }
  return undefined;
}
