/** Record marking: records and errors do not depend on how the stream is cut. */

import { assert, assertEquals } from "@std/assert";
import { RecordError, RecordParser } from "../../../lib/rpc/record.ts";
import { nsmCall } from "../messages.ts";
import { EDGES, mutateBytes } from "../mutate.ts";
import { onceIn, pick, type Target } from "../target.ts";
import { mutated } from "../wire.ts";

const MAX_BYTES = 4_000;
const LAST = 0x80000000;

/** Outcome of a stream: records, then possibly an error. */
interface Outcome {
  readonly records: Uint8Array[];
  readonly fails: boolean;
}

/** Rule of RFC 5531 section 11, applied to the whole stream. */
function expected(stream: Uint8Array): Outcome {
  const records: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  let record: number[] = [];
  for (let at = 0; at + 4 <= stream.length;) {
    const word = view.getUint32(at);
    const length = word & ~LAST;
    const isLast = (word & LAST) !== 0;
    if (record.length + length > MAX_BYTES || (length === 0 && !isLast)) {
      return { records, fails: true };
    }
    if (at + 4 + length > stream.length) break;
    record.push(...stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    if (!isLast) continue;
    records.push(Uint8Array.from(record));
    record = [];
  }
  return { records, fails: false };
}

/** Parses the stream; the first byte selects the cuts. */
function parsed(input: Uint8Array): Outcome {
  const parser = new RecordParser(MAX_BYTES);
  const records: Uint8Array[] = [];
  let step = input[0]!;
  try {
    for (let at = 1; at < input.length;) {
      const piece = input.slice(at, at + 1 + step % 97);
      parser.push(piece, (record) => records.push(record));
      piece.fill(0xee);
      at += piece.length;
      step = step * 29 + 7 & 0xff;
    }
  } catch (error) {
    assert(error instanceof RecordError, `${error}`);
    return { records, fails: true };
  }
  return { records, fails: false };
}

export const recordMarking: Target = {
  name: "record marking",
  inputs: 8_000,
  generate(random) {
    const stream: number[] = [random(256)];
    for (let records = random(4); records >= 0; records--) {
      let rest = mutated(nsmCall(random), random);
      while (rest.length > 0 || onceIn(random, 8)) {
        const length = onceIn(random, 2) ? rest.length : random(rest.length + 1);
        const isLast = length === rest.length && !onceIn(random, 20);
        const said = onceIn(random, 30) ? pick(random, EDGES) : length;
        const word = new Uint8Array(4);
        new DataView(word.buffer).setUint32(0, (said | (isLast ? LAST : 0)) >>> 0);
        stream.push(...word, ...rest.subarray(0, length));
        rest = rest.subarray(length);
      }
    }
    const bytes = Uint8Array.from(stream);
    return onceIn(random, 2) ? bytes : mutateBytes(bytes, random);
  },
  open: () => ({
    run(input) {
      if (input.length > 0) assertEquals(parsed(input), expected(input.slice(1)));
    },
  }),
};
