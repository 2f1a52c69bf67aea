/**
 * Keeps us registered with rpcbind on this host, for as long as we serve. rpcbind being absent, slow
 * or restarted is no error: we say so once, go on trying, and register again when it is back.
 *
 * That rpcbind has ended shows at once by the connection that stays open to it. That somebody removed or
 * replaced our registration shows nowhere, so it is looked at now and then, and when somebody asks for it.
 *
 * Source: RFC 1833 section 3 (PMAPPROC_SET); rpcbind_entries.ts has section 2.
 */

import type { Log } from "../log.ts";
import { SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { IpProtocol, portmapV2 } from "../protocol/portmap.ts";
import type { StreamClient } from "../rpc/stream_client.ts";
import { type Endpoint, type TransportAddress, TransportError } from "../rpc/transport.ts";
import { type CallPeer, reasonOf } from "./ports.ts";
import {
  type CallRpcbind,
  isVersionMissing,
  RPCBIND_TIMEOUT_MS,
  RpcbindEntries,
} from "./rpcbind_entries.ts";
import { listingFault } from "./rpcbind_listing.ts";
import { type Clock, sleep } from "../time/clock.ts";

const ROOT_OWNER = "0";
/** First pause before rpcbind is tried again, in ms: a restart takes about that long. */
const RETRY_MIN_MS = 500;
/** Longest pause, in ms: what a client's mount may have to wait after rpcbind came back. */
const RETRY_MAX_MS = 5_000;
/**
 * How often we look whether rpcbind still lists us, in ms. An idle daemon wakes up that often anyway, to
 * review its addresses.
 */
const REVIEW_MS = 300_000;
/** The same where no connection tells us that the port mapper has ended. */
const PORT_MAPPER_REVIEW_MS = 60_000;

/** What registration works with. */
export interface RegistrationParts {
  /** Connects to rpcbind's Unix socket, where it knows who we are. */
  readonly connect: () => Promise<StreamClient>;
  /** For a port mapper that has no such socket, and to see what rpcbind tells others: both families. */
  readonly callPeer: CallPeer;
  readonly portmapper: Endpoint;
  /** Who owns the registrations: the decimal uid that we serve under. */
  readonly owner: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when we are registered again, or why we are not. */
  readonly changed?: (fault: string | undefined) => void;
}

/** A registration that was made. */
interface Session {
  /** What rpcbind was told of. */
  readonly served: readonly TransportAddress[];
  /** Settles when rpcbind has ended; never where nothing tells us. */
  readonly lost?: Promise<void>;
  readonly reviewMs: number;
  /** Lets go of rpcbind and leaves everything registered. */
  close?(): Promise<void>;
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
      await new RpcbindEntries(client.call.bind(client), ROOT_OWNER).removeAll();
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

  /** Stays registered until the signal is aborted, then takes the registration back. */
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
    await this.#session?.end();
  }

  /** Has {@link keep} look at once whether rpcbind lists us, and register again if not; settles then. */
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
   * Whether rpcbind tells others all our ports. Where it does not answer, false: to register again does
   * no harm, and will tell what the matter is.
   */
  async #isListed({ served }: Session): Promise<boolean> {
    const { callPeer, log } = this.#parts;
    try {
      const fault = await listingFault(callPeer, served);
      if (fault === undefined) return true;
      log.warning(`Somebody changed our registration with rpcbind: ${fault}; registering again`);
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
        await this.#remove(entries);
        await client.close();
      },
    };
  }

  /** It never rejects. */
  async #remove(entries: RpcbindEntries): Promise<void> {
    try {
      await entries.removeAll();
    } catch (error) {
      this.#parts.log.warning(`Cannot unregister from rpcbind: ${reasonOf(error)}`);
    }
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
    }
    try {
      return await this.#registerByRpcbind();
    } catch (error) {
      if (!isVersionMissing(error)) throw error;
      return await this.#registerByPortmap();
    }
  }

  /** Over loopback, where entries have no owner: for an rpcbind whose Unix socket is out of reach. */
  async #registerByRpcbind(): Promise<Session> {
    const { callPeer, portmapper, owner } = this.#parts;
    const call: CallRpcbind = (program, name, args, timeoutMs) =>
      callPeer.call(program, name, args, portmapper, "udp", timeoutMs);
    const entries = new RpcbindEntries(call, owner);
    await entries.enter(this.#served);
    const end = () => this.#remove(entries);
    return { served: this.#served, reviewMs: PORT_MAPPER_REVIEW_MS, end };
  }

  /** A port mapper knows IPv4 alone. */
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
        // It may have gone by now; then there is nothing to take back.
        await call("PMAPPROC_UNSET", mapping).catch(() => {});
      },
    };
  }
}
