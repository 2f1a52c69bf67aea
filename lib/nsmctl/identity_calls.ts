/** Calls to peers from the addresses of an identity, from reserved ports if possible. */

import { isIpv6 } from "../rpc/address.ts";
import { connectFrom } from "../net/bound_stream.ts";
import { PeerCalls } from "../net/peer_calls.ts";
import { openReservedSocket, reservedPorts } from "../net/reserved_port.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { streamCalls } from "../platform/stream_calls.ts";
import { TransportError } from "../rpc/transport.ts";
import { RefusedError } from "../cluster/refusals.ts";
import { sleep } from "../time/clock.ts";
import { avoidedPorts, openOwnCalls } from "./own_calls.ts";

/** Client for these calls, to be closed. */
export interface IdentityCalls extends CallPeer {
  /** Source addresses that are not here. */
  readonly missing: readonly string[];
  close(): Promise<void>;
}

/**
 * Longest wait for an address, in ms: an IPv6 address that was just brought up is tentative for a second or two
 * (RFC 4862 section 5.4), and cannot be bound.
 */
const ADDRESS_MS = 5_000;
/** Pause before an address is tried again, in ms. */
const AGAIN_MS = 100;

/**
 * Opens the source addresses; none: any. Of two families one is enough.
 *
 * @throws {TransportError} (as a rejection)
 * @throws {RefusedError} (as a rejection) When none of the addresses is here.
 */
export async function openIdentityCalls(sources: readonly string[]): Promise<IdentityCalls> {
  if (sources.length === 0) {
    const calls = openOwnCalls();
    return { missing: [], call: calls.call.bind(calls), close: () => calls.close() };
  }
  const tried = await Promise.all(
    sources.map(async (address) => ({ address, calls: await openedInTime(address) })),
  );
  const opened = tried.filter(({ calls }) => calls !== undefined);
  if (opened.length === 0) {
    throw new RefusedError("invalid", `${notHere(sources)}: bring it up first`);
  }
  const of = (address: string) =>
    opened.find((source) => isIpv6(source.address) === isIpv6(address))?.calls;
  return {
    missing: tried.filter(({ calls }) => calls === undefined).map(({ address }) => address),
    call(program, name, args, to, transport, timeoutMs) {
      const calls = of(to.address);
      if (calls !== undefined) return calls.call(program, name, args, to, transport, timeoutMs);
      const reason = "the identity has no source address of that family here";
      return Promise.reject(new TransportError("send to", to, reason));
    },
    async close() {
      await Promise.all(opened.map(({ calls }) => calls?.close()));
    },
  };
}

/** Says that addresses of an identity are not here. */
export function notHere(addresses: readonly string[]): string {
  return `The address of the identity is not on this host (${addresses.join(", ")})`;
}

/** Client at an address; undefined if the address does not come. */
async function openedInTime(address: string): Promise<PeerCalls | undefined> {
  const until = systemClock.now() + ADDRESS_MS;
  for (;;) {
    try {
      return openCallsFrom(address);
    } catch (error) {
      const cause = error instanceof TransportError ? error.cause : undefined;
      if (!(cause instanceof Deno.errors.AddrNotAvailable)) throw error;
    }
    if (systemClock.now() >= until) return undefined;
    await sleep(systemClock.startTimer, AGAIN_MS);
  }
}

function openCallsFrom(address: string): PeerCalls {
  const { startTimer } = systemClock;
  const randomNumber = randomNumbers();
  const givenAway = avoidedPorts();
  const { socket } = openReservedSocket({ address, givenAway, randomNumber, startTimer });
  const ports = () => reservedPorts(givenAway, randomNumber());
  const connect = connectFrom({ address, ports, calls: streamCalls, startTimer });
  return new PeerCalls(socket, connect, { startTimer, randomXid: randomNumber });
}
