import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { RecordError, RecordParser, toRecord } from "../../lib/rpc/record.ts";
import { hex, toHex } from "../support/hex.ts";
import { seededRandom } from "../support/seeded_random.ts";

const pure = { permissions: "none" } as const;
const MAX_BYTES = 2000;

/** Records of a parser as hex, for a stream that arrives in the given pieces. */
function parse(pieces: readonly Uint8Array[], parser = new RecordParser(MAX_BYTES)): string[] {
  const records: string[] = [];
  for (const piece of pieces) parser.push(piece, (record) => records.push(toHex(record)));
  return records;
}

/** Cuts a stream into pieces of the given lengths, and a last one with the rest. */
function cut(stream: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  for (const length of lengths) pieces.push(stream.subarray(at, at += length));
  return [...pieces, stream.subarray(at)];
}

function bytewise(stream: Uint8Array): Uint8Array[] {
  return Array.from(stream, (byte) => Uint8Array.of(byte));
}

Deno.test("toRecord() puts a message into one last fragment", pure, () => {
  assertEquals(toHex(toRecord(hex("0102030405"))), "80000005 01020304 05");
  assertEquals(toHex(toRecord(hex(""))), "80000000");
});

Deno.test("RecordParser returns the messages of a stream", pure, () => {
  const stream = hex("80000002 0102", "80000000", "80000003 030405");
  assertEquals(parse([stream]), ["0102", "", "030405"]);
  assertEquals(parse(bytewise(stream)), ["0102", "", "030405"]);
});

Deno.test("RecordParser joins the fragments of a record", pure, () => {
  const stream = hex("00000002 0102", "00000001 03", "80000002 0405", "80000001 06");
  assertEquals(parse([stream]), ["01020304 05", "06"]);
  assertEquals(parse(bytewise(stream)), ["01020304 05", "06"]);
});

Deno.test("RecordParser accepts an empty last fragment", pure, () => {
  assertEquals(parse([hex("00000002 0102 80000000")]), ["0102"]);
});

Deno.test("RecordParser accepts a record of very many fragments", pure, () => {
  const fragments = Array.from({ length: MAX_BYTES - 1 }, () => "00000001 aa").join("");
  const [record] = parse([hex(fragments, "80000001 bb")]);
  assertEquals(record, toHex(new Uint8Array(MAX_BYTES).fill(0xaa, 0, -1).fill(0xbb, -1)));
});

Deno.test("RecordParser refuses an empty fragment that is not the last", pure, () => {
  for (const stream of [hex("00000000"), hex("00000001 aa 00000000")]) {
    for (const pieces of [[stream], bytewise(stream)]) {
      assertThrows(() => parse(pieces), RecordError, "empty and not the last");
    }
  }
});

Deno.test("RecordParser accepts a record of the maximum length", pure, () => {
  const message = new Uint8Array(MAX_BYTES).fill(7);
  assertEquals(parse([toRecord(message)]), [toHex(message)]);
});

Deno.test("RecordParser refuses a longer record by its header alone", pure, () => {
  for (const digits of ["800007d1", "000007d1", "ffffffff", "7fffffff"]) {
    assertThrows(() => parse([hex(digits)]), RecordError, "longer than 2000 bytes");
  }
  assertThrows(() => parse(bytewise(hex("ffffffff"))), RecordError, "longer than 2000 bytes");
});

Deno.test("RecordParser adds up fragments for the maximum length", pure, () => {
  const fragment = hex("00000400", "aa".repeat(0x400));
  assertThrows(
    () => parse([fragment, hex("800003d1")]),
    RecordError,
    "longer than 2000 bytes",
  );
  assertEquals(parse([fragment, hex("80000001 bb")]).length, 1);
});

Deno.test("RecordParser starts each record at length zero", pure, () => {
  const record = toRecord(new Uint8Array(MAX_BYTES).fill(1));
  assertEquals(parse([record, record, record]).length, 3);
});

Deno.test("RecordParser passes copies", pure, () => {
  const stream = hex("80000002 0102 80000002 0304");
  const records: Uint8Array[] = [];
  new RecordParser(MAX_BYTES).push(stream, (record) => records.push(record));
  stream.fill(0xff);
  assertEquals(records.map(toHex), ["0102", "0304"]);
  assertNotStrictEquals(records[0]!.buffer, records[1]!.buffer);
});

Deno.test("RecordParser.isInsideRecord tells whether a record is under way", pure, () => {
  const parser = new RecordParser(MAX_BYTES);
  const steps: [string, boolean][] = [
    ["", false],
    ["00", true],
    ["000001 aa", true],
    ["80000001", true],
    ["bb", false],
    ["80000000", false],
    ["80000001 cc 80", true],
  ];
  assertEquals(parser.isInsideRecord, false);
  for (const [digits, expected] of steps) {
    parse([hex(digits)], parser);
    assertEquals(parser.isInsideRecord, expected, digits);
  }
});

Deno.test("RecordParser gives the same records however the stream is cut", pure, () => {
  const { random, seed } = seededRandom();
  for (let round = 0; round < 300; round++) {
    const messages: Uint8Array[] = [];
    const stream: string[] = [];
    for (let i = random(6); i >= 0; i--) {
      const message = Uint8Array.from({ length: random(80) }, () => random(256));
      messages.push(message);
      let at = 0;
      while (at < message.length && random(3) > 0) {
        const length = 1 + random(message.length - at);
        stream.push(length.toString(16).padStart(8, "0"), toHex(message.subarray(at, at + length)));
        at += length;
      }
      const rest = message.subarray(at);
      stream.push((0x80000000 + rest.length).toString(16), toHex(rest));
    }
    const bytes = hex(...stream);
    const lengths = Array.from({ length: random(20) }, () => random(30));
    const context = `seed ${seed}, round ${round}`;
    assertEquals(parse(cut(bytes, lengths)), messages.map(toHex), context);
    assertEquals(parse(bytewise(bytes)), messages.map(toHex), context);
  }
});

Deno.test("RecordParser never throws anything but RecordError", pure, () => {
  const { random, seed } = seededRandom();
  for (let round = 0; round < 500; round++) {
    const noise = Uint8Array.from(
      { length: random(200) },
      () => [0, 0x80, random(256)][random(3)]!,
    );
    try {
      for (const record of parse([noise])) assertEquals(record.length <= 9 * MAX_BYTES / 4, true);
    } catch (error) {
      if (!(error instanceof RecordError)) throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
