/**
 * Over which transports, and at which ports, a peer is tried in one turn. Pure.
 *
 * The first turn uses one transport and what rpcbind says, so that a healthy peer gets no packet too
 * many. From the second turn on the other transport is tried beside it, and so is a port that is known
 * without rpcbind, which may be filtered.
 */

import type { NotifyPeer } from "./notify_list.ts";

/** One thing to try: rpcbind is asked where the port is not known. */
export interface Route {
  readonly transport: "udp" | "tcp";
  readonly address: string;
  readonly port?: number;
}

/** What was decided for all peers. */
export interface RouteSettings {
  /** Whether TCP comes first. */
  readonly preferTcp: boolean;
  /** Whether somebody has decided that, for peers too that were told over the other transport before. */
  readonly isTransportSet?: boolean;
  /** A port on which peers' NSMs are known to listen; 0 is none. */
  readonly peerPort: number;
}

/** The routes of a peer's present turn, the preferred one first; none without an address. */
export function routesOf(peer: NotifyPeer, settings: RouteSettings): Route[] {
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
