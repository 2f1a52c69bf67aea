/** Text of one character for each byte, U+0000 to U+00FF. */

/** The bytes that a text stands for. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The text of some bytes. TextDecoder's `latin1` is another code, in which 27 bytes do not stand for themselves. */
export function toText(bytes: Uint8Array): string {
  // Spreading the bytes would take eight times as long.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
