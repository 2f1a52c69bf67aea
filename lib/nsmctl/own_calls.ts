/** Calls to other hosts from nsmctl, from a reserved port if possible, as peers may require. */

import { type GivenAwayPorts, givenAwayPorts, openReservedSocket } from "../net/reserved_port.ts";
import { connectStream } from "../net/tcp.ts";
import { systemFiles } from "../config/ini_file.ts";
import { portsInConf } from "../config/ports_in_conf.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { PeerCalls } from "../net/peer_calls.ts";

/** Ports that our calls avoid. */
export function avoidedPorts(): GivenAwayPorts {
  return givenAwayPorts(portsInConf(Deno.env, systemFiles));
}

/** Wildcards: of both families, or of IPv4 without IPv6. */
const ANY = ["::", "0.0.0.0"];

/** Opens the client; close() ends it. */
export function openOwnCalls(): PeerCalls {
  const { startTimer } = systemClock;
  const randomNumber = randomNumbers();
  const givenAway = avoidedPorts();
  let failure: unknown;
  for (const address of ANY) {
    try {
      const { socket } = openReservedSocket({
        address,
        givenAway,
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
