/** Lock managers: finding their ports through rpcbind. */

import type { Endpoint } from "../rpc/transport.ts";
import { findPort } from "./port_lookup.ts";
import type { CallPeer } from "./ports.ts";

/** Loopback: the lock manager is on this host, independently of my_name (CERT CA-99-05). */
export const LOCK_MANAGER_ADDRESS = "127.0.0.1";

/** Timeout of one attempt, in ms. lockd replies before it starts to reclaim. */
export const ATTEMPT_TIMEOUT_MS = 5_000;

/** Address and transport of a lock manager. */
export interface LockManager extends Endpoint {
  readonly transport: "udp" | "tcp";
}

/**
 * Finds a lock manager through the local rpcbind; undefined if it is not registered. `attempt`
 * counts the attempts of a callback from 0.
 */
export type FindLockManager = (
  program: number,
  version: number,
  attempt: number,
) => Promise<LockManager | undefined>;

/**
 * Prefers UDP, where lockd trusts the source port, and falls back to TCP. If TCP is preferred,
 * every other attempt tries it first.
 */
export function lockManagerFinder(
  callPeer: CallPeer,
  isTcpPreferred: () => boolean,
): FindLockManager {
  return async (program, version, attempt) => {
    const isTcpFirst = isTcpPreferred() && attempt % 2 === 0;
    for (const transport of isTcpFirst ? ["tcp", "udp"] as const : ["udp", "tcp"] as const) {
      const wanted = { program, version, transport };
      const port = await findPort(callPeer, wanted, LOCK_MANAGER_ADDRESS, ATTEMPT_TIMEOUT_MS);
      if (port !== undefined) return { address: LOCK_MANAGER_ADDRESS, port, transport };
    }
    return undefined;
  };
}
