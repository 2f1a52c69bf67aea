/**
 * Load of a lock manager's host, run inside a test's host. Calls are made one after the other or
 * concurrently, each repeated until answered. Every change is reported when requested and when
 * acknowledged. The client is traffic_client.ts.
 *
 * Orders on stdin: `run N`, `width N` (concurrent calls), `sync TEXT`. Lines on stdout: `begin KEY
 * VALUE`, `end KEY STATE`, `refused KEY REPLY`, `other KIND`, `done`, `synced TEXT`. A key is the
 * two names of a registration separated by a slash; a value is its 16 bytes, or `-` for a removal.
 */

import * as nsm from "./nsm_calls.ts";
import { type Call, describe, message, mon, unmon, word } from "./nsm_calls.ts";
import { seededRandom } from "./seeded_random.ts";

/** Parameters of the traffic. */
export interface TrafficOrder {
  readonly port: number;
  readonly seed: number;
  /** Maximum number of concurrent calls. */
  readonly width: number;
  /** Number of peers. */
  readonly peers: number;
  /** Whether to make other calls than SM_MON and SM_UNMON, too. */
  readonly isMixed: boolean;
}

/** Retransmission interval in ms, shorter than a lock manager's. */
const REPEAT_MS = 300;
/**
 * Attempts of an SM_NOTIFY. The daemon does not answer a notice that it cannot keep: one of a peer
 * that nobody monitors, while the disk is read-only. A sender gives up after some time.
 */
const NOTICE_TRIES = 20;
const BUFFER_BYTES = 65_536;

/** Requester whose registrations are only counted at the end. */
export const LEAVER = "leaver";

class Caller {
  readonly #to: Deno.NetAddr;
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #waiting = new Map<string, (reply: Uint8Array) => void>();
  #xid = 0x10000;
  #isClosed = false;

  constructor(readonly port: number) {
    this.#to = { transport: "udp", hostname: "127.0.0.1", port };
    this.#receive();
  }

  /** Repeats a call until it is answered, or up to a number of attempts. */
  async call(call: Call, tries = Infinity): Promise<string> {
    const xid = ++this.#xid;
    const bytes = message({ ...call, xid });
    const answered = Promise.withResolvers<Uint8Array | undefined>();
    this.#waiting.set(word(xid), answered.resolve);
    const send = () => this.#socket.send(bytes, this.#to).catch(() => {}); // the daemon may be down
    const again = setInterval(() => {
      if (--tries > 0) void send();
      else answered.resolve(undefined);
    }, REPEAT_MS);
    await send();
    try {
      const reply = await answered.promise;
      return reply === undefined ? "no answer" : describe(reply);
    } finally {
      clearInterval(again);
      this.#waiting.delete(word(xid));
    }
  }

  /** Makes a call over a connection of its own, without repetition. */
  async callByStream(call: Call): Promise<void> {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      await connection.write(nsm.record(message({ ...call, xid: ++this.#xid })));
      await connection.read(new Uint8Array(BUFFER_BYTES));
    } catch {
      // The daemon may be restarting.
    }
  }

  /** Sends bytes that are no call. */
  async nonsense(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await this.#socket.send(bytes, this.#to).catch(() => {});
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.close();
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    while (!this.#isClosed) {
      try {
        const [reply] = await this.#socket.receive(buffer);
        const xid = reply.subarray(0, 4).toHex();
        this.#waiting.get(xid)?.(reply.slice());
        this.#waiting.delete(xid);
      } catch {
        // ICMP error of an earlier call.
      }
    }
  }
}

function say(...words: readonly (string | number)[]): void {
  const bytes = new TextEncoder().encode(`${words.join(" ")}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** Writes the outcome of a call, as the words of a line. */
export type Say = (...words: readonly (string | number)[]) => void;

export class Traffic {
  readonly #order: TrafficOrder;
  readonly #say: Say;
  readonly #caller: Caller;
  readonly #random: (below: number) => number;
  readonly #registered: Set<string>;
  /** Workers with a call outstanding. */
  readonly #working = new Set<number>();
  #serial = 0;
  #left = 0;
  #width: number;

  /** `registered`: keys of existing registrations. */
  constructor(order: TrafficOrder, say: Say, registered: Iterable<string> = []) {
    this.#order = order;
    this.#say = say;
    this.#registered = new Set(registered);
    this.#width = order.width;
    this.#caller = new Caller(order.port);
    this.#random = seededRandom(order.seed).random;
  }

  obey(order: string, argument: string): void {
    if (order === "run") this.#left += Number(argument);
    if (order === "width") this.#width = Number(argument);
    if (order === "sync") this.#say("synced", argument);
    this.#start();
  }

  /** Ends the traffic between two calls. */
  close(): void {
    this.#caller.close();
  }

  #start(): void {
    for (let worker = 0; worker < this.#order.width; worker++) {
      if (this.#left === 0 || this.#working.size >= this.#width) return;
      if (this.#working.has(worker)) continue;
      this.#left--;
      this.#working.add(worker);
      this.#work(worker).then(() => {
        this.#working.delete(worker);
        if (this.#left === 0 && this.#working.size === 0) this.#say("done");
        this.#start();
      });
    }
  }

  /** Makes one call; workers share files, but not registrations. */
  async #work(worker: number): Promise<void> {
    const kind = this.#order.isMixed ? this.#random(10) : 0;
    if (kind < 5) return await this.#change(worker);
    const peer = this.#peer();
    if (kind === 5) await this.#caller.call(nsm.notify(peer, this.#serial += 2), NOTICE_TRIES);
    else if (kind === 6) await this.#caller.call(nsm.stat(peer));
    else if (kind === 7) await this.#caller.callByStream(nsm.nullCall);
    else if (kind === 8) {
      await this.#caller.nonsense(crypto.getRandomValues(new Uint8Array(this.#random(200))));
      await this.#caller.call(nsm.nullCall);
    } else {
      await this.#caller.call(mon({ monName: peer, myName: LEAVER }));
      await this.#caller.call(nsm.unmonAll({ myName: LEAVER }));
    }
    this.#say("other", kind);
  }

  async #change(worker: number): Promise<void> {
    const monName = this.#peer();
    const myName = `host${worker}`;
    const key = `${monName}/${myName}`;
    const isGone = this.#registered.has(key) && this.#random(2) === 0;
    const priv = (++this.#serial).toString(16).padStart(32, "0");
    this.#say("begin", key, isGone ? "-" : priv);
    const call = isGone ? unmon({ monName, myName }) : mon({ monName, myName, priv });
    const reply = await this.#caller.call(call);
    const [, state] = /^SUCCESS (?:00000000 )?([0-9a-f]{8})$/.exec(reply) ?? [];
    if (state === undefined) return this.#say("refused", key, reply);
    if (isGone) this.#registered.delete(key);
    else this.#registered.add(key);
    this.#say("end", key, parseInt(state, 16));
  }

  #peer(): string {
    return `10.77.0.${1 + this.#random(this.#order.peers)}`;
  }
}

if (import.meta.main) {
  const traffic = new Traffic(JSON.parse(Deno.args[0]!) as TrafficOrder, say);
  let rest = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [order = "", argument = ""] = line.split(" ");
      traffic.obey(order, argument);
    }
  }
  Deno.exit(0);
}
