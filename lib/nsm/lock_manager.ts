/** Lock managers: where they are, and how rpcbind is asked for them. */

import type { Endpoint } from "../rpc/transport.ts";
import { findPort } from "./port_lookup.ts";
import type { CallPeer } from "./ports.ts";

/** The lock manager is on this host, whatever my_name says (CERT CA-99-05). */
export const LOCK_MANAGER_ADDRESS = "127.0.0.1";

/** How long one attempt waits for the reply, in ms: lockd answers before it begins to reclaim. */
export const ATTEMPT_TIMEOUT_MS = 5_000;

/** Where a lock manager listens. */
export interface LockManager extends Endpoint {
  readonly transport: "udp" | "tcp";
}

/**
 * Asks rpcbind on this host for a lock manager, for the given attempt at a callback, counted from 0;
 * undefined where it is not registered.
 */
export type FindLockManager = (
  program: number,
  version: number,
  attempt: number,
) => Promise<LockManager | undefined>;

/**
 * Looks for a lock manager over UDP, which lockd trusts by its port, and over TCP where there is none.
 * Where TCP is preferred, every other attempt tries it first.
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
