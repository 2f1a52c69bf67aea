/**
 * Keeps us registered with rpcbind on this host, for as long as we serve. rpcbind being absent, slow
 * or restarted is no error: we say so once, go on trying, and register again when it is back.
 *
 * Source: RFC 1833 section 2 (RPCBPROC_SET, RPCBPROC_UNSET) and 3 (PMAPPROC_SET).
 */

import type { Log } from "../log.ts";
import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { IpProtocol, portmapV2 } from "../protocol/portmap.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../protocol/rpcbind.ts";
import { toUniversalAddress } from "../protocol/universal_address.ts";
import { RpcError } from "../rpc/errors.ts";
import { AcceptStat } from "../rpc/message.ts";
import type { StreamClient } from "../rpc/stream_client.ts";
import { type Caller, type Endpoint, TransportError } from "../rpc/transport.ts";
import { type CallPeer, type Clock, reasonOf, sleep } from "./ports.ts";

/** How long rpcbind may take to answer, in ms; it is on this host. */
const RPCBIND_TIMEOUT_MS = 5_000;
/** First pause before rpcbind is tried again, in ms: a restart takes about that long. */
const RETRY_MIN_MS = 500;
/** Longest pause, in ms: what a client's mount may have to wait after rpcbind came back. */
const RETRY_MAX_MS = 5_000;
/** Registrations over UDP cannot see rpcbind go, and are looked after this often, in ms. */
const RECHECK_MS = 60_000;

/** One transport that we serve, with the wildcard or bound address that others are told. */
export type Served = Caller;

/** What registration works with. */
export interface RegistrationParts {
  /** Connects to rpcbind's Unix socket, where it knows who we are. */
  readonly connect: () => Promise<StreamClient>;
  /** For a port mapper that has no such socket. */
  readonly callPeer: CallPeer;
  readonly portmapper: Endpoint;
  /** Who owns the registrations: the decimal uid that we serve under. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** Where we are registered. */
interface Session {
  /** Settles when the registration has to be made again. */
  readonly lost: Promise<void>;
  /** Takes back what was registered. */
  end(): Promise<void>;
}

/**
 * Removes whatever is registered for us, by whomever; only root may do that. Failing is no matter:
 * registering will tell.
 */
export async function removeOldRegistrations(
  connect: RegistrationParts["connect"],
  log: Log,
): Promise<void> {
  try {
    const client = await connect();
    try {
      await unset(client, ROOT_OWNER);
    } finally {
      await client.close();
    }
  } catch (error) {
    log.debug(() => `Cannot remove old registrations: ${reasonOf(error)}`);
  }
}

export class Registrar {
  readonly #parts: RegistrationParts;
  readonly #served: readonly Served[];
  #session: Session | undefined;
  #fault: string | undefined;

  constructor(parts: RegistrationParts, served: readonly Served[]) {
    this.#parts = parts;
    this.#served = served;
  }

  /** Why we are not registered; undefined while we are. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Makes one attempt; whether it succeeded. It never rejects. */
  async register(): Promise<boolean> {
    const { log } = this.#parts;
    try {
      this.#session = await this.#registerByUnixSocket();
    } catch (error) {
      if (!(error instanceof TransportError)) return this.#failed(error);
      try {
        this.#session = await this.#registerByNetwork();
      } catch {
        // The Unix socket is the usual way, so its failure is the one worth telling.
        return this.#failed(error);
      }
    }
    if (this.#fault !== undefined) log.notice("Registered with rpcbind");
    this.#fault = undefined;
    return true;
  }

  /** Stays registered until the signal is aborted, then takes the registration back. */
  async keep(signal: AbortSignal): Promise<void> {
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
    let pause = RETRY_MIN_MS;
    while (!signal.aborted) {
      if (this.#session === undefined && !await this.register()) {
        await sleep(this.#parts.clock, pause, signal);
        pause = Math.min(2 * pause, RETRY_MAX_MS);
        continue;
      }
      pause = RETRY_MIN_MS;
      await Promise.race([this.#session!.lost, stopped]);
      if (!signal.aborted) this.#session = undefined;
    }
    await this.#session?.end();
  }

  #failed(error: unknown): false {
    if (this.#fault === undefined) {
      this.#parts.log.warning(`Not registered with rpcbind, trying again: ${reasonOf(error)}`);
    }
    this.#fault = reasonOf(error);
    return false;
  }

  async #registerByUnixSocket(): Promise<Session> {
    const { connect, owner, log } = this.#parts;
    const client = await connect();
    try {
      await unset(client, owner);
      for (const served of this.#served) {
        const r_addr = toUniversalAddress(served);
        const isSet = await set(client, { ...OURS, r_netid: served.netid, r_addr, r_owner: owner });
        if (!isSet) {
          throw new Error(`rpcbind refuses ${served.netid} ${r_addr}; somebody else has it`);
        }
      }
    } catch (error) {
      await client.close();
      throw error;
    }
    return {
      lost: client.closed,
      async end() {
        try {
          await unset(client, owner);
        } catch (error) {
          log.warning(`Cannot unregister from rpcbind: ${reasonOf(error)}`);
        }
        await client.close();
      },
    };
  }

  /**
   * Asks over TCP first, since a refused connection says at once that nobody is there. An rpcbind that
   * was just starting has opened its Unix socket by the time it answers.
   */
  async #registerByNetwork(): Promise<Session> {
    const { callPeer, portmapper } = this.#parts;
    const probe = ["PMAPPROC_NULL", undefined, portmapper, "tcp", RPCBIND_TIMEOUT_MS] as const;
    await callPeer.call(portmapV2, ...probe);
    try {
      return await this.#registerByUnixSocket();
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      return await this.#registerByPortmap();
    }
  }

  async #registerByPortmap(): Promise<Session> {
    const { callPeer, portmapper, clock } = this.#parts;
    const ended = new AbortController();
    const mapping = { prog: SM_PROG, vers: SM_VERS, prot: 0, port: 0 };
    const call = (name: "PMAPPROC_SET" | "PMAPPROC_UNSET", args: typeof mapping) =>
      callPeer.call(portmapV2, name, args, portmapper, "udp", RPCBIND_TIMEOUT_MS);
    await call("PMAPPROC_UNSET", mapping);
    for (const { netid, port } of this.#served) {
      if (netid.endsWith("6")) continue;
      const prot = netid === "udp" ? IpProtocol.UDP : IpProtocol.TCP;
      const isSet = await call("PMAPPROC_SET", { ...mapping, prot, port });
      if (!isSet) throw new Error(`the port mapper refuses ${netid} port ${port}`);
    }
    return {
      lost: sleep(clock, RECHECK_MS, ended.signal),
      async end() {
        ended.abort();
        // It may have gone by now; then there is nothing to take back.
        await call("PMAPPROC_UNSET", mapping).catch(() => {});
      },
    };
  }
}

const ROOT_OWNER = "0";
const OURS = { r_prog: SM_PROG, r_vers: SM_VERS };

/** Calls version 4, and version 3 where that is not spoken. */
async function call(
  client: StreamClient,
  name: "RPCBPROC_SET" | "RPCBPROC_UNSET",
  args: Rpcb,
): Promise<boolean> {
  try {
    return await client.call(rpcbindV4, name, args, RPCBIND_TIMEOUT_MS);
  } catch (error) {
    const isOld = error instanceof RpcError && error.failure.kind === "accepted" &&
      error.failure.stat === AcceptStat.PROG_MISMATCH;
    if (!isOld) throw error;
    return await client.call(rpcbindV3, name, args, RPCBIND_TIMEOUT_MS);
  }
}

function set(client: StreamClient, args: Rpcb): Promise<boolean> {
  return call(client, "RPCBPROC_SET", args);
}

/** Removes our registrations for all netids; false where there were none. */
function unset(client: StreamClient, owner: string): Promise<boolean> {
  return call(client, "RPCBPROC_UNSET", { ...OURS, r_netid: "", r_addr: "", r_owner: owner });
}
