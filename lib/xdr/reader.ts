/**
 * Bounds-checked cursor over received bytes: big-endian words and padded opaque bytes.
 *
 * Two violations of RFC 4506 are accepted, as by the common C library, with which our peers were
 * built: padding bytes other than zero (here), and bytes after the last field of a call's arguments
 * (lib/rpc/dispatch.ts) or of a reply's results (lib/rpc/client.ts).
 *
 * Source: RFC 4506 sections 3 and 4.
 */

import { XdrError } from "./errors.ts";

/** XDR's unit: every item takes a multiple of it (RFC 4506 section 3). */
export const XDR_UNIT_BYTES = 4;

/** Shared empty array. */
const NO_BYTES = new Uint8Array(0);

export class XdrReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  /** `bytes` must not change during reading; values are always copies. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Reader of the remaining bytes in a buffer of its own, for when the original is about to be reused. */
  detached(): XdrReader {
    return new XdrReader(this.#bytes.slice(this.#offset));
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /**
   * Reads a signed 32-bit word.
   *
   * @throws {XdrError} When fewer than four bytes are left.
   */
  int(type: string): number {
    const at = this.#take(XDR_UNIT_BYTES, type);
    const bytes = this.#bytes;
    return bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
  }

  /**
   * Reads an unsigned 32-bit word.
   *
   * @throws {XdrError} When fewer than four bytes are left.
   */
  uint(type: string): number {
    return this.int(type) >>> 0;
  }

  /**
   * Reads `length` bytes and their padding, and returns a copy.
   *
   * @throws {XdrError} When the bytes or their padding are not all there.
   */
  opaque(length: number, type: string): Uint8Array<ArrayBuffer> {
    const at = this.#take(padded(length), type);
    return length === 0 ? NO_BYTES : this.#bytes.slice(at, at + length) as Uint8Array<ArrayBuffer>;
  }

  /**
   * Reads `length` bytes and their padding as text, one character (U+0000 to U+00FF) for each byte.
   *
   * @throws {XdrError} When the bytes or their padding are not all there.
   */
  text(length: number, type: string): string {
    const at = this.#take(padded(length), type);
    const bytes = this.#bytes;
    let text = "";
    for (let i = at; i < at + length; i++) text += String.fromCharCode(bytes[i]!);
    return text;
  }

  /** Skips the next `length` bytes if all of them are zero; returns whether they are. */
  skipZeros(length: number): boolean {
    const end = this.#offset + length;
    if (end > this.#bytes.length) return false;
    for (let at = this.#offset; at < end; at++) {
      if (this.#bytes[at] !== 0) return false;
    }
    this.#offset = end;
    return true;
  }

  #take(length: number, type: string): number {
    const at = this.#offset;
    const left = this.#bytes.length - at;
    if (length > left) {
      throw new XdrError("decode", type, at, `${length} bytes needed, ${left} left`);
    }
    this.#offset = at + length;
    return at;
  }
}

/** Length on the wire, with padding. */
export function padded(length: number): number {
  return Math.ceil(length / XDR_UNIT_BYTES) * XDR_UNIT_BYTES;
}
