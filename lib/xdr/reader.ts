/**
 * A bounds-checked cursor over received bytes: big-endian words and runs of opaque bytes with their
 * padding.
 *
 * Two things that RFC 4506 forbids are let pass, because the common C library lets them pass and our
 * peers were built with it: padding bytes other than zero (here) and bytes left over after the last
 * field of a call's arguments (lib/rpc/dispatch.ts).
 *
 * Source: RFC 4506 sections 3 and 4.
 */

import { XdrError } from "./errors.ts";

/** XDR's unit: every item takes a multiple of this many bytes (RFC 4506 section 3). */
export const XDR_UNIT_BYTES = 4;

export class XdrReader {
  #bytes: Uint8Array;
  #view: DataView;
  #offset = 0;

  /** Reads `bytes`, which must stay unchanged while reading; what is read out is always a copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /**
   * Reads an unsigned 32-bit word.
   *
   * @throws {XdrError} When fewer than four bytes are left.
   */
  uint(type: string): number {
    const at = this.#take(XDR_UNIT_BYTES, type);
    return this.#view.getUint32(at);
  }

  /**
   * Reads a signed 32-bit word.
   *
   * @throws {XdrError} When fewer than four bytes are left.
   */
  int(type: string): number {
    const at = this.#take(XDR_UNIT_BYTES, type);
    return this.#view.getInt32(at);
  }

  /**
   * Reads `length` bytes and their padding, and returns a copy.
   *
   * @throws {XdrError} When the bytes or their padding are not all there.
   */
  opaque(length: number, type: string): Uint8Array<ArrayBuffer> {
    const at = this.#take(padded(length), type);
    return this.#bytes.slice(at, at + length) as Uint8Array<ArrayBuffer>;
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

  #take(length: number, type: string): number {
    if (length > this.remaining) {
      const reason = `${length} bytes needed, ${this.remaining} left`;
      throw new XdrError("decode", type, this.#offset, reason);
    }
    const at = this.#offset;
    this.#offset += length;
    return at;
  }
}

/** The bytes that `length` bytes take on the wire, padding included. */
export function padded(length: number): number {
  return Math.ceil(length / XDR_UNIT_BYTES) * XDR_UNIT_BYTES;
}
