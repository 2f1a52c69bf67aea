/** What XDR decoding and encoding report. */

/**
 * Bytes that are not a value of the expected type, or a value that has no encoding in it.
 *
 * The message reads `Cannot decode mon_id.mon_name (string<1024>) at offset 4: length 2000 is above
 * the maximum 1024`. Nothing of the received bytes but numbers is in it, so it is safe to log.
 */
export class XdrError extends RangeError {
  override readonly name = "XdrError";
  readonly #path: string[] = [];

  constructor(
    readonly operation: "decode" | "encode",
    /** Type in the notation of RFC 4506, for example `string<1024>`. */
    readonly type: string,
    /** Byte offset in the buffer at which the type begins. */
    readonly offset: number,
    readonly reason: string,
  ) {
    super(`Cannot ${operation} ${type} at offset ${offset}: ${reason}`);
  }

  /** Names of the fields from the outermost value to the one at fault. */
  get path(): readonly string[] {
    return this.#path;
  }

  /**
   * Adds the field in which it happened, from the inside outwards. The error object is reused: to make one
   * costs more than to decode a whole call.
   */
  inside(field: string): this {
    const { operation, type, offset, reason } = this;
    this.#path.unshift(field);
    const where = `${this.#path.join(".")} (${type})`;
    this.message = `Cannot ${operation} ${where} at offset ${offset}: ${reason}`;
    return this;
  }
}

/** What to throw on where the failure of a field was caught. */
export function inside(field: string, error: unknown): unknown {
  return error instanceof XdrError ? error.inside(field) : error;
}
