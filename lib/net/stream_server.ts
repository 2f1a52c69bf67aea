/**
 * RPC server over a stream listener: accepts connections, limits their number, and closes those
 * that exceed a time limit. No remote action ends it.
 */

import type { Log } from "../log.ts";
import { messageOf } from "../reason.ts";
import { sourceNetwork } from "../rpc/address.ts";
import { RecordError } from "../rpc/record.ts";
import type { Netid, Respond, StreamConnection } from "../rpc/transport.ts";
import { isClosed, isLostConnection } from "./errors.ts";
import { ServedStream } from "./served_stream.ts";
import { type ClosingLimit, STREAM_LIMITS, type StreamLimits } from "./stream_limits.ts";
import type { StreamListener } from "./tcp.ts";
import { type Clock, sleep } from "../time/clock.ts";

/**
 * Rate limit of warnings that remote hosts can cause, in ms; further ones are logged for debugging.
 */
const WARNING_INTERVAL_MS = 60_000;

/** Dependencies of the server. */
export interface StreamServerParts {
  readonly netidOf: (address: string) => Netid;
  readonly clock: Clock;
  readonly log: Log;
  /** Called when a connection is closed because of a limit. */
  limitReached(limit: ClosingLimit): void;
  /** Stops accepting and closes every connection when aborted. */
  readonly signal: AbortSignal;
  /** Overrides of the default limits. */
  readonly limits?: Partial<StreamLimits>;
}

/** Serves a listener's connections until the signal is aborted. */
export function serveStreams(
  listener: StreamListener,
  respond: Respond,
  parts: StreamServerParts,
): Promise<void> {
  return new StreamServer(listener, respond, parts).run();
}

/** Local or remote callers. */
class Group {
  /** Connections being served. */
  readonly streams = new Set<ServedStream>();
  /** Number of connections served, or closed and still held by the system for a blocked write. */
  held = 0;

  constructor(readonly mayIdle: boolean) {}
}

class StreamServer {
  readonly #listener: StreamListener;
  readonly #respond: Respond;
  readonly #parts: StreamServerParts;
  readonly #limits: StreamLimits;
  readonly #local = new Group(true);
  readonly #strangers = new Group(false);
  /** Number of held remote connections, by source network. */
  readonly #heldOf = new Map<string, number>();
  readonly #running = new Set<Promise<void>>();
  #wakeAt = Infinity;
  #cancelWake = () => {};
  #warnedAt = -Infinity;

  constructor(listener: StreamListener, respond: Respond, parts: StreamServerParts) {
    this.#listener = listener;
    this.#respond = respond;
    this.#parts = parts;
    this.#limits = { ...STREAM_LIMITS, ...parts.limits };
  }

  async run(): Promise<void> {
    const { signal } = this.#parts;
    const stop = () => {
      this.#listener.close();
      for (const { streams } of [this.#local, this.#strangers]) {
        for (const stream of streams) stream.close();
      }
    };
    signal.addEventListener("abort", stop);
    if (signal.aborted) stop();
    await this.#acceptAll();
    signal.removeEventListener("abort", stop);
    stop();
    await Promise.all(this.#running);
    this.#cancelWake();
  }

  async #acceptAll(): Promise<void> {
    const { clock, signal } = this.#parts;
    while (!signal.aborted) {
      try {
        this.#admit(await this.#listener.accept());
      } catch (error) {
        if (isClosed(error)) return;
        // A client that connects and resets must not delay other clients.
        if (isLostConnection(error)) continue;
        this.#warn(`Cannot accept a TCP connection: ${messageOf(error)}`);
        await sleep(clock.startTimer, this.#limits.acceptPauseMs, signal);
      }
    }
  }

  /** Serves a new connection, or closes it if there are too many. */
  #admit(connection: StreamConnection): void {
    if (connection.isLocal) this.#admitLocal(connection);
    else this.#admitStranger(connection);
  }

  #admitLocal(connection: StreamConnection): void {
    const { localMax } = this.#limits;
    if (this.#local.streams.size >= localMax) this.#closeSilentest();
    if (this.#local.held < 2 * localMax) this.#serve(connection, this.#local);
    else this.#refuse(connection, "localMax");
  }

  async #admitStranger(connection: StreamConnection): Promise<void> {
    const source = sourceNetwork(connection.remote.address);
    const ofSource = this.#heldOf.get(source) ?? 0;
    const { strangersMax, perSourceMax } = this.#limits;
    const isFull = this.#strangers.held >= strangersMax;
    if (isFull || ofSource >= perSourceMax) {
      this.#refuse(connection, isFull ? "strangersMax" : "perSourceMax");
      this.#warn(`Too many TCP connections: closed a new one from ${connection.remote.address}`);
      return;
    }
    this.#heldOf.set(source, ofSource + 1);
    await this.#serve(connection, this.#strangers);
    const left = this.#heldOf.get(source)! - 1;
    if (left === 0) this.#heldOf.delete(source);
    else this.#heldOf.set(source, left);
  }

  #refuse(connection: StreamConnection, limit: ClosingLimit): void {
    connection.close();
    this.#parts.limitReached(limit);
  }

  /** Settles when the system has released the connection. */
  async #serve(connection: StreamConnection, group: Group): Promise<void> {
    const { netidOf, clock, log, limitReached } = this.#parts;
    const { remote: { address, port }, uid, isLocal = false } = connection;
    const caller = {
      address,
      port,
      isLocal,
      netid: netidOf(address),
      ...(uid === undefined ? {} : { uid }),
    };
    const stream = new ServedStream(connection, caller, {
      respond: this.#respond,
      limits: this.#limits,
      mayIdle: group.mayIdle,
      now: () => clock.now(),
      deadlineAt: (deadline) => this.#wakeBy(deadline),
      respondFailed: (_, error) =>
        log.error(`Cannot answer a call from ${address}: ${messageOf(error)}`),
    });
    group.held++;
    group.streams.add(stream);
    const run = stream.run().catch((error) => {
      if (error instanceof RecordError) limitReached("recordMaxBytes");
      log.debug(() => `Closed the TCP connection from ${address}: ${messageOf(error)}`);
    });
    this.#running.add(run);
    await run;
    this.#running.delete(run);
    group.streams.delete(stream);
    await stream.written;
    group.held--;
  }

  /** Makes room for a local caller by closing another local connection. */
  #closeSilentest(): void {
    const { streams } = this.#local;
    let silentest: ServedStream | undefined;
    for (const stream of streams) {
      if (silentest === undefined || stream.activeSince < silentest.activeSince) silentest = stream;
    }
    if (silentest === undefined) return;
    this.#warn("Too many TCP connections from this host: closed the one that was silent longest");
    streams.delete(silentest);
    silentest.close();
    this.#parts.limitReached("localMax");
  }

  /** Logs a warning, rate-limited since any remote host can cause it. */
  #warn(message: string): void {
    const { clock, log } = this.#parts;
    const now = clock.now();
    if (now - this.#warnedAt < WARNING_INTERVAL_MS) log.debug(() => message);
    else {
      this.#warnedAt = now;
      log.warning(message);
    }
  }

  /** Moves the one timer for all connections forward, if it would be late. */
  #wakeBy(deadline: number): void {
    if (deadline >= this.#wakeAt) return;
    const { clock } = this.#parts;
    this.#cancelWake();
    this.#wakeAt = deadline;
    this.#cancelWake = clock.startTimer(deadline - clock.now(), () => this.#closeLate());
  }

  #closeLate(): void {
    this.#wakeAt = Infinity;
    const now = this.#parts.clock.now();
    let next = Infinity;
    for (const { streams } of [this.#local, this.#strangers]) {
      for (const stream of streams) {
        const { deadline } = stream;
        if (deadline > now) next = Math.min(next, deadline);
        else {
          this.#parts.log.debug(() => `TCP connection from ${stream.caller.address} took too long`);
          this.#parts.limitReached(stream.timeLimit);
          stream.close();
        }
      }
    }
    this.#wakeBy(next);
  }
}
