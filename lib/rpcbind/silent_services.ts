/**
 * Silent services: registered but not answering, as after a crash. Each service's NULL procedure is
 * called periodically, and changes are logged. Entries stay, since only the owner knows whether the
 * service is gone.
 *
 * Only services on a wildcard or loopback address are called, over loopback; otherwise anybody
 * could make us call another host.
 */

import type { Log } from "../log.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { fromUniversalAddress } from "../protocol/universal_address.ts";
import { quote } from "../quote.ts";
import { RpcError } from "../rpc/errors.ts";
import { program } from "../rpc/program.ts";
import type { Endpoint } from "../rpc/transport.ts";
import { type Clock, sleep } from "../time/clock.ts";
import { nothing } from "../xdr/types.ts";
import { type Entries, type Entry, isOwn } from "./entries.ts";

/** Interval of rounds, in ms. */
const ROUND_MS = 300_000;
/** Timeout of a local service's answer, in ms. */
const TIMEOUT_MS = 5_000;
/** Services called per round: a host has a few dozen, but users may register thousands. */
const CALLED_MAX = 256;
/** Loopback address for each registered address. */
const LOOPBACK: Readonly<Record<string, string>> = {
  "0.0.0.0": "127.0.0.1",
  "127.0.0.1": "127.0.0.1",
  "::": "::1",
  "::1": "::1",
};

export interface SilentServicesParts {
  readonly entries: Entries;
  readonly callPeer: CallPeer;
  readonly clock: Pick<Clock, "startTimer">;
  readonly log: Log;
}

/** Probes the services until the signal is aborted; never rejects. */
export async function watchServices(
  parts: SilentServicesParts,
  signal: AbortSignal,
): Promise<void> {
  const { entries, clock, log } = parts;
  let silent = new Set<string>();
  for (;;) {
    await sleep(clock.startTimer, ROUND_MS, signal);
    if (signal.aborted) return;
    const found = new Set<string>();
    for (const entry of callable(entries.all)) {
      if (signal.aborted) return;
      const service =
        `program ${entry.r_prog} version ${entry.r_vers} at ${quote(entry.r_netid)} ` +
        quote(entry.r_addr);
      if (await answers(entry, parts)) {
        if (silent.has(service)) log.notice(`Answers again: ${service}`);
        continue;
      }
      if (signal.aborted) return;
      found.add(service);
      if (!silent.has(service)) {
        log.notice(`Does not answer, and stays registered until its owner removes it: ${service}`);
      }
    }
    silent = found;
  }
}

function callable(entries: readonly Entry[]): Entry[] {
  return entries.filter((entry) => !isOwn(entry) && endpointOf(entry) !== undefined)
    .slice(0, CALLED_MAX);
}

/** Endpoint to probe an entry at; undefined if it is not probed. */
function endpointOf({ r_netid, r_addr }: Entry): Endpoint | undefined {
  if (!/^(?:udp|tcp)6?$/.test(r_netid)) return undefined;
  const registered = fromUniversalAddress(r_addr);
  const address = registered && LOOPBACK[registered.address];
  return address === undefined ? undefined : { address, port: registered!.port };
}

/** Whether a service answers; an RPC error is an answer too. */
async function answers(entry: Entry, { callPeer }: SilentServicesParts): Promise<boolean> {
  const service = program("service", entry.r_prog, entry.r_vers, {
    NULL: { number: 0, args: nothing, result: nothing, from: "any" },
  });
  const transport = entry.r_netid.startsWith("udp") ? "udp" : "tcp";
  try {
    await callPeer.call(service, "NULL", undefined, endpointOf(entry)!, transport, TIMEOUT_MS);
    return true;
  } catch (error) {
    return error instanceof RpcError && error.failure.kind !== "timeout";
  }
}
