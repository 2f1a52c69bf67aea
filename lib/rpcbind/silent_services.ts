/**
 * Services that are registered and do not answer, as after a crash: each is called by its NULL procedure
 * from time to time, in the background, and it is said when one falls silent and when it answers again.
 * Its entries stay, since nobody but its owner can tell whether it is gone.
 *
 * Called are services that listen at all addresses or at loopback, by loopback: anybody could have another
 * host called otherwise.
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

/** Pause between rounds of calls, in ms. */
const ROUND_MS = 300_000;
/** Limit on an answer of a service on this host, in ms. */
const TIMEOUT_MS = 5_000;
/** Services called in one round, in number: a host has a few dozen, and users may register thousands. */
const CALLED_MAX = 256;
/** Address at which a service on this host is called. */
const LOOPBACK: Readonly<Record<string, string>> = {
  "0.0.0.0": "127.0.0.1",
  "127.0.0.1": "127.0.0.1",
  "::": "::1",
  "::1": "::1",
};

/** Parts of the calls. */
export interface SilentServicesParts {
  readonly entries: Entries;
  readonly callPeer: CallPeer;
  readonly clock: Pick<Clock, "startTimer">;
  readonly log: Log;
}

/** Looks after the services until the signal is aborted; it never rejects. */
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

/** Endpoint at which the service of an entry is called; undefined if it is not. */
function endpointOf({ r_netid, r_addr }: Entry): Endpoint | undefined {
  if (!/^(?:udp|tcp)6?$/.test(r_netid)) return undefined;
  const registered = fromUniversalAddress(r_addr);
  const address = registered && LOOPBACK[registered.address];
  return address === undefined ? undefined : { address, port: registered!.port };
}

/** True if a program answers: an error of RPC is an answer, too. */
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
