/**
 * XDR messages as lists of fields, encoded without the code under test: lengths may be false, and
 * fields may be repeated, swapped or missing.
 */

import { EDGES, mutateBytes } from "./mutate.ts";
import { onceIn, pick, type Random } from "./target.ts";

/** A word, or bytes: with a length word, or of fixed length. */
export type Field =
  | { readonly word: number }
  | { readonly bytes: string; readonly length?: number }
  | { readonly fixed: string };

export const word = (value: number): Field => ({ word: value });
/** String or variable-length opaque, one character per byte. */
export const text = (bytes: string): Field => ({ bytes });
export const fixed = (bytes: string): Field => ({ fixed: bytes });

/** Encodes fields. */
export function encode(fields: readonly Field[]): Uint8Array {
  const bytes: number[] = [];
  const addWord = (value: number) =>
    bytes.push(value >>> 24, value >>> 16 & 0xff, value >>> 8 & 0xff, value & 0xff);
  const addText = (value: string) => {
    for (let i = 0; i < value.length; i++) bytes.push(value.charCodeAt(i) & 0xff);
    while (bytes.length % 4 !== 0) bytes.push(0);
  };
  for (const field of fields) {
    if ("word" in field) addWord(field.word);
    else if ("fixed" in field) addText(field.fixed);
    else {
      addWord(field.length ?? field.bytes.length);
      addText(field.bytes);
    }
  }
  return Uint8Array.from(bytes);
}

/** Valid and invalid host names, one character per byte. */
export const NAMES: readonly string[] = [
  ...["nodeb", "NodeB", "nodeb.", "nodec.example.net", "10.99.0.3", "fd99::2", "fe80::1%lo", "n"],
  ...["localhost", "127.0.0.1", "::1", "", ".", "..", "../../etc/passwd", "/etc/shadow", "a/b"],
  ...[".peers", ".hidden", "a b", "a\nb", "a\0b", "%s%n%x", "$(id)", "`id`", "\x1b[2J", "-rf"],
  ...["caf\xe9", "\xff\xfe", "__proto__", "constructor", "a".repeat(255), "a".repeat(256)],
  ...["b".repeat(1024), "b".repeat(1025), "state", "sm", ".1.new", "nodeb.new", "*", "@all"],
];

/** Name in a call. */
export function name(random: Random): string {
  if (onceIn(random, 3)) return pick(random, NAMES);
  return `host${random(40)}${pick(random, ["", ".example.net", ".EXAMPLE.net"])}`;
}

/** Random bytes. */
export function noise(random: Random, length: number): string {
  return Array.from({ length }, () => String.fromCharCode(random(256))).join("");
}

/** Encodes fields; in half of all cases after mutations of fields or bytes. */
export function mutated(fields: readonly Field[], random: Random): Uint8Array {
  if (onceIn(random, 2)) return encode(fields);
  const changed = [...fields];
  for (let times = random(3); times > 0 && changed.length > 0; times--) changeOne(changed, random);
  return mutateBytes(encode(changed), random);
}

function changeOne(fields: Field[], random: Random): void {
  const at = random(fields.length);
  const field = fields[at]!;
  switch (random(5)) {
    case 0:
      fields.splice(at, 1);
      break;
    case 1:
      fields.splice(random(fields.length), 0, field);
      break;
    case 2:
      fields[at] = fields[random(fields.length)]!;
      break;
    case 3:
      fields[at] = "bytes" in field
        ? { bytes: field.bytes, length: pick(random, EDGES) }
        : word(pick(random, EDGES));
      break;
    case 4:
      fields[at] = text(noise(random, pick(random, EDGES.slice(0, 32))));
  }
}
