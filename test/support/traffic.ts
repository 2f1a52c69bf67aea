/**
 * A lock manager's host under load, as a program inside a test's host: it makes calls one after the
 * other or several at a time, each again and again until it is answered, and says of every change when
 * it was asked for and when it was acknowledged. traffic_client.ts is the test's side.
 *
 * Orders on stdin: `run N`, `width N` (calls at one time), `sync TEXT`. Lines on stdout: `begin KEY VALUE`,
 * `end KEY STATE`, `refused KEY REPLY`, `other KIND`, `done`, `synced TEXT`. A key is the two names of a
 * registration with a slash between; a value is its 16 bytes, or `-` where it is to be gone.
 */

import * as nsm from "./nsm_calls.ts";
import { type Call, describe, message, mon, unmon, word } from "./nsm_calls.ts";
import { seededRandom } from "./seeded_random.ts";

/** What the traffic is to be. */
export interface TrafficOrder {
  readonly port: number;
  readonly seed: number;
  /** Most calls at one time. */
  readonly width: number;
  /** Peers of each of these. */
  readonly peers: number;
  /** Whether there is more than SM_MON and SM_UNMON. */
  readonly isMixed: boolean;
}

/** After what time a call is made again, in ms; a lock manager's is longer. */
const REPEAT_MS = 300;
const BUFFER_BYTES = 65_536;

/** Who asks for the peers whose registrations are only counted in the end. */
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

  /** Makes a call until it is answered. */
  async call(call: Call): Promise<string> {
    const xid = ++this.#xid;
    const bytes = message({ ...call, xid });
    const answered = Promise.withResolvers<Uint8Array>();
    this.#waiting.set(word(xid), answered.resolve);
    const send = () => this.#socket.send(bytes, this.#to).catch(() => {}); // nobody is there just now
    const again = setInterval(send, REPEAT_MS);
    await send();
    try {
      return describe(await answered.promise);
    } finally {
      clearInterval(again);
    }
  }

  /** Makes a call over a connection of its own; it is not made again. */
  async callByStream(call: Call): Promise<void> {
    try {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      await connection.write(nsm.record(message({ ...call, xid: ++this.#xid })));
      await connection.read(new Uint8Array(BUFFER_BYTES));
    } catch {
      // It may be restarting just now.
    }
  }

  /** Sends what is no call. */
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
        // What ICMP says of an earlier call.
      }
    }
  }
}

function say(...words: readonly (string | number)[]): void {
  const bytes = new TextEncoder().encode(`${words.join(" ")}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

/** What became of a change or another call, as the words of a line. */
export type Say = (...words: readonly (string | number)[]) => void;

export class Traffic {
  readonly #order: TrafficOrder;
  readonly #say: Say;
  readonly #caller: Caller;
  readonly #random: (below: number) => number;
  readonly #registered: Set<string>;
  /** Those who wait for an answer. */
  readonly #working = new Set<number>();
  #serial = 0;
  #left = 0;
  #width: number;

  /** Knows the keys of what is registered already. */
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

  /** Ends it between two calls. */
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

  /** Makes one call; each worker has registrations of its own, in files that it shares. */
  async #work(worker: number): Promise<void> {
    const kind = this.#order.isMixed ? this.#random(10) : 0;
    if (kind < 5) return await this.#change(worker);
    const peer = this.#peer();
    if (kind === 5) await this.#caller.call(nsm.notify(peer, this.#serial += 2));
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
