/** The priv of a record that has the same byte 16 times, the last 8 bits of a number. */
export function privOf(byte: number): string {
  return (byte & 0xff).toString(16).padStart(2, "0").repeat(16);
}
