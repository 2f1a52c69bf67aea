/** Calls to peers from the addresses of an identity, from reserved ports if possible. */

import { isIpv6 } from "../rpc/address.ts";
import { connectFrom } from "../net/bound_stream.ts";
import { PeerCalls } from "../net/peer_calls.ts";
import { NOTHING_GIVEN_AWAY, openReservedSocket, reservedPorts } from "../net/reserved_port.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { streamCalls } from "../platform/stream_calls.ts";
import { TransportError } from "../rpc/transport.ts";
import { RefusedError } from "../cluster/refusals.ts";
import { openOwnCalls } from "./own_calls.ts";

/** Client for these calls, to be closed. */
export interface IdentityCalls extends CallPeer {
  close(): Promise<void>;
}

/** Opens the source addresses; none: any. @throws {TransportError | RefusedError} */
export function openIdentityCalls(sources: readonly string[]): IdentityCalls {
  if (sources.length === 0) return openOwnCalls();
  const opened = sources.map((address) => ({ address, calls: openCallsFrom(address) }));
  const of = (address: string) =>
    opened.find((source) => isIpv6(source.address) === isIpv6(address))?.calls;
  return {
    call(program, name, args, to, transport, timeoutMs) {
      const calls = of(to.address);
      if (calls !== undefined) return calls.call(program, name, args, to, transport, timeoutMs);
      const reason = "the identity has no source address of that family";
      return Promise.reject(new TransportError("send to", to, reason));
    },
    async close() {
      await Promise.all(opened.map(({ calls }) => calls.close()));
    },
  };
}

function openCallsFrom(address: string): PeerCalls {
  const { startTimer } = systemClock;
  const randomNumber = randomNumbers();
  const socket = openedAt(
    address,
    () =>
      openReservedSocket({ address, givenAway: NOTHING_GIVEN_AWAY, randomNumber, startTimer })
        .socket,
  );
  const ports = () => reservedPorts(NOTHING_GIVEN_AWAY, randomNumber());
  const connect = connectFrom({ address, ports, calls: streamCalls, startTimer });
  return new PeerCalls(socket, connect, { startTimer, randomXid: randomNumber });
}

/** Opens a socket at an address, which comes with the service. @throws {RefusedError} When it is not here. */
function openedAt<T>(address: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const isHere = !(error instanceof TransportError) ||
      !(error.cause instanceof Deno.errors.AddrNotAvailable);
    if (isHere) throw error;
    throw new RefusedError(
      "invalid",
      `${address} is no address of this host: bring up the address of the identity before its clients are told`,
    );
  }
}
