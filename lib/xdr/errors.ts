/**
 * Thrown for bytes that are no value of the expected type, or a value that has no encoding in it.
 *
 * Example: `Cannot decode mon_id.mon_name (string<1024>) at offset 4: length 2000 is above the
 * maximum 1024`. Of the received bytes the message contains only numbers, so it is safe to log.
 */
export class XdrError extends RangeError {
  override readonly name = "XdrError";
  readonly #path: string[] = [];

  constructor(
    readonly operation: "decode" | "encode",
    /** Type in the notation of RFC 4506, for example `string<1024>`. */
    readonly type: string,
    /** Byte offset at which the type begins. */
    readonly offset: number,
    readonly reason: string,
  ) {
    super(`Cannot ${operation} ${type} at offset ${offset}: ${reason}`);
  }

  /** Field names, from the outermost value to the faulty one. */
  get path(): readonly string[] {
    return this.#path;
  }

  /**
   * Adds the enclosing field, from the inside outwards. The error is reused: creating one costs
   * more than decoding a whole call.
   */
  inside(field: string): this {
    const { operation, type, offset, reason } = this;
    this.#path.unshift(field);
    const where = `${this.#path.join(".")} (${type})`;
    this.message = `Cannot ${operation} ${where} at offset ${offset}: ${reason}`;
    return this;
  }
}

/** Error to rethrow where the failure of a field was caught. */
export function inside(field: string, error: unknown): unknown {
  return error instanceof XdrError ? error.inside(field) : error;
}
