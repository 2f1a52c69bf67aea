import { assertEquals } from "@std/assert";
import {
  atoi,
  boolean,
  debug,
  directory,
  type Kind,
  list,
  number,
  retrySchedule,
  text,
} from "../../lib/config/kinds.ts";
import { readRetrySchedule } from "../../lib/nsm/notify/retry_schedule.ts";
import { MemoryFiles } from "../support/memory_files.ts";

const FILES = new MemoryFiles({
  "/srv/nsm/state": "",
  "tmp/state": "",
  "tmp/nsm/state": "",
  "../nsm/state": "",
  ".nsm/a/state": "",
});

const NUMBERS: readonly (readonly [string, number | undefined])[] = [
  ["12", 12],
  [" \t12x", 12],
  ["+5", 5],
  ["-1", -1],
  ["010", 10],
  ["0x10", 0],
  ["4294967297", 4294967297],
  ["x", undefined],
  ["", undefined],
  ["- 1", undefined],
];

for (const [given, value] of NUMBERS) {
  Deno.test(`atoi() reads "${given}" as ${value}`, { permissions: "none" }, () => {
    assertEquals(atoi(given), value);
  });
}

Deno.test("number() accepts its range and nothing else", { permissions: "none" }, () => {
  const port = number(0, 65535, "port number");
  assertEquals(port.read("0", FILES), { value: 0 });
  assertEquals(port.read("65535", FILES), { value: 65535 });
  for (const wrong of ["65536", "-1", "http", "4294967297", "99999999999999999999"]) {
    assertEquals(port.read(wrong, FILES), { problem: `bad port number: ${wrong} (0 to 65535)` });
  }
});

for (const word of ["1", "t", "true", "y", "yes", "on", "YES", "True", "oN"]) {
  Deno.test(`boolean reads "${word}" as yes`, { permissions: "none" }, () => {
    assertEquals(boolean.read(word, FILES), { value: true });
  });
}

for (const word of ["0", "f", "false", "n", "no", "off", "NO", "False", "oFF"]) {
  Deno.test(`boolean reads "${word}" as no`, { permissions: "none" }, () => {
    assertEquals(boolean.read(word, FILES), { value: false });
  });
}

for (const word of ["2", "maybe", "", "yes please"]) {
  Deno.test(`boolean refuses "${word}"`, { permissions: "none" }, () => {
    assertEquals(boolean.read(word, FILES), { problem: `neither yes nor no: ${word}` });
  });
}

Deno.test("list drops blanks and empty items", { permissions: "none" }, () => {
  assertEquals(list.read(" a ,, b c,", FILES), { value: ["a", "b c"] });
});

Deno.test("debug knows all, 0 and 1 and any letter case", { permissions: "none" }, () => {
  const all = { value: ["general", "call", "auth", "parse"] } as const;
  assertEquals(debug.read("all", FILES), all);
  assertEquals(debug.read("1", FILES), all);
  assertEquals(debug.read("0", FILES), { value: [] });
  assertEquals(debug.read("PARSE, call", FILES), { value: ["call", "parse"] });
});

Deno.test("debug keeps the known ones beside an unknown one", { permissions: "none" }, () => {
  assertEquals(debug.read("call auth, parse", FILES), {
    value: ["parse"],
    problem: "Invalid debug facility: call auth",
  });
});

for (const path of ["/srv/nsm", "/srv/nsm/", "/srv"]) {
  Deno.test(`directory accepts ${path}`, { permissions: "none" }, () => {
    assertEquals(directory.read(path, FILES), { value: path });
  });
}

Deno.test("B11: directory makes a relative path absolute", { permissions: "none" }, () => {
  assertEquals(directory.read("tmp/nsm", FILES), { value: "/working-directory/tmp/nsm" });
});

for (const path of ["tmp", "tmp/", "..", "../nsm", ".nsm/a"]) {
  Deno.test(`directory refuses ${path}`, { permissions: "none" }, () => {
    assertEquals(directory.read(path, FILES), { problem: `Unusable directory ${path}` });
  });
}

for (const path of ["/none", ""]) {
  Deno.test(`directory refuses "${path}", which does not exist`, { permissions: "none" }, () => {
    const problem = `Failed to stat ${path}: No such file or directory`;
    assertEquals(directory.read(path, FILES), { problem });
  });
}

const WRITTEN: readonly (readonly [string, Kind<unknown>, unknown])[] = [
  ["5", number(0, 9, "level"), 5],
  ["no", boolean, false],
  ["a, b", list, ["a", "b"]],
  ["0", debug, []],
  ["call, auth", debug, ["call", "auth"]],
  ["x y", text, "x y"],
  ["/srv/nsm", directory, "/srv/nsm"],
];

for (const [written, kind, value] of WRITTEN) {
  Deno.test(`write() gives "${written}", which reads back`, { permissions: "none" }, () => {
    assertEquals(kind.write(value), written);
    assertEquals(kind.read(written, FILES), { value });
  });
}

Deno.test("B10: a retry schedule has one grammar", { permissions: "none" }, () => {
  for (const text of ["linux", "BSD", "1, 2.5", "604800", "700000", "0", "1,,2", "solaris", ""]) {
    const isUsable = readRetrySchedule(text) !== undefined;
    assertEquals(retrySchedule.read(text, FILES).problem === undefined, isUsable, text);
  }
});
