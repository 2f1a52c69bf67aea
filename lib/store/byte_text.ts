/** Byte text: one character per byte, U+0000 to U+00FF. */

/** Bytes of a byte text. */
export function toBytes(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/**
 * Byte text of some bytes. TextDecoder's `latin1` is really windows-1252, which maps 27 bytes
 * differently.
 */
export function toText(bytes: Uint8Array): string {
  // Spreading the bytes would take eight times as long.
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}
