/** What XDR decoding and encoding report. */

/**
 * Bytes that are not a value of the expected type, or a value that has no encoding in it.
 *
 * The message reads `Cannot decode mon_id.mon_name (string<1024>) at offset 4: length 2000 is above
 * the maximum 1024`. Nothing of the received bytes themselves is in it, so it is safe to log.
 */
export class XdrError extends RangeError {
  override readonly name = "XdrError";
  /** Names of the fields from the outermost value to the one at fault. */
  readonly path: readonly string[];

  constructor(
    readonly operation: "decode" | "encode",
    /** Type in the notation of RFC 4506, for example `string<1024>`. */
    readonly type: string,
    /** Byte offset in the buffer at which the type begins. */
    readonly offset: number,
    readonly reason: string,
    path: readonly string[] = [],
  ) {
    const where = path.length > 0 ? `${path.join(".")} (${type})` : type;
    super(`Cannot ${operation} ${where} at offset ${offset}: ${reason}`);
    this.path = path;
  }

  /** The same failure, seen from the structure that holds the field. */
  inside(field: string): XdrError {
    const path = [field, ...this.path];
    return new XdrError(this.operation, this.type, this.offset, this.reason, path);
  }
}
