/**
 * Record marking: message boundaries in a byte stream.
 *
 * Each message is a record of one or more fragments. A fragment begins with a big-endian word: the
 * highest bit is set in a record's last fragment, the other 31 bits are the fragment's length in
 * bytes.
 *
 * Source: RFC 5531 section 11.
 */

const HEADER_BYTES = 4;
const LAST_FRAGMENT = 0x80000000;
const LENGTH_MASK = 0x7fffffff;
/** Initial buffer for a record, in bytes: an SM_MON with ordinary names fits. */
const INITIAL_BYTES = 512;

/** Thrown for a stream that is no sequence of acceptable records; the stream has to be closed. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

/** Wraps a message in a record of one fragment. */
export function toRecord(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const record = new Uint8Array(HEADER_BYTES + message.length);
  new DataView(record.buffer).setUint32(0, (LAST_FRAGMENT | message.length) >>> 0);
  record.set(message, HEADER_BYTES);
  return record;
}

/** Incremental parser that splits a stream into messages. */
export class RecordParser {
  readonly #header = new Uint8Array(HEADER_BYTES);
  #headerLength = 0;
  #body = new Uint8Array(INITIAL_BYTES);
  #bodyLength = 0;
  #fragmentLeft = 0;
  #isLast = false;

  /** `maxBytes` limits a record: the sum of its fragments without headers. */
  constructor(readonly maxBytes: number) {}

  /** Whether a record has arrived only in part. */
  get isInsideRecord(): boolean {
    return this.#headerLength > 0 || this.#bodyLength > 0;
  }

  /**
   * Parses the next piece of the stream, and delivers each completed record as a copy.
   *
   * @throws {RecordError} When a record exceeds the maximum, or has an empty fragment that is not
   * its last (a sender could keep us busy with these forever).
   */
  push(piece: Uint8Array, deliver: (record: Uint8Array<ArrayBuffer>) => void): void {
    let at = 0;
    while (at < piece.length) {
      if (this.#headerLength < HEADER_BYTES) {
        this.#header[this.#headerLength++] = piece[at++]!;
        if (this.#headerLength < HEADER_BYTES) continue;
        this.#beginFragment();
      }
      const taken = Math.min(this.#fragmentLeft, piece.length - at);
      this.#append(piece.subarray(at, at + taken));
      at += taken;
      if (this.#fragmentLeft > 0) return;
      this.#headerLength = 0;
      if (this.#isLast) {
        const record = this.#body.slice(0, this.#bodyLength);
        this.#bodyLength = 0;
        deliver(record);
      }
    }
  }

  #beginFragment(): void {
    const word = new DataView(this.#header.buffer).getUint32(0);
    this.#isLast = (word & LAST_FRAGMENT) !== 0;
    this.#fragmentLeft = word & LENGTH_MASK;
    if (this.#bodyLength + this.#fragmentLeft > this.maxBytes) {
      throw new RecordError(`a record is longer than ${this.maxBytes} bytes`);
    }
    if (this.#fragmentLeft === 0 && !this.#isLast) {
      throw new RecordError("a fragment is empty and not the last of its record");
    }
  }

  #append(bytes: Uint8Array): void {
    const needed = this.#bodyLength + bytes.length;
    if (needed > this.#body.length) {
      const larger = new Uint8Array(
        Math.min(this.maxBytes, Math.max(needed, 2 * this.#body.length)),
      );
      larger.set(this.#body.subarray(0, this.#bodyLength));
      this.#body = larger;
    }
    this.#body.set(bytes, this.#bodyLength);
    this.#bodyLength = needed;
    this.#fragmentLeft -= bytes.length;
  }
}
