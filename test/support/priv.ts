/** The priv of a record: one byte 16 times, the low 8 bits of a number. */
export function privOf(byte: number): string {
  return (byte & 0xff).toString(16).padStart(2, "0").repeat(16);
}
