/** Calls to other hosts from nsmctl, from a reserved port if possible, as peers may require. */

import { NOTHING_GIVEN_AWAY, openReservedSocket } from "../net/reserved_port.ts";
import { connectStream } from "../net/tcp.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { PeerCalls } from "../net/peer_calls.ts";

/** Wildcards: of both families, or of IPv4 without IPv6. */
const ANY = ["::", "0.0.0.0"];

/** Opens the client; close() ends it. */
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
