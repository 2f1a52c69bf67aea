/** In-memory rpcbind, reached over in-memory streams; it can be stopped and restarted. */

import { portmapV2 } from "../../lib/protocol/portmap.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import { dispatcher, type Service, service } from "../../lib/rpc/dispatch.ts";
import { fromUniversalAddress } from "../../lib/protocol/universal_address.ts";
import type { Handlers, Program } from "../../lib/rpc/program.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import { StreamClient } from "../../lib/rpc/stream_client.ts";
import {
  type Caller,
  type Respond,
  type StreamConnection,
  TransportError,
} from "../../lib/rpc/transport.ts";
import type { Clock } from "../../lib/time/clock.ts";

const REQUEST_MAX_BYTES = 8192;

/** Client end of a stream whose other end is a function that answers calls. */
class AnsweredStream implements StreamConnection {
  readonly remote = { address: "/run/rpcbind.sock", port: 0 };
  readonly #parser = new RecordParser(REQUEST_MAX_BYTES);
  readonly #replies: Uint8Array[] = [];
  #wake = () => {};
  isClosed = false;

  constructor(readonly answer: Respond, readonly caller: Caller) {}

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#replies.length === 0 && !this.isClosed) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    const reply = this.#replies.shift();
    if (reply === undefined) return null;
    into.set(reply);
    return reply.length;
  }
  async write(data: Uint8Array): Promise<void> {
    if (this.isClosed) throw new TransportError("call", this.remote, "connection closed");
    const calls: Uint8Array[] = [];
    this.#parser.push(data, (record) => calls.push(record));
    for (const call of calls) {
      const reply = await this.answer(call, this.caller);
      if (reply !== undefined) this.#replies.push(toRecord(reply));
    }
    this.#wake();
  }
  close(): void {
    this.isClosed = true;
    this.#wake();
  }
}

export class FakeRpcbind {
  /** Registrations, as `program version netid address owner`. */
  registered = new Map<string, string>();
  isUp = true;
  /** Number of entries made or removed. */
  changes = 0;
  /** Netids that SET refuses, as if registered by another owner. */
  readonly refused = new Set<string>();
  readonly #streams = new Set<AnsweredStream>();
  readonly #answer: Respond;

  constructor(readonly clock: Clock, versions: readonly Program[] = [rpcbindV4, rpcbindV3]) {
    this.#answer = dispatcher(versions.map((version) => this.#serve(version)), {
      access: () => "accept",
      handlerFailed: (_name, _caller, error) => {
        throw error;
      },
      garbage: () => {},
    });
  }

  /** Registrations in order. */
  get lines(): string[] {
    return [...this.registered.values()].sort();
  }

  /** Number of open connections. */
  get connections(): number {
    return [...this.#streams].filter((stream) => !stream.isClosed).length;
  }

  /** Universal address of a netid; empty if not registered. */
  addressOf(netid: string): string {
    return this.registered.get(netid)?.split(" ")[3] ?? "";
  }

  /** Port of a netid; 0 if not registered. */
  portOf(netid: string): number {
    return fromUniversalAddress(this.addressOf(netid))?.port ?? 0;
  }

  connect = (): Promise<StreamClient> => {
    if (!this.isUp) {
      const cause = "No such file or directory";
      return Promise.reject(new TransportError("connect to", "/run/rpcbind.sock", cause));
    }
    const stream = new AnsweredStream(this.#answer, {
      address: "",
      port: 0,
      netid: "tcp",
      isLocal: false,
    });
    this.#streams.add(stream);
    let xid = 0;
    const { startTimer } = this.clock;
    return Promise.resolve(new StreamClient(stream, { startTimer, randomXid: () => xid++ }));
  };

  /** Closes all connections and drops all registrations. */
  stop(): void {
    this.isUp = false;
    this.registered.clear();
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
  }

  #serve(version: Program): Service {
    if (version.number !== portmapV2.number) throw new Error("Not a version of rpcbind");
    const handlers = {
      RPCBPROC_NULL: () => {},
      RPCBPROC_SET: (args: Rpcb) => this.set(args),
      RPCBPROC_UNSET: (args: Rpcb) => this.unset(args),
      RPCBPROC_GETADDR: ({ r_netid }: Rpcb) => this.addressOf(r_netid),
    };
    // Tests call no other procedure.
    const served = handlers as unknown as Handlers<typeof rpcbindV4>;
    return service(version as typeof rpcbindV4, served);
  }

  /** Makes an entry, like SET. */
  set({ r_prog, r_vers, r_netid, r_addr, r_owner }: Rpcb): boolean {
    const line = `${r_prog} ${r_vers} ${r_netid} ${r_addr} ${r_owner}`;
    const present = this.registered.get(r_netid);
    if (this.refused.has(r_netid) || (present !== undefined && present !== line)) return false;
    if (present === undefined) this.changes++;
    this.registered.set(r_netid, line);
    return true;
  }

  /** Removes an entry, or all, like UNSET. */
  unset({ r_netid }: Rpcb): boolean {
    const netids = r_netid === "" ? [...this.registered.keys()] : [r_netid];
    const removed = netids.filter((netid) => this.registered.delete(netid)).length;
    this.changes += removed;
    return removed > 0;
  }
}
