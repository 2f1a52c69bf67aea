/**
 * Growing output buffer for XDR items, reusable: {@link XdrWriter.reset} keeps the memory.
 *
 * Source: RFC 4506 sections 3 and 4.
 */

import { padded, XDR_UNIT_BYTES } from "./reader.ts";

/** Initial size, in bytes: an SM_MON with ordinary names fits. */
const INITIAL_BYTES = 512;

export class XdrWriter {
  #bytes = new Uint8Array(INITIAL_BYTES);
  #length = 0;

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Discards the contents. */
  reset(): void {
    this.#length = 0;
  }

  /** Copy of the contents. */
  bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** View of the contents, valid until the next write. */
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Appends a 32-bit word; signed and unsigned numbers are taken modulo 2^32. */
  word(value: number): void {
    const at = this.#grow(XDR_UNIT_BYTES);
    putWord(this.#bytes, at, value);
  }

  /** Appends bytes and their zero padding. */
  opaque(value: Uint8Array): void {
    const at = this.#grow(padded(value.length));
    this.#bytes.set(value, at);
    this.#bytes.fill(0, at + value.length, this.#length);
  }

  /** Appends text, one byte per character (U+0000 to U+00FF), and its zero padding. */
  text(value: string): void {
    const at = this.#grow(padded(value.length));
    const bytes = this.#bytes;
    for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i);
    bytes.fill(0, at + value.length, this.#length);
  }

  #grow(by: number): number {
    const at = this.#length;
    this.#length += by;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, at));
      this.#bytes = larger;
    }
    return at;
  }
}

/** Writes a 32-bit word over four bytes. */
export function putWord(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
