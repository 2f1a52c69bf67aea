/**
 * Turn of one peer: finds its addresses and the port of its NSM, then makes the remaining
 * announcements, over several routes concurrently until one of them succeeds.
 *
 * ```
 *           take()                portFound()          told()
 * due ---> resolve -----> port -----------> full name -----> short name -----> settle()
 *  ^          |             |                   |                |
 *  '----------+-------------+----- failed() ----+----------------'   after the schedule's pause
 * ```
 *
 * The first turn uses one transport and asks rpcbind, so that a healthy peer gets no needless
 * packet. Later turns add the other transport, and ports known without rpcbind, which may be
 * filtered.
 *
 * Source: nfs-utils sm-notify(8), which uses only the file's name, and only UDP.
 */

import { nsmV1, SM_PROG, SM_VERS } from "../../protocol/nsm.ts";
import { reasonOf } from "../../reason.ts";
import type { Args } from "../../rpc/program.ts";
import { TransportError } from "../../rpc/transport.ts";
import { type Clock, sleep } from "../../time/clock.ts";
import { nameKey } from "../host_name.ts";
import { findPort } from "../port_lookup.ts";
import type { CallPeer, Resolver } from "../ports.ts";
import {
  type Announcement,
  isAddress,
  type NotifyList,
  type NotifyPeer,
  type Way,
} from "./notify_list.ts";
import type { Pacer, Place } from "./pacer.ts";

/**
 * Limit of connections; each needs a file descriptor, of which 1,024 are the common limit. A peer
 * that finds none free goes on without TCP until its next turn.
 */
export const CONNECTIONS = 256;

/** Longest wait for one step over a connection, in ms, so that a silent peer does not hold it. */
const STREAM_STEP_MAX_MS = 8_000;

/** Shortest wait, in ms, for a step that begins late in its turn. */
const STREAM_STEP_MIN_MS = 1_000;

/**
 * Head start of the preferred route, in ms: longer than a round trip around the world, so that a
 * peer that answers is not told twice.
 */
const HEAD_START_MS = 400;

/** Route to try: rpcbind is asked if the port is unknown. */
export interface Route {
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port?: number;
}

/** Settings for all peers. */
export interface RouteSettings {
  /** TCP is tried first. */
  readonly preferTcp: boolean;
  /** The transport was configured, and so overrides the one remembered for a peer. */
  readonly isTransportSet?: boolean;
  /** Configured port of peers' NSMs; 0: none. */
  readonly peerPort: number;
}

/** Result of a route. */
interface RouteResult {
  /** Fault; empty if the peer was told, perhaps over another route. */
  readonly fault: string;
  /** No call could be sent. */
  readonly isUnreachable: boolean;
  /** Port that was used. */
  readonly way?: Way | undefined;
}

/** Failure of a turn, for {@link NotifyList.failed}. */
export interface TurnFault {
  readonly fault: string;
  readonly address: string | undefined;
  readonly way: Way | undefined;
}

/** Dependencies of a turn. */
export interface TurnParts {
  readonly clock: Clock;
  readonly resolver: Resolver;
  /** Sources from which calls leave, by the index in an announcement. */
  readonly sources: readonly CallPeer[];
  readonly list: NotifyList;
  readonly pacer: Pacer;
  readonly settings: RouteSettings & { readonly stateNumber: number };
  /** Called when a peer has answered its last announcement. */
  readonly onTold: (peer: NotifyPeer) => void;
  /** Called when the name service has no address for a peer. */
  readonly onUnresolved: (peer: NotifyPeer) => void;
}

/** Routes of a peer's present turn, the preferred one first; empty without an address. Pure. */
function routesOf(peer: NotifyPeer, settings: RouteSettings): Route[] {
  const [address] = peer.addresses;
  if (address === undefined) return [];
  const { facts, way } = peer;
  const preferred = settings.preferTcp ? "tcp" : "udp";
  const first = settings.isTransportSet ? preferred : facts?.transport ?? preferred;
  const routes: Route[] = [way ?? { transport: first, address }];
  if (peer.failures === 0) return routes;
  const other = routes[0]!.transport === "udp" ? "tcp" : "udp";
  routes.push({ transport: other, address });
  if (settings.peerPort !== 0) {
    routes.push({ transport: "udp", address, port: settings.peerPort });
    routes.push({ transport: "tcp", address, port: settings.peerPort });
  }
  if (facts?.port !== undefined) {
    routes.push({ transport: facts.transport ?? first, address, port: facts.port });
  }
  const keys = routes.map((route) => `${route.transport} ${route.port ?? 0}`);
  return routes.filter((_, i) => keys.indexOf(keys[i]!) === i);
}

export class PeerTurns {
  readonly #parts: TurnParts;
  /** Cache of notices, shared by peers with equal announcements, so that each is encoded once. */
  readonly #notices = new Map<Announcement, Args<typeof nsmV1.procedures.SM_NOTIFY>>();
  readonly #lookingUp = new Set<NotifyPeer>();
  #connections = 0;
  #isOver = false;

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  /** Stops making calls. */
  stop(): void {
    this.#isOver = true;
  }

  /** Takes a peer's turn; undefined when the peer was told, or the run is over. */
  async take(peer: NotifyPeer): Promise<TurnFault | undefined> {
    const { clock, list, settings } = this.#parts;
    let fault = "";
    let way: Way | undefined;
    let address: string | undefined;
    if (peer.needsLookup && !this.#lookingUp.has(peer)) {
      const lookUp = this.#lookUp(peer);
      // With a known address, the name service is awaited only briefly.
      if (peer.addresses.length === 0) fault = await lookUp ?? "";
      else await Promise.race([lookUp, sleep(clock.startTimer, HEAD_START_MS)]);
    }
    for (let tried = 1; peer.addresses.length > 0; tried++) {
      address = peer.addresses[0];
      const results = await this.#followAll(peer, routesOf(peer, settings));
      if (this.#isDone(peer)) return undefined;
      fault = [...new Set(results.map((result) => result.fault))].join("; ");
      way = results[0]!.way;
      const isUnreachable = results.every((result) => result.isUnreachable);
      if (!isUnreachable || !list.unreachable(peer, address, tried)) break;
    }
    return this.#isDone(peer) ? undefined : { fault, address, way };
  }

  #isDone(peer: NotifyPeer): boolean {
    return this.#isOver || peer.told === peer.announcements.length;
  }

  /**
   * Looks up the file's name, and then the record's if it differs; returns why there is no answer.
   * A record may hold an address although its file's name no longer resolves. Never rejects.
   */
  async #lookUp(peer: NotifyPeer): Promise<string | undefined> {
    const { clock, list, onUnresolved } = this.#parts;
    const { fileName, monName } = peer.record;
    this.#lookingUp.add(peer);
    let fault: string | undefined;
    const found: string[] = [];
    for (const name of nameKey(fileName) === nameKey(monName) ? [fileName] : [fileName, monName]) {
      const answer = await this.#addressesOf(name);
      if (answer.outcome === "found") found.push(...answer.value.addresses);
      else fault ??= answer.reason;
      if (found.length > 0 && !isAddress(monName)) break;
    }
    this.#lookingUp.delete(peer);
    if (this.#isOver) return fault;
    if (found.length === 0) {
      onUnresolved(peer);
      return fault;
    }
    list.addressesFound(peer, found, clock.now());
    return undefined;
  }

  async #addressesOf(name: string): ReturnType<Resolver["addressesOf"]> {
    if (isAddress(name)) {
      return { outcome: "found", value: { canonicalName: name, addresses: [name] } };
    }
    try {
      return await this.#parts.resolver.addressesOf(name);
    } catch (error) {
      return { outcome: "tryLater", reason: reasonOf(error) };
    }
  }

  /** Follows the preferred route, and adds the other routes after its head start. */
  async #followAll(peer: NotifyPeer, [first, ...others]: Route[]): Promise<RouteResult[]> {
    const preferred = this.#follow(peer, first!, true);
    if (others.length === 0) return [await preferred];
    await Promise.race([preferred, sleep(this.#parts.clock.startTimer, HEAD_START_MS)]);
    if (this.#isDone(peer)) return [await preferred];
    const beside = others.map((route) => this.#follow(peer, route, false));
    return await Promise.all([preferred, ...beside]);
  }

  /** Follows one route. Only the preferred route affects a peer's pauses. */
  async #follow(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
    if (route.transport === "udp") return await this.#announceAll(peer, route, isPreferred);
    if (this.#connections >= CONNECTIONS) {
      return { isUnreachable: false, fault: "no connection is free" };
    }
    this.#connections++;
    try {
      return await this.#announceAll(peer, route, isPreferred);
    } finally {
      this.#connections--;
    }
  }

  /** Makes the announcements over one route; datagrams are paced, connections are not. Never rejects. */
  async #announceAll(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
    const { clock, list, pacer, onTold } = this.#parts;
    const { transport, address } = route;
    let way = route.port === undefined ? undefined : { transport, address, port: route.port };
    let place: Place | undefined;
    try {
      while (peer.told < peer.announcements.length && !this.#isOver) {
        if (transport === "udp" && place === undefined) {
          const entered = pacer.enter();
          place = entered instanceof Promise ? await entered : entered;
        }
        const announcement = peer.told;
        const answer = way === undefined
          ? await this.#findPort(peer, transport, address)
          : await this.#announce(peer, announcement, way);
        place &&= pacer.answered(place);
        if (way === undefined) {
          if (typeof answer !== "number") {
            const fault = `no NSM is registered for ${transport} at ${address}`;
            return { isUnreachable: false, fault };
          }
          way = { transport, address, port: answer };
          if (isPreferred) list.portFound(peer, clock.now());
        } else if (!this.#isOver && peer.told === announcement) {
          if (list.told(peer, announcement, way, clock.now())) onTold(peer);
        }
      }
      return { isUnreachable: false, fault: "", way };
    } catch (error) {
      return { isUnreachable: error instanceof TransportError, fault: reasonOf(error), way };
    } finally {
      if (place !== undefined) pacer.leave(place);
    }
  }

  #findPort(peer: NotifyPeer, transport: "udp" | "tcp", address: string) {
    const wanted = { program: SM_PROG, version: SM_VERS, transport };
    const source = this.#source(peer, peer.told);
    return findPort(source, wanted, address, this.#timeout(peer, transport));
  }

  #announce(peer: NotifyPeer, announcement: number, way: Way): Promise<void> {
    const { transport } = way;
    const { name } = peer.announcements[announcement]!;
    const key = peer.announcements[announcement]!;
    let notice = this.#notices.get(key);
    if (notice === undefined) {
      notice = Object.freeze({ mon_name: name, state: this.#parts.settings.stateNumber });
      this.#notices.set(key, notice);
    }
    const source = this.#source(peer, announcement);
    return source.call(nsmV1, "SM_NOTIFY", notice, way, transport, this.#timeout(peer, transport));
  }

  #source(peer: NotifyPeer, announcement: number): CallPeer {
    return this.#parts.sources[peer.announcements[announcement]!.source]!;
  }

  /** Timeout of an answer: a datagram's until the next one, a connection's for the turn. */
  #timeout(peer: NotifyPeer, transport: "udp" | "tcp"): number {
    if (transport === "udp") return peer.pauseMs;
    const left = Math.round(peer.startedAt + peer.pauseMs - this.#parts.clock.now());
    return Math.max(STREAM_STEP_MIN_MS, Math.min(left, STREAM_STEP_MAX_MS));
  }
}
