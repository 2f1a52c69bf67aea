/** Stepwise probe of a host's NSM at an address over a transport. */

import { findPort } from "../nsm/port_lookup.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { nsmV1, Res, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";

/** Result for one address and transport; steps after a failed one are absent. */
export interface Probe {
  readonly address: string;
  readonly transport: "udp" | "tcp";
  /** Round trip to rpcbind, in ms. */
  readonly rpcbindMs?: number;
  /** Port of the NSM; 0: not registered. */
  readonly port?: number;
  /** Round trip of SM_NULL, in ms. */
  readonly nullMs?: number;
  /** Whether it would monitor us, and its own state number. */
  readonly wouldMonitor?: boolean;
  readonly state?: number;
  /** Fault of the failed step; absent if all succeeded. */
  readonly fault?: string;
}

/** Probes one address over one transport. `timeoutMs` applies to each call. */
export async function probe(
  peers: CallPeer,
  clock: Pick<Clock, "now">,
  address: string,
  transport: "udp" | "tcp",
  ownName: string,
  timeoutMs: number,
): Promise<Probe> {
  const found: { -readonly [K in keyof Probe]: Probe[K] } = { address, transport };
  let step = "rpcbind";
  try {
    let began = clock.now();
    const wanted = { program: SM_PROG, version: SM_VERS, transport };
    const port = await findPort(peers, wanted, address, timeoutMs);
    found.rpcbindMs = clock.now() - began;
    found.port = port ?? 0;
    if (port === undefined) {
      found.fault = `no NSM is registered for ${transport}`;
      return found;
    }
    const to = { address, port };
    step = "SM_NULL";
    began = clock.now();
    await peers.call(nsmV1, "SM_NULL", undefined, to, transport, timeoutMs);
    found.nullMs = clock.now() - began;
    step = "SM_STAT";
    const args = { mon_name: ownName };
    const { res_stat, state } = await peers
      .call(nsmV1, "SM_STAT", args, to, transport, timeoutMs);
    found.wouldMonitor = res_stat === Res.STAT_SUCC;
    found.state = state;
    if (!found.wouldMonitor) found.fault = "it would not monitor us: our name means nothing to it";
  } catch (error) {
    found.fault = `${step}: ${reasonOf(error)}`;
  }
  return found;
}

/** Verdict on all probes of a host. */
export type Verdict = "good" | "partly" | "unreachable";

/** `good` if all succeeded, `partly` if any answered SM_NULL. */
export function verdictOf(probes: readonly Probe[]): Verdict {
  if (probes.length > 0 && probes.every(({ fault }) => fault === undefined)) return "good";
  return probes.some(({ nullMs }) => nullMs !== undefined) ? "partly" : "unreachable";
}
