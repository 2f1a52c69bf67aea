/**
 * rpcbind registrar: keeps us registered with the local rpcbind while we serve. An rpcbind that is
 * absent, slow or restarting is no error: it is logged once, and the registrar retries until
 * rpcbind is back.
 *
 * The end of rpcbind is noticed at once through an open connection. A registration that another
 * program has removed or replaced is not signalled, so it is polled, and checked on demand.
 *
 * Source: RFC 1833 section 3 (PMAPPROC_SET); rpcbind_entries.ts has section 2.
 */

import type { Log } from "../log.ts";
import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { IpProtocol, portmapV2 } from "../protocol/portmap.ts";
import { reasonOf } from "../reason.ts";
import type { StreamClient } from "../rpc/stream_client.ts";
import { type Endpoint, type TransportAddress, TransportError } from "../rpc/transport.ts";
import type { CallPeer } from "./ports.ts";
import {
  type CallRpcbind,
  isVersionMissing,
  RPCBIND_TIMEOUT_MS,
  RpcbindEntries,
} from "./rpcbind_entries.ts";
import { listingFault } from "./rpcbind_listing.ts";
import { type Clock, sleep } from "../time/clock.ts";

const ROOT_OWNER = "0";
/** First pause between attempts, in ms: about the time of a restart of rpcbind. */
const RETRY_MIN_MS = 500;
/** Longest pause, in ms: a client's mount may wait so long after rpcbind is back. */
const RETRY_MAX_MS = 5_000;
/**
 * Interval between checks of our registration, in ms. An idle daemon wakes up that often anyway, to
 * review its addresses.
 */
const REVIEW_MS = 300_000;
/** Interval between checks where no connection signals the end of the portmapper, in ms. */
const PORT_MAPPER_REVIEW_MS = 60_000;

/** Dependencies of the registrar. */
export interface RegistrationParts {
  /** Connects to rpcbind's Unix socket, where it knows our uid. */
  readonly connect: () => Promise<StreamClient>;
  /**
   * Client for a portmapper without a UNIX socket, and for a check of rpcbind's answers in both
   * families.
   */
  readonly callPeer: CallPeer;
  readonly portmapper: Endpoint;
  /** Owner of the registrations: the decimal uid that we serve under. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when the registration succeeds again, or with the reason why it failed. */
  readonly changed?: (fault: string | undefined) => void;
}

/** Registration in effect. */
interface Session {
  /** Addresses registered. */
  readonly served: readonly TransportAddress[];
  /** Settles when rpcbind has ended; absent where nothing signals that. */
  readonly lost?: Promise<void>;
  readonly reviewMs: number;
  /** Closes the connection and leaves everything registered. */
  close?(): Promise<void>;
  /** Removes the registration. */
  end(): Promise<void>;
}

/**
 * Removes all registrations of our program that we may remove; root may remove those of any owner.
 * Failures are ignored: register() will report them.
 */
export async function removeOldRegistrations(
  connect: RegistrationParts["connect"],
  log: Log,
  owner = ROOT_OWNER,
): Promise<void> {
  try {
    const client = await connect();
    try {
      await new RpcbindEntries(client.call.bind(client), owner).removeAll();
    } finally {
      await client.close();
    }
  } catch (error) {
    log.debug(() => `Cannot remove old registrations: ${reasonOf(error)}`);
  }
}

export class RpcbindRegistrar {
  readonly #parts: RegistrationParts;
  readonly #served: readonly TransportAddress[];
  #session: Session | undefined;
  #fault: string | undefined;
  #wake = () => {};
  #reviewed = Promise.withResolvers<void>();

  constructor(parts: RegistrationParts, served: readonly TransportAddress[]) {
    this.#parts = parts;
    this.#served = served;
  }

  /** Why we are not registered; undefined while we are. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Makes one attempt; returns whether it succeeded. Never rejects. */
  async register(): Promise<boolean> {
    const { log } = this.#parts;
    try {
      this.#session = await this.#registerByUnixSocket();
    } catch (error) {
      if (!(error instanceof TransportError)) return this.#failed(error);
      try {
        this.#session = await this.#registerByNetwork();
      } catch {
        // The Unix socket is the usual way, so its error is the one reported.
        return this.#failed(error);
      }
    }
    if (this.#fault !== undefined) {
      log.notice("Registered with rpcbind");
      this.#parts.changed?.(undefined);
    }
    this.#fault = undefined;
    const session = this.#session;
    void session.lost?.then(() => {
      if (this.#session === session) this.#session = undefined;
      this.#wake();
    });
    return true;
  }

  /** Keeps us registered until the signal is aborted, then removes the registration. */
  async keep(signal: AbortSignal): Promise<void> {
    let pause = RETRY_MIN_MS;
    while (!signal.aborted) {
      const session = this.#session;
      if (session !== undefined) {
        await this.#rest(session.reviewMs, signal);
        if (signal.aborted || this.#session !== session || await this.#isListed(session)) continue;
        this.#session = undefined;
        await session.close?.();
      } else if (await this.register()) {
        pause = RETRY_MIN_MS;
      } else {
        await this.#rest(pause, signal);
        pause = Math.min(2 * pause, RETRY_MAX_MS);
      }
    }
    if (this.#session === undefined) await this.#removeKept();
    else await this.#session.end();
  }

  /** Makes {@link keep} check the registration now, and renew it if it is gone; settles after that. */
  review(): Promise<void> {
    const { promise } = this.#reviewed;
    this.#wake();
    return promise;
  }

  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const rest = new AbortController();
    this.#wake = () => rest.abort();
    this.#reviewed.resolve();
    this.#reviewed = Promise.withResolvers();
    await sleep(this.#parts.clock.startTimer, ms, AbortSignal.any([rest.signal, signal]));
  }

  /**
   * Whether rpcbind lists all our ports. False if it does not answer: registering again does no
   * harm, and reports the fault.
   */
  async #isListed({ served }: Session): Promise<boolean> {
    const { callPeer, log } = this.#parts;
    try {
      const fault = await listingFault(callPeer, served);
      if (fault === undefined) return true;
      log.warning(
        `Another program changed our registration with rpcbind: ${fault}; registering again`,
      );
    } catch (error) {
      log.debug(() => `Cannot ask rpcbind whether it lists us: ${reasonOf(error)}`);
    }
    return false;
  }

  #failed(error: unknown): false {
    if (this.#fault === undefined) {
      this.#parts.log.warning(`Not registered with rpcbind, trying again: ${reasonOf(error)}`);
      this.#parts.changed?.(reasonOf(error));
    }
    this.#fault = reasonOf(error);
    return false;
  }

  async #registerByUnixSocket(): Promise<Session> {
    const { connect, owner } = this.#parts;
    const client = await connect();
    const entries = new RpcbindEntries(client.call.bind(client), owner);
    try {
      await entries.enter(this.#served);
    } catch (error) {
      await client.close();
      throw error;
    }
    return {
      served: this.#served,
      lost: client.closed,
      reviewMs: REVIEW_MS,
      close: () => client.close(),
      end: async () => {
        const isRemoved = await this.#remove(entries);
        await client.close();
        if (!isRemoved) await this.#removeKept();
      },
    };
  }

  /** An rpcbind that was restarted a moment ago may have kept our entries. */
  #removeKept(): Promise<void> {
    const { connect, log, owner } = this.#parts;
    return removeOldRegistrations(connect, log, owner);
  }

  /** Whether that worked. Never rejects. */
  async #remove(entries: RpcbindEntries): Promise<boolean> {
    try {
      await entries.removeAll();
      return true;
    } catch (error) {
      this.#parts.log.warning(`Cannot unregister from rpcbind: ${reasonOf(error)}`);
      return false;
    }
  }

  /**
   * Asks over TCP first: a refused connection shows at once that nothing listens. An rpcbind that
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
    }
    try {
      return await this.#registerByRpcbind();
    } catch (error) {
      if (!isVersionMissing(error)) throw error;
      return await this.#registerByPortmap();
    }
  }

  /** Registers over loopback, for an rpcbind whose Unix socket is unreachable; entries then have no owner. */
  async #registerByRpcbind(): Promise<Session> {
    const { callPeer, portmapper, owner } = this.#parts;
    const call: CallRpcbind = (program, name, args, timeoutMs) =>
      callPeer.call(program, name, args, portmapper, "udp", timeoutMs);
    const entries = new RpcbindEntries(call, owner);
    await entries.enter(this.#served);
    const end = async () => void await this.#remove(entries);
    return { served: this.#served, reviewMs: PORT_MAPPER_REVIEW_MS, end };
  }

  /** Registers with a portmapper, which knows only IPv4. */
  async #registerByPortmap(): Promise<Session> {
    const { callPeer, portmapper } = this.#parts;
    const mapping = { prog: SM_PROG, vers: SM_VERS, prot: 0, port: 0 };
    const call = (name: "PMAPPROC_SET" | "PMAPPROC_UNSET", args: typeof mapping) =>
      callPeer.call(portmapV2, name, args, portmapper, "udp", RPCBIND_TIMEOUT_MS);
    await call("PMAPPROC_UNSET", mapping);
    const served = this.#served.filter(({ netid }) => !netid.endsWith("6"));
    for (const { netid, port } of served) {
      const prot = netid === "udp" ? IpProtocol.UDP : IpProtocol.TCP;
      const isSet = await call("PMAPPROC_SET", { ...mapping, prot, port });
      if (!isSet) throw new Error(`the port mapper refuses ${netid} port ${port}`);
    }
    return {
      served,
      reviewMs: PORT_MAPPER_REVIEW_MS,
      async end() {
        // A portmapper that is gone has no entry to remove.
        await call("PMAPPROC_UNSET", mapping).catch(() => {});
      },
    };
  }
}
