/** Source sockets of sm-notify, and the names that belong to them. */

import { ANY_IPV4, ANY_IPV6 } from "../net/wildcards.ts";
import { connectFrom } from "../net/bound_stream.ts";
import { hostResolver, type NameFunctions } from "../net/resolver.ts";
import {
  type GivenAwayPorts,
  givenAwayPorts,
  openReservedSocket,
  reservedPorts,
} from "../net/reserved_port.ts";
import { systemFiles } from "../config/ini_file.ts";
import { portsInConf } from "../config/ports_in_conf.ts";
import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { isIpv6, normaliseAddress } from "../rpc/address.ts";
import { coarseTimers } from "../time/coarse_timers.ts";
import type { CallPeer, Resolver } from "../nsm/ports.ts";
import { randomNumbers, systemClock } from "../platform/clock.ts";
import { setReceiveBuffer } from "../platform/socket_options.ts";
import { streamCalls } from "../platform/stream_calls.ts";
import { quote } from "../quote.ts";
import type { ClientParts } from "../rpc/client.ts";
import { type Connect, type DatagramSocket, TransportError } from "../rpc/transport.ts";
import { PeerCalls } from "../net/peer_calls.ts";
import { openUdpSocket } from "../net/udp.ts";
import { reasonOf } from "../reason.ts";
import { type Clock, sleep } from "../time/clock.ts";

/** Plan of a source, passed from the starting process to the background. */
export interface SourcePlan {
  /** Name to announce; absent: the record's my_name. */
  readonly name?: string;
  /** Addresses to bind, at most one per family. */
  readonly addresses: readonly string[];
}

/**
 * Receive buffer, in bytes: replies of some thousand peers while this process is busy; the system's
 * default holds 250.
 */
const RECEIVE_BUFFER_BYTES = 4 << 20;

/**
 * Timeout of the reverse look-up of an own address, in ms. It delays all notices, and a lost
 * question is repeated only after 5 s (resolv.conf(5), timeout).
 */
const OWN_NAME_LIMIT_MS = 2_000;

/** Resolver for the arguments of `-v`. */
export function ownNames(functions: NameFunctions, clock: Clock): Resolver {
  const { addressesOf } = hostResolver(functions, clock);
  const { nameOf } = hostResolver(functions, clock, { timeLimitMs: OWN_NAME_LIMIT_MS });
  return { addressesOf, nameOf };
}

/**
 * Total time and pause of retries for an own name, in ms: at boot the name service may come up
 * late. The start of rpc.statd waits meanwhile.
 */
const OWN_ADDRESS_LIMIT_MS = 15_000;
const OWN_ADDRESS_PAUSE_MS = 2_500;

/**
 * Finds the name and the addresses of each `-v`; without any, the one source is the wildcard. If
 * peers are told from any address, as behind NAT or a Kubernetes Service, the names need not
 * resolve.
 *
 * @throws {Error} When a name has no address.
 */
export async function planSources(
  { outgoingAddr: texts, source }: Pick<SmNotifySettings, "outgoingAddr" | "source">,
  resolver: Resolver,
  log: Log,
  clock: Clock,
): Promise<SourcePlan[]> {
  if (texts.length === 0) return [{ addresses: [] }];
  return await Promise.all(texts.map(async (text): Promise<SourcePlan> => {
    const address = normaliseAddress(text);
    const isAny = source === "any";
    if (address !== undefined) {
      const found = await resolver.nameOf(address);
      const addresses = isAny ? [] : [address];
      if (found.outcome === "found") return { name: found.value, addresses };
      // Deviation: nfs-utils exits here. An address is a name too, and may be the one that peers
      // know.
      log.warning(
        `${quote(text)} has no name, so the address itself is announced: ${found.reason}`,
      );
      return { name: text, addresses };
    }
    if (isAny) return { name: text, addresses: [] };
    const found = await addressesOfOwn(text, resolver, clock);
    if (found.outcome !== "found") {
      throw new Error(
        `Invalid bind address or port for RPC socket: ${quote(text)}: ${found.reason}`,
      );
    }
    const { addresses } = found.value;
    const chosen = [
      addresses.find((address) => !isIpv6(address)),
      addresses.find((address) => isIpv6(address)),
    ];
    return { name: text, addresses: chosen.filter((address) => address !== undefined) };
  }));
}

async function addressesOfOwn(name: string, resolver: Resolver, clock: Clock) {
  const endsAt = clock.now() + OWN_ADDRESS_LIMIT_MS;
  for (;;) {
    const found = await resolver.addressesOf(name);
    if (found.outcome !== "tryLater" || clock.now() >= endsAt) return found;
    await sleep(clock.startTimer, OWN_ADDRESS_PAUSE_MS);
  }
}

/** Opener of the sources, on a given port or on reserved ones; use it before the privilege drop. */
export class SourceOpener {
  readonly #port: number | undefined;
  readonly #log: Log;
  readonly #parts: ClientParts = {
    startTimer: coarseTimers(systemClock),
    randomXid: randomNumbers(),
  };
  /** Calls by own address, which several names may share. */
  readonly #calls = new Map<string, PeerCalls>();
  #givenAway: GivenAwayPorts | undefined;

  /** Port 0: ephemeral. */
  constructor(port: number | undefined, log: Log) {
    this.#port = port;
    this.#log = log;
  }

  /**
   * Opens the sources. A source without an address of a peer's family uses another source's, since
   * each name has to reach every peer.
   *
   * @throws {TransportError} When an address cannot be bound.
   */
  open(plans: readonly SourcePlan[]): CallPeer[] {
    const all = plans.flatMap(({ addresses }) => addresses);
    return plans.map(({ addresses }) => {
      if (addresses.length === 0) return this.#callsFromEverywhere();
      const own = (isOfFamily: (address: string) => boolean) => {
        const address = [...addresses, ...all].find(isOfFamily);
        return address === undefined ? undefined : this.#callsFrom(address);
      };
      return byFamily(own((address) => !isIpv6(address)), own(isIpv6));
    });
  }

  #callsFromEverywhere(): CallPeer {
    try {
      return this.#callsFrom(ANY_IPV6);
    } catch (error) {
      this.#log.debug(() => `Without IPv6: ${reasonOf(error)}`);
      return this.#callsFrom(ANY_IPV4);
    }
  }

  #callsFrom(address: string): PeerCalls {
    let calls = this.#calls.get(address);
    if (calls === undefined) {
      const socket = this.#socket(address);
      calls = new PeerCalls(socket, this.#connectFrom(address), this.#parts);
      this.#calls.set(address, calls);
    }
    return calls;
  }

  /** Opens connections from ports like the socket's, several from one port. */
  #connectFrom(address: string): Connect {
    const { startTimer } = systemClock;
    const ports = () => this.#port === undefined ? this.#reservedPorts() : [this.#port];
    return connectFrom({ address, ports, calls: streamCalls, startTimer });
  }

  #reservedPorts(): number[] {
    return reservedPorts(this.#givenAwayPorts(), this.#parts.randomXid());
  }

  #givenAwayPorts(): GivenAwayPorts {
    return this.#givenAway ??= givenAwayPorts(portsInConf(Deno.env, systemFiles));
  }

  #socket(address: string): DatagramSocket {
    const { startTimer } = systemClock;
    if (this.#port !== undefined) return this.#open({ address, port: this.#port }, startTimer);
    const randomNumber = this.#parts.randomXid;
    const { socket, note } = openReservedSocket({
      address,
      givenAway: this.#givenAwayPorts(),
      randomNumber,
      startTimer,
    }, this.#open);
    if (note !== undefined) this.#log.warning(note);
    return socket;
  }

  #open: typeof openUdpSocket = (at, startTimer) => {
    const socket = openUdpSocket(at, startTimer);
    try {
      setReceiveBuffer(socket.fd, RECEIVE_BUFFER_BYTES);
    } catch (error) {
      this.#log.debug(() => `Cannot enlarge the receive buffer: ${reasonOf(error)}`);
    }
    return socket;
  };
}

/** Calls from our own address of the peer's family. */
function byFamily(ipv4: PeerCalls | undefined, ipv6: PeerCalls | undefined): CallPeer {
  return {
    call: (program, name, args, to, transport, timeoutMs) => {
      const calls = isIpv6(to.address) ? ipv6 : ipv4;
      if (calls !== undefined) return calls.call(program, name, args, to, transport, timeoutMs);
      const reason = "this host has no address of its family";
      return Promise.reject(new TransportError("send to", to, reason));
    },
  };
}
