/** Calls to other hosts from nsmctl: from a reserved port where that is to be had, as peers may want. */

import { NOTHING_GIVEN_AWAY, openReservedSocket } from "../net/reserved_port.ts";
import { connectStream } from "../net/tcp.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { PeerCalls } from "../net/peer_calls.ts";

/** All addresses of both families, or of IPv4 where there is no IPv6. */
const ANY = ["::", "0.0.0.0"];

/** Opens what calls are made with; close() ends it. */
export function openOwnCalls(): PeerCalls {
  const { startTimer } = systemClock;
  const randomNumber = randomNumbers();
  let failure: unknown;
  for (const address of ANY) {
    try {
      const { socket } = openReservedSocket({
        address,
        givenAway: NOTHING_GIVEN_AWAY,
        randomNumber,
        startTimer,
      });
      return new PeerCalls(socket, connectStream, { startTimer, randomXid: randomNumber });
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
