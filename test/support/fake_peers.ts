/** Peers on a simulated network, each with an rpcbind and an NSM that a test can break. */

import type { CallPeer } from "../../lib/nsm/ports.ts";
import { RpcError, type RpcFailure } from "../../lib/rpc/errors.ts";
import type { Args, Procedures, Program, Result } from "../../lib/rpc/program.ts";
import { type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import type { Clock } from "../../lib/time/clock.ts";

/** Behaviour of an address; healthy by default. */
export interface FakePeer {
  /** rpcbind's state; `silent`: no replies. */
  rpcbind?: "up" | "silent";
  /** Highest version of program 100000; 4 by default. */
  rpcbindVersion?: number;
  /** Port of the NSM by transport; 0: not registered. */
  udpPort?: number;
  tcpPort?: number;
  nsm?: "up" | "silent";
  /** True if UDP gets no replies. */
  isUdpFiltered?: boolean;
  /** True if sending fails. */
  isUnreachable?: boolean;
  /** Number of further datagrams to lose. */
  losses?: number;
}

/** A recorded call. */
export interface FakeCall {
  readonly at: number;
  readonly procedure: string;
  readonly address: string;
  readonly port: number;
  readonly transport: "udp" | "tcp";
  readonly args: unknown;
}

const ROUND_TRIP_MS = 1;
const RPCBIND_PORT = 111;
const PROG_MISMATCH = 2;

export class FakePeers implements CallPeer {
  readonly calls: FakeCall[] = [];
  readonly peers = new Map<string, FakePeer>();
  /** Number of datagrams without a reply yet. */
  outstanding = 0;
  #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(address: string, peer: FakePeer = {}): FakePeer {
    this.peers.set(address, peer);
    return peer;
  }

  /** Calls to an address, without arguments. */
  sent(address: string, transport: "udp" | "tcp" = "udp"): string[] {
    return this.calls
      .filter((call) => call.address === address && call.transport === transport)
      .map((call) => `${call.at} ${call.procedure}`);
  }

  /** Names announced to an address, answered or not. */
  told(address: string): unknown[] {
    return this.calls
      .filter((call) => call.address === address && call.procedure === "SM_NOTIFY")
      .map((call) => (call.args as { mon_name: string }).mon_name);
  }

  async call<P extends Procedures, K extends keyof P & string>(
    program: Program<P>,
    name: K,
    args: Args<P[K]>,
    to: Endpoint,
    transport: "udp" | "tcp",
    timeoutMs: number,
  ): Promise<Result<P[K]>> {
    const { address, port } = to;
    const at = this.#clock.now();
    this.calls.push({ at, procedure: name, address, port, transport, args });
    const peer = this.peers.get(address);
    if (peer?.isUnreachable) throw new TransportError("send to", to, "network is unreachable");
    const answer = this.#answer(program.version, name, to, transport, args);
    this.outstanding++;
    await new Promise<void>((resolve) => {
      this.#clock.startTimer(answer === undefined ? timeoutMs : ROUND_TRIP_MS, resolve);
    });
    this.outstanding--;
    if (answer === undefined) {
      throw new RpcError(name, to, { kind: "timeout", elapsedMs: timeoutMs });
    }
    if ("failure" in answer) throw new RpcError(name, to, answer.failure);
    return answer.result as Result<P[K]>;
  }

  #answer(
    version: number,
    procedure: string,
    { address, port }: Endpoint,
    transport: "udp" | "tcp",
    args: unknown,
  ): { result: unknown } | { failure: RpcFailure } | undefined {
    const peer = this.peers.get(address);
    if (peer === undefined || (transport === "udp" && peer.isUdpFiltered)) return undefined;
    if ((peer.losses ?? 0) > 0) {
      peer.losses!--;
      return undefined;
    }
    const nsmPort = transport === "udp" ? peer.udpPort ?? 900 : peer.tcpPort ?? 901;
    if (port === RPCBIND_PORT) {
      if (peer.rpcbind === "silent") return undefined;
      const high = peer.rpcbindVersion ?? 4;
      if (version > high) {
        return { failure: { kind: "accepted", stat: PROG_MISMATCH, low: 2, high } };
      }
      if (procedure === "PMAPPROC_GETPORT") return { result: nsmPort };
      const { r_addr } = args as { r_addr: string };
      const host = r_addr.slice(0, -".0.111".length);
      return { result: nsmPort === 0 ? "" : `${host}.${nsmPort >> 8}.${nsmPort & 255}` };
    }
    return port === nsmPort && peer.nsm !== "silent" ? { result: undefined } : undefined;
  }
}
