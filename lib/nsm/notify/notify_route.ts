/**
 * Follows one route to a peer to its end: finds the port where it is not known, then makes the
 * announcements that are left.
 */

import { nsmV1, SM_PROG, SM_VERS } from "../../protocol/nsm.ts";
import type { Args } from "../../rpc/program.ts";
import { TransportError } from "../../rpc/transport.ts";
import type { Announcement, NotifyList, NotifyPeer, Way } from "./notify_list.ts";
import type { Route } from "./notify_ways.ts";
import type { Pacer, Place } from "./pacer.ts";
import { findPort } from "../port_lookup.ts";
import type { CallPeer } from "../ports.ts";
import type { Clock } from "../../time/clock.ts";

/**
 * Connections at one time, of which each needs a file descriptor; the common limit is 1,024. A peer
 * that finds none free goes on without TCP until its next turn.
 */
export const CONNECTIONS = 256;

/** Longest wait for one step over a connection, in ms, so that silence does not keep others from it. */
const STREAM_STEP_MAX_MS = 8_000;

/** Shortest one, in ms, for a step that begins late in its turn. */
const STREAM_STEP_MIN_MS = 1_000;

/** What came of a route. */
export interface RouteResult {
  /** Why it did not; empty if the peer was told over another one meanwhile. */
  readonly fault: string;
  /** Whether not even a call could be sent. */
  readonly isUnreachable: boolean;
  /** Where the port was known. */
  readonly way?: Way | undefined;
}

/** What following routes works with. */
export interface RouteParts {
  readonly clock: Clock;
  /** The sources from which calls leave, by the number in an announcement. */
  readonly sources: readonly CallPeer[];
  readonly list: NotifyList;
  readonly pacer: Pacer;
  /** Our state number, as peers are told it. */
  readonly stateNumber: number;
  /** Is told of a peer that has answered its last announcement. */
  readonly onTold: (peer: NotifyPeer) => void;
}

export class RouteFollower {
  readonly #parts: RouteParts;
  readonly #notices = new Map<Announcement, Args<typeof nsmV1.procedures.SM_NOTIFY>>();
  #connections = 0;
  #isOver = false;

  constructor(parts: RouteParts) {
    this.#parts = parts;
  }

  /** Makes no more calls. */
  stop(): void {
    this.#isOver = true;
  }

  /** Follows a route. The pauses of a peer count from what happens on its preferred one. */
  follow(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
    if (route.transport === "udp") return this.#follow(peer, route, isPreferred);
    if (this.#connections >= CONNECTIONS) {
      return Promise.resolve({ isUnreachable: false, fault: "no connection is free" });
    }
    this.#connections++;
    return this.#follow(peer, route, isPreferred).finally(() => void this.#connections--);
  }

  /** Datagrams keep to the pace; a connection has a pace of its own. */
  async #follow(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
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
      const isUnreachable = error instanceof TransportError;
      const fault = error instanceof Error ? error.message : String(error);
      return { isUnreachable, fault, way };
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
    const args = this.#notice(peer.announcements[announcement]!);
    const source = this.#source(peer, announcement);
    const timeoutMs = this.#timeout(peer, transport);
    return source.call(nsmV1, "SM_NOTIFY", args, way, transport, timeoutMs);
  }

  /** One for all peers that are told the same, so that it is encoded once. */
  #notice(announcement: Announcement): Args<typeof nsmV1.procedures.SM_NOTIFY> {
    let notice = this.#notices.get(announcement);
    if (notice === undefined) {
      notice = Object.freeze({ mon_name: announcement.name, state: this.#parts.stateNumber });
      this.#notices.set(announcement, notice);
    }
    return notice;
  }

  #source(peer: NotifyPeer, announcement: number): CallPeer {
    return this.#parts.sources[peer.announcements[announcement]!.source]!;
  }

  /** How long an answer is awaited: a datagram's until the next one, a connection's for the turn. */
  #timeout(peer: NotifyPeer, transport: "udp" | "tcp"): number {
    if (transport === "udp") return peer.pauseMs;
    const left = peer.startedAt + peer.pauseMs - this.#parts.clock.now();
    return Math.max(STREAM_STEP_MIN_MS, Math.min(left, STREAM_STEP_MAX_MS));
  }
}
