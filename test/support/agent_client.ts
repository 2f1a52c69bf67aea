/** Client of the agent in a host: calls from the host, and stand-in servers in it. */

import { DENO_RUN } from "./deno_run.ts";
import type { Endpoint } from "../../lib/rpc/transport.ts";
import type { Answer, Called, Conduct, Order, Source } from "./agent_orders.ts";
import { BackgroundProgram } from "./background_program.ts";
import type { TestHost } from "./namespace.ts";
import { inTime } from "./patience.ts";

const AGENT = new URL("agent.ts", import.meta.url).pathname;

type Bytes = Uint8Array<ArrayBuffer>;

/** Replies received over a connection. */
export interface StreamReplies {
  readonly records: readonly Bytes[];
  /** Whether the server ended the connection. */
  readonly isClosed: boolean;
}

/** What came back for a datagram. */
export interface DatagramReply {
  readonly message: Bytes;
  readonly from: Endpoint;
}

/** Properties of a stand-in server; defaults are those of the kernel's lock manager. */
export interface StandIn {
  readonly program?: number;
  readonly versions?: readonly number[];
  readonly address?: string;
  readonly port?: number;
  readonly conduct?: Conduct;
  readonly isRegistered?: boolean;
}

/** Default properties: a lock manager on all addresses. */
const LOCK_MANAGER: Required<StandIn> = {
  program: 100021,
  versions: [1, 3, 4],
  address: "0.0.0.0",
  port: 0,
  conduct: "success",
  isRegistered: true,
};

export class Agent {
  /** Calls received by stand-in servers, in order. */
  readonly calls: Called[] = [];
  readonly #program: BackgroundProgram;
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];
  #news = Promise.withResolvers<void>();

  /** Starts an agent, which ends with its host. */
  constructor(host: TestHost) {
    const command = [...DENO_RUN, AGENT];
    this.#program = host.follow(new BackgroundProgram(host, command, (line) => this.#take(line)));
    this.#program.ended.then(() => {
      const gone = new Error(`The agent has ended: ${this.#program.lines.join(" ")}`);
      for (const { reject } of this.#waiting) reject(gone);
    });
  }

  /** Sends a datagram and waits for the reply with the same xid. */
  async datagram(message: Bytes, to: Endpoint, from: Source = {}): Promise<DatagramReply> {
    const answer = await this.#datagram(message, to, from);
    return answer!;
  }

  /** Sends a datagram and a second one as fence; undefined when the fence's reply comes first. */
  async datagramUnlessSilent(
    message: Bytes,
    fence: Bytes,
    to: Endpoint,
    from: Source = {},
  ): Promise<DatagramReply | undefined> {
    return await this.#datagram(message, to, from, fence);
  }

  /** Sends datagrams in a row without waiting for replies. */
  async flood(messages: readonly Bytes[], to: Endpoint, from: Source = {}): Promise<void> {
    const hex = messages.map((message) => message.toHex());
    const answer = await this.#order({ do: "flood", from, to, messages: hex });
    if (answer.answers !== "flood") throw unexpected(answer);
  }

  /**
   * Writes pieces to a new connection; waits for `records` records, or for the end of the
   * connection if 0.
   */
  async stream(
    pieces: readonly Bytes[],
    records: number,
    to: Endpoint,
    from: Source = {},
  ): Promise<StreamReplies> {
    const hex = pieces.map((piece) => piece.toHex());
    const answer = await this.#order({ do: "stream", from, to, pieces: hex, records });
    if (answer.answers !== "stream") throw unexpected(answer);
    const { isClosed } = answer;
    return { records: answer.records.map((record) => Uint8Array.fromHex(record)), isClosed };
  }

  /** Plays a server, replacing the program's previous one; returns its port. */
  async serve(standIn: StandIn = {}): Promise<number> {
    const answer = await this.#order({ do: "serve", ...LOCK_MANAGER, ...standIn });
    if (answer.answers !== "serve") throw unexpected(answer);
    return answer.port;
  }

  /** Waits until stand-in servers have received this many calls in all. */
  async called(times: number): Promise<readonly Called[]> {
    while (this.calls.length < times) await inTime(`call number ${times}`, this.#news.promise);
    return this.calls;
  }

  async #datagram(
    message: Bytes,
    to: Endpoint,
    from: Source,
    fence?: Bytes,
  ): Promise<DatagramReply | undefined> {
    const order = { do: "datagram", from, to, message: message.toHex() } as const;
    const answer = await this.#order({
      ...order,
      ...(fence === undefined ? {} : { fence: fence.toHex() }),
    });
    if (answer.answers !== "datagram") throw unexpected(answer);
    if (answer.reply === null || answer.from === null) return undefined;
    return { message: Uint8Array.fromHex(answer.reply), from: answer.from };
  }

  async #order(order: Order): Promise<Answer> {
    const waiting = Promise.withResolvers<Answer>();
    this.#waiting.push(waiting);
    await this.#program.write(JSON.stringify(order));
    return await inTime(`answer to ${JSON.stringify(order)}`, waiting.promise);
  }

  #take(line: string): void {
    const answer = JSON.parse(line) as Answer | Called;
    if (answer.answers !== "called") return this.#waiting.shift()!.resolve(answer);
    if (isNull(answer.message)) return; // a ping, such as rpcinfo's
    this.calls.push(answer);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

function unexpected(answer: Answer): Error {
  return new Error(answer.answers === "failed" ? answer.reason : `Unexpected ${answer.answers}`);
}

/** Whether a call, in hexadecimal, is of procedure 0: the sixth word of the message (RFC 5531). */
function isNull(message: string): boolean {
  return message.slice(40, 48) === "00000000";
}
