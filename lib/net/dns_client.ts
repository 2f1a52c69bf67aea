/**
 * DNS client for one server over UDP, with hundreds of questions in flight, without a thread or
 * socket for each. Anything but a plain answer (a truncated one, or a response code other than
 * NOERROR and NXDOMAIN) is an error, so that the caller can ask the C library instead.
 *
 * A forged answer has to guess the port of one of several sockets, the identifier and the question,
 * and to come from the server's address.
 *
 * Source: RFC 1035 section 4 (messages), RFC 3596 (AAAA), RFC 5452 (what an answer has to match).
 */

import { normaliseAddress } from "../rpc/address.ts";
import type { DatagramSocket, Endpoint } from "../rpc/transport.ts";

/** Sockets among which questions are distributed. */
const SOCKETS = 4;

const HEADER_BYTES = 12;
/** Standard query, recursion desired. */
const FLAGS_QUERY = 0x0100;
const FLAG_RESPONSE = 0x8000;
const FLAG_TRUNCATED = 0x0200;
const RCODE_MASK = 0xf;
const NOERROR = 0;
const NXDOMAIN = 3;
const CLASS_IN = 1;
const TYPES = { A: 1, AAAA: 28 } as const;
const CNAME = 5;
/** Two high bits of a length byte: a compression pointer follows. */
const POINTER = 0xc0;
/** Compression pointers followed before a name counts as a loop. */
const POINTERS_MAX = 32;
/** Longest label and name, in bytes. */
const LABEL_MAX = 63;
const NAME_MAX = 253;

/** Question in flight. */
interface Pending {
  readonly name: string;
  readonly type: number;
  readonly settle: (answer: string[] | Error) => void;
}

/** Dependencies of the client. */
export interface DnsParts {
  /** Opens a socket on an ephemeral port. @throws {TransportError} */
  readonly open: () => DatagramSocket;
  readonly random: () => number;
}

export class DnsClient {
  readonly #server: Endpoint;
  readonly #random: () => number;
  readonly #sockets: { readonly socket: DatagramSocket; readonly pending: Map<number, Pending> }[];

  /** @throws {TransportError} When no socket can be opened. */
  constructor(server: Endpoint, { open, random }: DnsParts) {
    this.#server = { ...server, address: normaliseAddress(server.address) ?? server.address };
    this.#random = random;
    this.#sockets = Array.from({ length: SOCKETS }, () => {
      const [socket, pending] = [open(), new Map<number, Pending>()];
      // Never rejects, and ends with the socket.
      void socket.receive((data, from) => this.#received(pending, data, from));
      return { socket, pending };
    });
  }

  /**
   * Asks for the addresses of one family; an empty list if the name has none, or does not exist.
   *
   * @throws {Error} (as a rejection) No plain answer before the signal was aborted.
   */
  ask(name: string, type: "A" | "AAAA", signal: AbortSignal): Promise<string[]> {
    const { socket, pending } = this.#sockets[this.#random() % SOCKETS]!;
    let id = this.#random() & 0xffff;
    while (pending.has(id)) id = (id + 1) & 0xffff;
    const wanted = name.replace(/\.$/, "").toLowerCase();
    return new Promise((resolve, reject) => {
      const settle = (answer: string[] | Error) => {
        pending.delete(id);
        signal.removeEventListener("abort", abort);
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      };
      const abort = () => settle(new Error("no answer in time"));
      if (signal.aborted) return reject(new Error("no answer in time"));
      signal.addEventListener("abort", abort);
      pending.set(id, { name: wanted, type: TYPES[type], settle });
      try {
        const query = encodeQuery(id, wanted, TYPES[type]);
        socket.send(query, this.#server)?.catch((error) => settle(error as Error));
      } catch (error) {
        settle(error as Error);
      }
    });
  }

  close(): void {
    for (const { socket } of this.#sockets) socket.close();
  }

  #received(pending: Map<number, Pending>, data: Uint8Array, from: Endpoint): void {
    const { address, port } = this.#server;
    if (from.address !== address || from.port !== port || data.length < HEADER_BYTES) return;
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const question = pending.get(view.getUint16(0));
    if (question === undefined) return;
    try {
      const answer = decodeAnswer(view, question);
      if (answer !== undefined) question.settle(answer);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      // Truncated message: forged, or useless.
    }
  }
}

/** @throws {Error} When the name is not a valid DNS name. */
export function encodeQuery(id: number, name: string, type: number): Uint8Array {
  const labels = name.split(".");
  const isName = name.length <= NAME_MAX &&
    labels.every(({ length }) => length > 0 && length <= LABEL_MAX);
  if (!isName) throw new Error("it is not a domain name");
  const bytes = new Uint8Array(HEADER_BYTES + name.length + 2 + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, id);
  view.setUint16(2, FLAGS_QUERY);
  view.setUint16(4, 1);
  let at = HEADER_BYTES;
  for (const label of labels) {
    bytes[at++] = label.length;
    for (const character of label) bytes[at++] = character.charCodeAt(0);
  }
  view.setUint16(at + 1, type);
  view.setUint16(at + 3, CLASS_IN);
  return bytes;
}

/**
 * Addresses in an answer, or an error if it is no plain answer; undefined if it does not match the
 * question.
 *
 * @throws {RangeError} When the message is truncated.
 */
export function decodeAnswer(
  view: DataView,
  { name, type }: Pick<Pending, "name" | "type">,
): string[] | Error | undefined {
  const flags = view.getUint16(2);
  if ((flags & FLAG_RESPONSE) === 0 || view.getUint16(4) !== 1) return undefined;
  const asked = readName(view, HEADER_BYTES);
  if (asked.name !== name || view.getUint16(asked.end) !== type) return undefined;
  const code = flags & RCODE_MASK;
  if ((flags & FLAG_TRUNCATED) !== 0) return new Error("the answer was cut");
  if (code === NXDOMAIN) return [];
  if (code !== NOERROR) return new Error(`the name server answers with code ${code}`);
  const owners = new Set([name]);
  const found: string[] = [];
  let at = asked.end + 4;
  for (let left = view.getUint16(6); left > 0; left--) {
    const owner = readName(view, at);
    const kind = view.getUint16(owner.end);
    const start = owner.end + 10;
    const end = start + view.getUint16(owner.end + 8);
    if (owners.has(owner.name) && view.getUint16(owner.end + 2) === CLASS_IN) {
      if (kind === CNAME) owners.add(readName(view, start).name);
      if (kind === type) found.push(addressAt(view, start, end));
    }
    at = end;
  }
  return found;
}

function addressAt(view: DataView, start: number, end: number): string {
  if (end - start === 4) {
    return Array.from({ length: 4 }, (_, i) => view.getUint8(start + i)).join(".");
  }
  if (end - start !== 16) throw new RangeError("it is not an address");
  return Array.from({ length: 8 }, (_, i) => view.getUint16(start + 2 * i).toString(16)).join(":");
}

/** Decodes a name, in lower case, and returns the offset after it. */
function readName(view: DataView, start: number): { name: string; end: number } {
  const labels: string[] = [];
  let end: number | undefined;
  for (let at = start, pointers = 0;;) {
    const length = view.getUint8(at);
    if (length === 0) return { name: labels.join(".").toLowerCase(), end: end ?? at + 1 };
    if ((length & POINTER) === POINTER) {
      end ??= at + 2;
      at = view.getUint16(at) & ~(POINTER << 8);
      if (++pointers > POINTERS_MAX) throw new RangeError("the name refers to itself");
      continue;
    }
    if (length > LABEL_MAX) throw new RangeError("it is not a label");
    let label = "";
    for (let i = 1; i <= length; i++) label += String.fromCharCode(view.getUint8(at + i));
    labels.push(label);
    at += 1 + length;
  }
}
