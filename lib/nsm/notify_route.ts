/**
 * Follows one route to a peer to its end: finds the port where it is not known, then makes the
 * announcements that are left.
 */

import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { TransportError } from "../rpc/transport.ts";
import type { NotifyList, NotifyPeer, Way } from "./notify_list.ts";
import type { Route } from "./notify_ways.ts";
import type { Pacer } from "./pacer.ts";
import { findPort } from "./port_lookup.ts";
import type { CallPeer, Clock } from "./ports.ts";

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
  /** Whether this route made the last announcement. */
  readonly isTold: boolean;
  /** Why it did not; empty if the peer was told over another one meanwhile. */
  readonly fault: string;
  /** Whether not even a call could be sent. */
  readonly isUnreachable: boolean;
  /** Where the port was known. */
  readonly way?: Way;
}

/** What is needed to call peers. */
export interface RouteParts {
  readonly clock: Clock;
  /** The sources from which calls leave, by the number in an announcement. */
  readonly sources: readonly CallPeer[];
}

export class RouteFollower {
  readonly #parts: RouteParts;
  readonly #list: NotifyList;
  readonly #pacer: Pacer;
  readonly #stateNumber: number;
  #connections = 0;
  #isOver = false;

  constructor(parts: RouteParts, list: NotifyList, pacer: Pacer, stateNumber: number) {
    this.#parts = parts;
    this.#list = list;
    this.#pacer = pacer;
    this.#stateNumber = stateNumber;
  }

  /** Makes no more calls. */
  stop(): void {
    this.#isOver = true;
  }

  /** Follows a route. The pauses of a peer count from what happens on its preferred one. */
  async follow(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
    if (route.transport === "udp") return await this.#follow(peer, route, isPreferred);
    if (this.#connections >= CONNECTIONS) {
      return { isTold: false, isUnreachable: false, fault: "no connection is free" };
    }
    this.#connections++;
    try {
      return await this.#follow(peer, route, isPreferred);
    } finally {
      this.#connections--;
    }
  }

  async #follow(peer: NotifyPeer, route: Route, isPreferred: boolean): Promise<RouteResult> {
    const { clock } = this.#parts;
    const { transport, address } = route;
    let way: Way | undefined;
    let isTold = false;
    try {
      const port = route.port ?? await this.#findPort(peer, route);
      if (port === undefined) {
        const fault = `no NSM is registered for ${transport} at ${address}`;
        return { isTold, isUnreachable: false, fault };
      }
      way = { transport, address, port };
      if (isPreferred && route.port === undefined) this.#list.portFound(peer, clock.now());
      while (peer.told < peer.announcements.length && !this.#isOver) {
        const announcement = peer.told;
        await this.#announce(peer, announcement, way);
        if (this.#isOver || peer.told > announcement) continue;
        isTold = this.#list.told(peer, announcement, way, clock.now());
      }
      return { isTold, isUnreachable: false, fault: "", way };
    } catch (error) {
      return {
        isTold,
        isUnreachable: error instanceof TransportError,
        fault: error instanceof Error ? error.message : String(error),
        ...(way === undefined ? {} : { way }),
      };
    }
  }

  #findPort(peer: NotifyPeer, { transport, address }: Route): Promise<number | undefined> {
    const wanted = { program: SM_PROG, version: SM_VERS, transport };
    return this.#paced(transport, () => {
      return findPort(
        this.#source(peer, peer.told),
        wanted,
        address,
        this.#timeout(peer, transport),
      );
    });
  }

  #announce(peer: NotifyPeer, announcement: number, way: Way): Promise<void> {
    const mon_name = peer.announcements[announcement]!.name;
    const args = { mon_name, state: this.#stateNumber };
    const { transport } = way;
    return this.#paced(transport, () => {
      const timeoutMs = this.#timeout(peer, transport);
      const source = this.#source(peer, announcement);
      return source.call(nsmV1, "SM_NOTIFY", args, way, transport, timeoutMs);
    });
  }

  #source(peer: NotifyPeer, announcement: number): CallPeer {
    return this.#parts.sources[peer.announcements[announcement]!.source]!;
  }

  /** Datagrams keep to the pace; a connection has a pace of its own. */
  #paced<T>(transport: "udp" | "tcp", call: () => Promise<T>): Promise<T> {
    return transport === "udp" ? this.#pacer.run(call) : call();
  }

  /** How long an answer is awaited: a datagram's until the next one, a connection's for the turn. */
  #timeout(peer: NotifyPeer, transport: "udp" | "tcp"): number {
    if (transport === "udp") return peer.pauseMs;
    const left = peer.startedAt + peer.pauseMs - this.#parts.clock.now();
    return Math.max(STREAM_STEP_MIN_MS, Math.min(left, STREAM_STEP_MAX_MS));
  }
}
