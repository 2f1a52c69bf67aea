/**
 * Attacker: the part of the black-box fuzz test that runs inside a host. It sends datagrams and
 * streams of a stranger to statd, and in between local calls that have to be answered. It reports a
 * failure, or the number of inputs sent.
 */

import { nsmCall } from "../fuzz/messages.ts";
import { mutateBytes } from "../fuzz/mutate.ts";
import { onceIn, type Random } from "../fuzz/target.ts";
import { mutated } from "../fuzz/wire.ts";
import { type Call, describe, message, mon, nullCall, record, unmon } from "./nsm_calls.ts";
import { seededRandom } from "./seeded_random.ts";

const LOCAL = { transport: "udp", hostname: "127.0.0.1" } as const;
const SERVER = { address: "10.99.0.1", port: 4050 };
const STRANGER = "10.99.0.2";
/** Datagrams between two local calls; few enough for the socket's buffer. */
const DATAGRAMS_IN_A_ROW = 10;
/** Maximum number of connections left open. */
const OPEN_MAX = 12;
/** Timeout of a local call in ms, and number of tries. */
const PATIENCE_MS = 2_000;
const TRIES = 5;
/** Size of the longest reply: SM_MON's. */
const REPLY_MAX_BYTES = 32;

const CANARY = { monName: "canary", myName: "attacker" };

type Bytes = Uint8Array<ArrayBuffer>;

class Attacker {
  readonly #random: Random;
  readonly #local = Deno.listenDatagram({ ...LOCAL, port: 0 });
  readonly #stranger = Deno.listenDatagram({ transport: "udp", hostname: STRANGER, port: 0 });
  readonly #open: Deno.TcpConn[] = [];
  #pending: Promise<[Uint8Array, Deno.Addr]> | undefined;
  #xid = 1;

  constructor(seed: number) {
    this.#random = seededRandom(seed).random;
    void this.#drain();
  }

  async attack(inputs: number): Promise<void> {
    for (let i = 0; i < inputs; i++) {
      if (onceIn(this.#random, 4)) await this.#stream();
      else await this.#datagram();
      if (i % DATAGRAMS_IN_A_ROW === 0) await this.#expect(nullCall, /^SUCCESS$/);
      if (i % 500 === 0) {
        await this.#expect(mon(CANARY), /^SUCCESS 00000000 /);
        await this.#expect(unmon(CANARY), /^SUCCESS /);
      }
    }
    for (const connection of this.#open) close(connection);
    await this.#expect(nullCall, /^SUCCESS$/);
  }

  #message(): Bytes {
    return Uint8Array.from(mutated(nsmCall(this.#random), this.#random));
  }

  async #datagram(): Promise<void> {
    const to = { transport: "udp", hostname: SERVER.address, port: SERVER.port } as const;
    await this.#stranger.send(this.#message(), to);
  }

  /** Sends a stream of records in pieces; ends it, breaks it, or leaves it open. */
  async #stream(): Promise<void> {
    const random = this.#random;
    const records = Array.from({ length: 1 + random(4) }, () => record(this.#message()));
    const whole = Uint8Array.from(records.flatMap((one) => [...one]));
    const stream = onceIn(random, 2) ? whole : Uint8Array.from(mutateBytes(whole, random));
    try {
      const connection = await Deno.connect({ hostname: SERVER.address, port: SERVER.port });
      this.#open.push(connection);
      for (let at = 0; at < stream.length;) {
        const end = at + 1 + random(onceIn(random, 4) ? 9 : stream.length);
        await connection.write(stream.subarray(at, end));
        at = end;
      }
      if (onceIn(random, 3)) await connection.closeWrite();
    } catch {
      // closed by statd
    }
    while (this.#open.length > random(OPEN_MAX)) close(this.#open.shift()!);
  }

  /** Makes a call from loopback, with retransmissions like lockd's. */
  async #expect(call: Call, expected: RegExp): Promise<void> {
    const xid = ++this.#xid;
    for (let tries = 0; tries < TRIES; tries++) {
      await this.#local.send(message({ ...call, xid }), { ...LOCAL, port: SERVER.port });
      const reply = await this.#reply(xid);
      if (reply === undefined) continue;
      if (expected.test(describe(reply))) return;
      throw new Error(`procedure ${call.procedure} is answered ${describe(reply)}`);
    }
    throw new Error(`procedure ${call.procedure} is not answered`);
  }

  async #reply(xid: number): Promise<Uint8Array | undefined> {
    const late = Promise.withResolvers<undefined>();
    const timer = setTimeout(() => late.resolve(undefined), PATIENCE_MS);
    try {
      for (;;) {
        this.#pending ??= this.#local.receive();
        const received = await Promise.race([this.#pending, late.promise]);
        if (received === undefined) return undefined;
        this.#pending = undefined;
        const [reply] = received;
        if (new DataView(reply.buffer, reply.byteOffset).getUint32(0) === xid) return reply;
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Checks the sizes of replies to the stranger. */
  async #drain(): Promise<void> {
    for await (const [reply] of this.#stranger) {
      if (reply.length > REPLY_MAX_BYTES) throw new Error(`a reply has ${reply.length} bytes`);
    }
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // closed already
  }
}

if (import.meta.main) {
  const [seed = 0, inputs = 0] = Deno.args.map(Number);
  const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  try {
    await new Attacker(seed).attack(inputs);
    say(`sent ${inputs}`);
  } catch (error) {
    say(`failed: ${error}`);
  }
  Deno.exit(0);
}
