import { assert, assertEquals } from "@std/assert";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import { formatRecord, parseRecord, recordFault } from "../../lib/store/record_format.ts";

const pure = { permissions: "none" } as const;

/** `sm/10.99.0.3`, written by rpc.statd of nfs-utils 2.6.2; my_name was sent as `my name<TAB>tab`. */
const CAPTURED = String.fromCharCode(
  ...Uint8Array.fromHex(
    "30313030303037662030303031383662352030303030303030332030303030303031302030303031303230333034" +
      "303530363037303830393061306230633064306530662031302e39392e302e33206d795f6e616d655f7461620a",
  ),
);

const RECORD: MonitorRecord = {
  monName: "10.99.0.3",
  myName: "my_name_tab",
  myProg: 100021,
  myVers: 3,
  myProc: 16,
  priv: "000102030405060708090a0b0c0d0e0f",
};

const LINE = CAPTURED.slice(0, -1);

Deno.test("formatRecord() writes nfs-utils' format, byte for byte", pure, () => {
  assertEquals(CAPTURED.length, 91);
  assertEquals(formatRecord(RECORD), CAPTURED);
});

Deno.test("parseRecord() reads nfs-utils' format", pure, () => {
  assertEquals(parseRecord(LINE), RECORD);
});

Deno.test("formatRecord() and parseRecord() keep an empty my_name", pure, () => {
  const line = formatRecord({ ...RECORD, myName: "" });
  assert(line.endsWith(" 10.99.0.3 \n"));
  assertEquals(parseRecord(line.slice(0, -1)), { ...RECORD, myName: "" });
});

Deno.test("formatRecord() and parseRecord() keep numbers as signed 32-bit words", pure, () => {
  const record = { ...RECORD, myProg: -1, myVers: 0x7fffffff, myProc: -0x80000000 };
  const line = formatRecord(record);
  assertEquals(line.slice(0, 36), "0100007f ffffffff 7fffffff 80000000 ");
  assertEquals(parseRecord(line.slice(0, -1)), record);
});

Deno.test("formatRecord() and parseRecord() keep every byte that a my_name may have", pure, () => {
  let myName = "";
  for (let code = 1; code < 256; code++) {
    if (code !== 0x0a) myName += String.fromCharCode(code);
  }
  const record = { ...RECORD, myName };
  assertEquals(recordFault(record), undefined);
  assertEquals(parseRecord(formatRecord(record).slice(0, -1)), record);
});

Deno.test("parseRecord() scans the numbers as C does", pure, () => {
  const loose = ` 7f 186b5\t3 10`.padEnd(36) + LINE.slice(36);
  assertEquals(parseRecord(loose), RECORD);
  assertEquals(parseRecord(LINE.slice(0, 36).toUpperCase() + LINE.slice(36)), RECORD);
});

Deno.test(
  "parseRecord() skips one character behind priv and any blanks behind mon_name",
  pure,
  () => {
    const line = LINE.slice(0, 68) + "x" + LINE.slice(69).replace(" ", "   ");
    assertEquals(parseRecord(line), RECORD);
    const nameless = parseRecord(LINE.slice(0, -" my_name_tab".length));
    assertEquals(nameless, { ...RECORD, myName: "" });
  },
);

Deno.test("parseRecord() refuses parts of a line", pure, () => {
  for (let length = 0; length < 70; length++) {
    assertEquals(parseRecord(LINE.slice(0, length)), undefined, `${length} bytes`);
  }
});

Deno.test("parseRecord() refuses lines that are no records", pure, () => {
  const lines: Record<string, string> = {
    "no hex digit in a number": LINE.replace("186b5", "186g5"),
    "three numbers": LINE.slice(0, 27).padEnd(36) + LINE.slice(36),
    "no hex digit in priv": LINE.slice(0, 40) + "z" + LINE.slice(41),
    "priv one column too far left": LINE.slice(0, 35) + LINE.slice(36),
    "no mon_name": LINE.slice(0, 69) + " " + LINE.slice(69),
    "a NUL": LINE + "\0",
    "longer than nfs-utils reads": LINE + "x".repeat(1095 - LINE.length),
    "binary": "\x7fELF\x02\x01\x01".repeat(20),
  };
  for (const [what, line] of Object.entries(lines)) {
    assertEquals(parseRecord(line), undefined, what);
  }
});

Deno.test("recordFault() accepts exactly the records that are read back unchanged", pure, () => {
  const faulty: Record<string, Partial<MonitorRecord>> = {
    "LF in my_name": { myName: "a\nb" },
    "LF at the end of my_name": { myName: "a\n" },
    "NUL in my_name": { myName: "a\0b" },
    "blank at the beginning of my_name": { myName: " a" },
    "blank in mon_name": { monName: "a b" },
    "LF in mon_name": { monName: "a\nb" },
    "no mon_name": { monName: "" },
    "a character that is no byte": { myName: "\u0100" },
    "a short priv": { priv: "00".repeat(15) },
    "a long priv": { priv: "00".repeat(17) },
    "1025 bytes of names": { monName: "a".repeat(1000), myName: "b".repeat(25) },
  };
  for (const [what, part] of Object.entries(faulty)) {
    assert(recordFault({ ...RECORD, ...part }) !== undefined, what);
  }
  const longest = { ...RECORD, monName: "a".repeat(1000), myName: "b".repeat(24) };
  assertEquals(recordFault(longest), undefined);
  assertEquals(formatRecord(longest).length, 1095);
});

Deno.test("parseRecord() reads no name that formatRecord() cannot write", pure, () => {
  const start = `0100007f 000186b5 00000003 00000010 ${"00".repeat(16)} `;
  assertEquals(parseRecord(start + "n".repeat(1024))?.monName.length, 1024);
  // As long as the longest line, but without the blank behind mon_name.
  assertEquals(parseRecord(start + "n".repeat(1025)), undefined);
});
