/**
 * Sends pairs of SM_UNMON and SM_MON of one peer back to back, inside a test's host:
 *
 *     deno run -A pairs_client.ts PORT PEER PAIRS AT_ONCE DIRECTORY
 *
 * AT_ONCE pairs are outstanding at a time. After their replies the record is looked up in the
 * monitor list. Prints one line of JSON: acknowledged SM_MON, calls without a reply in time, and
 * the pairs whose last SM_MON was acknowledged but is not on disk.
 */

import { describe, message, mon, unmon, word } from "./nsm_calls.ts";
import { PATIENCE_MS } from "./patience.ts";

/** Output of the program. */
export interface PairsDone {
  readonly acknowledged: number;
  readonly unanswered: number;
  readonly lost: readonly number[];
}

const DONE = "SUCCESS 00000000";
const BUFFER_BYTES = 65_536;

class Pairs {
  readonly #socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  readonly #waiting = new Map<string, (reply: string | undefined) => void>();
  #xid = 0;
  #sent: Promise<unknown> = Promise.resolve();

  constructor(readonly port: number, readonly peer: string, readonly directory: string) {
    void this.#receive();
  }

  async run(pairs: number, atOnce: number): Promise<PairsDone> {
    const lost: number[] = [];
    let [acknowledged, unanswered] = [0, 0];
    for (let pair = 0; pair < pairs; pair += atOnce) {
      const replies: Promise<string | undefined>[] = [];
      let priv = "";
      for (let i = 0; i < atOnce; i++) {
        priv = word(pair + i).repeat(4);
        replies.push(this.#call(unmon({ monName: this.peer })));
        replies.push(this.#call(mon({ monName: this.peer, priv })));
      }
      const said = await Promise.all(replies);
      unanswered += said.filter((reply) => reply === undefined).length;
      acknowledged += said.filter((reply, i) => i % 2 === 1 && reply?.startsWith(DONE)).length;
      if (said.at(-1)?.startsWith(DONE) && !this.#isOnDisk(priv)) lost.push(pair + atOnce - 1);
    }
    return { acknowledged, unanswered, lost };
  }

  #isOnDisk(priv: string): boolean {
    try {
      return Deno.readTextFileSync(`${this.directory}/${this.peer}`).includes(priv);
    } catch {
      return false;
    }
  }

  #call(call: Parameters<typeof message>[0]): Promise<string | undefined> {
    const xid = ++this.#xid;
    const answered = Promise.withResolvers<string | undefined>();
    const timer = setTimeout(() => answered.resolve(undefined), PATIENCE_MS);
    this.#waiting.set(word(xid), (reply) => {
      clearTimeout(timer);
      answered.resolve(reply);
    });
    const to = { transport: "udp", hostname: "127.0.0.1", port: this.port } as const;
    // The two are sent in sequence: the runtime does not guarantee the order of concurrent sends.
    this.#sent = this.#sent.then(() => this.#socket.send(message({ ...call, xid }), to));
    return answered.promise;
  }

  async #receive(): Promise<void> {
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const [reply] = await this.#socket.receive(buffer);
      this.#waiting.get(reply.subarray(0, 4).toHex())?.(describe(reply));
    }
  }
}

if (import.meta.main) {
  const [port, peer, pairs, atOnce, directory] = Deno.args;
  const done = await new Pairs(Number(port), peer!, directory!).run(Number(pairs), Number(atOnce));
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(done)}\n`));
  Deno.exit(0);
}
