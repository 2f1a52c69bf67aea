import { assert, assertEquals, assertThrows } from "@std/assert";
import type { MonitorRecord } from "../../lib/nsm/ports.ts";
import {
  FILE_MAX_BYTES,
  mergeTexts,
  recordsIn,
  withoutRegistrations,
  withoutTold,
  withRecord,
} from "../../lib/store/record_file.ts";
import { formatRecord } from "../../lib/store/record_format.ts";
import { privOf } from "../support/priv.ts";

const pure = { permissions: "none" } as const;

function record(myName: string, cookie = 1): MonitorRecord {
  const priv = privOf(cookie);
  return { monName: "a", myName, myProg: 100021, myVers: 3, myProc: 16, priv };
}

function text(...records: MonitorRecord[]): string {
  return records.map(formatRecord).join("");
}

const JUNK = "0100007f half a record\n\xff\x00\x80\n";

Deno.test("recordsIn() counts invalid lines, except empty ones", pure, () => {
  const read = recordsIn(`\n${text(record("x"))}${JUNK}\n${text(record("y")).trimEnd()}`);
  assertEquals(read, { records: [record("x"), record("y")], faultyLines: 2 });
  assertEquals(recordsIn(""), { records: [], faultyLines: 0 });
});

Deno.test("withRecord() creates a file's first line, and appends to existing ones", pure, () => {
  assertEquals(withRecord(undefined, record("x")), text(record("x")));
  assertEquals(withRecord("", record("x")), text(record("x")));
  assertEquals(withRecord(text(record("x")), record("y")), text(record("x"), record("y")));
});

Deno.test("withRecord() puts the successor of a record at the end", pure, () => {
  const before = text(record("x", 1), record("y", 1));
  assertEquals(withRecord(before, record("x", 2)), text(record("y", 1), record("x", 2)));
  const renamed = withRecord(before, record("X", 2));
  assertEquals(renamed, text(record("y", 1), record("X", 2)));
});

Deno.test("withRecord() leaves a text with the record unchanged", pure, () => {
  const before = JUNK + text(record("x"), record("y"));
  for (const myName of ["x", "y"]) assertEquals(withRecord(before, record(myName)), before);
});

Deno.test("withRecord() keeps one of several lines of the same registration", pure, () => {
  const before = text(record("x", 1), record("x", 2), record("x", 1));
  assertEquals(withRecord(before, record("x", 2)), text(record("x", 2)));
});

Deno.test("withRecord() keeps every other line byte for byte", pure, () => {
  const before = `${JUNK}${text(record("x", 1))}${JUNK}\n${text(record("y"))}`;
  const after = `${JUNK}${JUNK}\n${text(record("y"), record("x", 2))}`;
  assertEquals(withRecord(before, record("x", 2)), after);
});

Deno.test("withRecord() completes a last line without a line feed", pure, () => {
  const before = text(record("x")).trimEnd();
  assertEquals(withRecord(before, record("y")), text(record("x"), record("y")));
  assertEquals(withRecord("torn", record("y")), `torn\n${text(record("y"))}`);
});

Deno.test("withRecord() refuses to make a file too long to be read", pure, () => {
  const before = "x".repeat(FILE_MAX_BYTES - 1) + "\n";
  assertThrows(() => withRecord(before, record("y")), Error, "it would be longer than");
});

Deno.test("withoutRegistrations() keeps every other line byte for byte", pure, () => {
  const before = `${JUNK}${text(record("x"), record("y"), record("x", 2))}${JUNK}torn`;
  const after = `${JUNK}${text(record("y"))}${JUNK}torn`;
  assertEquals(withoutRegistrations(before, [record("x")]), after);
  assertEquals(withoutRegistrations(before, [record("z")]), before);
});

Deno.test("withoutRegistrations() removes every spelling but what is to be kept", pure, () => {
  const [x, other] = [record("x"), { ...record("X", 2), monName: "A" }];
  const before = text(x, other, record("y"));
  assertEquals(withoutRegistrations(before, [x]), text(record("y")));
  const isKept = ({ monName }: MonitorRecord) => monName === "A";
  assertEquals(withoutRegistrations(before, [x], isKept), text(other, record("y")));
});

Deno.test("withoutRegistrations() leaves no file without lines", pure, () => {
  const before = `\n${text(record("x"), record("y"))}\n`;
  assertEquals(withoutRegistrations(before, [record("x"), record("y")]), undefined);
  assertEquals(withoutRegistrations(undefined, [record("x")]), undefined);
  assertEquals(withoutRegistrations("", [record("x")]), "");
});

Deno.test("withoutTold() removes all lines with one peer and one of our names", pure, () => {
  const other = { ...record("x"), monName: "b" };
  const procedure = { ...record("x"), myProc: 24 };
  const before = text(record("x"), other, procedure, record("y"));
  assertEquals(withoutTold(before, "a", "x"), text(other, record("y")));
});

Deno.test("mergeTexts() adds the lines that are missing, once each", pure, () => {
  const before = text(record("x"), record("y"));
  assertEquals(
    mergeTexts(before, text(record("y"), record("z"), record("z"))),
    before + text(record("z")),
  );
  assertEquals(mergeTexts(before, before), before);
  assertEquals(mergeTexts(before, ""), before);
  assertEquals(mergeTexts("", before), before);
  assertEquals(mergeTexts("torn", JUNK), `torn\n${JUNK}`);
});

Deno.test("changes of random texts touch only the lines they are about", pure, () => {
  const lines = [
    JUNK,
    "\n",
    ...["x", "y", "z"].flatMap((name) => [1, 2].map((i) => text(record(name, i)))),
  ];
  let seed = 1;
  const random = (below: number) => (seed = seed * 48271 % 0x7fffffff) % below;
  for (let i = 0; i < 2000; i++) {
    const before = Array.from({ length: random(8) }, () => lines[random(lines.length)]!).join("");
    const own = record("x", 3);
    const others = before.replaceAll(text(record("x", 1)), "").replaceAll(text(record("x", 2)), "");
    assertEquals(
      withRecord(before, own),
      /^\n*$/.test(others) && others !== before ? text(own) : others + text(own),
      `round ${i}`,
    );
    const without = withoutRegistrations(before, [own]) ?? "";
    assert(without === others || /^\n*$/.test(others), `round ${i}`);
  }
});

Deno.test(
  "trust 11: a registration is found in 40,000 lines as in one, whatever they end in",
  pure,
  () => {
    const line = (myName: string, prog = 100021) =>
      `0100007f ${prog.toString(16).padStart(8, "0")} 00000003 00000010 ${
        "0".repeat(32)
      } peer ${myName}\n`;
    const lines = Array.from({ length: 40_000 }, (_, i) => line(`m${i}`));
    const record = (myName: string, myProg = 100021) => ({
      monName: "peer",
      myName,
      myProg,
      myVers: 3,
      myProc: 16,
      priv: "0".repeat(32),
    });
    const text = lines.join("");
    assertEquals(
      withoutRegistrations(text, [record("m7"), record("m39999")]),
      lines.filter((_, i) => i !== 7 && i !== 39_999).join(""),
    );
    // A name that ends in another one, another program, no such line, a last line without its end.
    assertEquals(withoutRegistrations(line("am") + line("m"), [record("m")]), line("am"));
    assertEquals(withoutRegistrations(line("m", 1), [record("m")]), line("m", 1));
    for (const name of ["M", "m.", "M."]) {
      assertEquals(withoutRegistrations(line("a") + line(name), [record("m")]), line("a"));
      assertEquals(withoutRegistrations(line("a") + line("m"), [record(name)]), line("a"));
    }
    assertEquals(withoutRegistrations(text, [record("m")]), text);
    assertEquals(
      withoutRegistrations(line("a") + line("m").trimEnd(), [record("m")]),
      line("a"),
    );
    assertEquals(withoutRegistrations(line(""), [record("")]), undefined);
    assertEquals(withoutRegistrations(line("").replace(/ \n/, "\n"), [record("")]), undefined);
    // Many at a time are found by reading all lines: the result is the same.
    const many = Array.from({ length: 9 }, (_, i) => record(`m${i}`));
    assertEquals(withoutRegistrations(text, many), lines.slice(9).join(""));
  },
);
