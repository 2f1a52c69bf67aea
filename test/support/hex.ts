/** Bytes as hexadecimal text; groups may end anywhere, so that each field can have its comment. */

/** Bytes of the digits; blanks are ignored. */
export function hex(...groups: readonly string[]): Uint8Array<ArrayBuffer> {
  const digits = groups.join("").replaceAll(" ", "");
  if (!/^([0-9a-f]{2})*$/.test(digits)) throw new TypeError(`Not pairs of hex digits: "${digits}"`);
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Hexadecimal digits of bytes, in words of four bytes. */
export function toHex(bytes: Uint8Array): string {
  const digits = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.match(/.{1,8}/g)?.join(" ") ?? "";
}
