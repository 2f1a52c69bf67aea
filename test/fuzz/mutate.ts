/** Mutations of inputs that keep most of their structure: of bytes, and of text by words. */

import { onceIn, pick, type Random } from "./target.ts";

/** Boundary values. */
export const EDGES: readonly number[] = [
  ...[0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 24, 31, 32, 63, 64, 111, 127, 128, 253, 254, 255, 256],
  ...[399, 400, 401, 511, 512, 1023, 1024, 1025, 1095, 2048, 4095, 4096, 8191, 8192, 8193, 65535],
  ...[65536, 100000, 100021, 100024, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff],
];

/** Maximum size of an input, in bytes: several times the largest message. */
const INPUT_MAX_BYTES = 12_000;

const CHANGES: readonly ((bytes: Uint8Array, random: Random) => Uint8Array)[] = [
  flipBit,
  (bytes, random) => bytes.with(random(bytes.length), random(256)),
  (bytes, random) => bytes.slice(0, random(bytes.length)),
  setWord,
  (bytes, random) => splice(bytes, random, random(9), new Uint8Array(0)),
  (bytes, random) => splice(bytes, random, 0, new Uint8Array(random(9)).map(() => random(256))),
  repeatPart,
  overwritePart,
];

/** Makes up to three mutations, often none. */
export function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  for (let times = random(4); times > 0 && bytes.length > 0; times--) {
    bytes = pick(random, CHANGES)(bytes, random);
  }
  return bytes.slice(0, INPUT_MAX_BYTES);
}

function flipBit(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random(bytes.length);
  return bytes.with(at, bytes[at]! ^ 1 << random(8));
}

/** Replaces a word by a boundary value. */
function setWord(bytes: Uint8Array, random: Random): Uint8Array {
  if (bytes.length < 4) return bytes;
  const changed = bytes.slice();
  new DataView(changed.buffer).setUint32(4 * random(bytes.length >> 2), pick(random, EDGES));
  return changed;
}

/** Duplicates a part. */
function repeatPart(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random(bytes.length);
  return splice(bytes, random, 0, bytes.subarray(start, start + random(64)));
}

/** Overwrites a part by another one. */
function overwritePart(bytes: Uint8Array, random: Random): Uint8Array {
  const start = random(bytes.length);
  const part = bytes.subarray(start, start + random(32));
  return splice(bytes, random, part.length, part);
}

function splice(bytes: Uint8Array, random: Random, gone: number, added: Uint8Array): Uint8Array {
  const at = random(bytes.length + 1);
  return Uint8Array.of(...bytes.subarray(0, at), ...added, ...bytes.subarray(at + gone));
}

/** Makes up to three mutations of a text: duplicates, removes or swaps lines and words. */
export function mutateText(text: string, random: Random, words: readonly string[]): string {
  for (let times = random(4); times > 0; times--) {
    const separator = pick(random, ["\n", " ", "", ",", ":", "="]);
    const parts = text === "" ? [""] : text.split(separator);
    const at = random(parts.length);
    switch (random(7)) {
      case 0:
        parts.splice(at, 1);
        break;
      case 1:
        parts.splice(at, 0, parts[random(parts.length)]!);
        break;
      case 2:
        [parts[0], parts[at]] = [parts[at]!, parts[0]!];
        break;
      case 3:
        parts[at] += pick(random, words);
        break;
      case 4:
        parts[at] = pick(random, words);
        break;
      case 5:
        parts[at] = String(pick(random, EDGES) | 0);
        break;
      case 6:
        parts[at] = parts[at]!.repeat(1 + random(onceIn(random, 50) ? 400 : 4));
    }
    text = parts.join(separator).slice(0, INPUT_MAX_BYTES);
  }
  return text;
}
