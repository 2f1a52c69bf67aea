import { assertEquals } from "@std/assert";
import { type CommandOption, readArguments, splitAtCommand } from "../../lib/nsmctl/command.ts";

const OPTIONS: readonly CommandOption[] = [
  { letter: "t", long: "timeout", argument: "SECONDS", help: "" },
  { letter: "j", long: "json", help: "" },
  { long: "all", help: "" },
];

interface Case {
  readonly does: string;
  readonly args: readonly string[];
  readonly operands?: readonly string[];
  readonly given?: Readonly<Record<string, string | boolean>>;
  readonly fault?: string;
}

const CASES: readonly Case[] = [
  { does: "reads nothing", args: [] },
  { does: "reads switches", args: ["-j", "--all"], given: { json: true, all: true } },
  { does: "reads an argument", args: ["-t", "5"], given: { timeout: "5" } },
  { does: "reads an attached number", args: ["-t5"], given: { timeout: "5" } },
  { does: "reads a long option", args: ["--timeout", "2.5"], given: { timeout: "2.5" } },
  { does: "reads a long option with =", args: ["--timeout=-1"], given: { timeout: "-1" } },
  { does: "takes the last argument", args: ["-t1", "--timeout=2"], given: { timeout: "2" } },
  {
    does: "mixes operands and options",
    args: ["a", "-j", "7"],
    operands: ["a", "7"],
    given: { json: true },
  },
  {
    does: "ends options at --",
    args: ["-j", "--", "--all"],
    operands: ["--all"],
    given: { json: true },
  },
  { does: "takes - for an operand", args: ["-"], operands: ["-"] },
  { does: "refuses an unknown letter", args: ["-Z"], fault: "unrecognized option '-Z'" },
  { does: "refuses an unknown name", args: ["--zz=3"], fault: "unrecognized option '--zz=3'" },
  {
    does: "refuses a name of a prototype",
    args: ["--__proto__.x=1"],
    fault: "unrecognized option '--__proto__.x=1'",
  },
  {
    does: "misses an argument",
    args: ["--timeout"],
    fault: "option '--timeout' requires an argument",
  },
  {
    does: "misses an argument before an option",
    args: ["-t", "-j"],
    fault: "option '--timeout' requires an argument",
  },
];

for (const { does, args, operands = [], given = {}, fault } of CASES) {
  Deno.test(`readArguments() ${does}`, { permissions: "none" }, () => {
    const read = readArguments(args, OPTIONS);
    assertEquals(read.fault, fault);
    if (fault !== undefined) return;
    assertEquals(read.operands, operands);
    for (const { long } of OPTIONS) {
      assertEquals(read.has(long), long in given, long);
      if (typeof given[long] === "string") assertEquals(read.get(long), given[long]);
    }
  });
}

Deno.test("splitAtCommand() cuts at the first operand", { permissions: "none" }, () => {
  const cut = (...args: string[]) => {
    const { before, name, after } = splitAtCommand(args, OPTIONS);
    return [before.join(" "), name, after.join(" ")];
  };
  assertEquals(cut(), ["", undefined, ""]);
  assertEquals(cut("-j"), ["-j", undefined, ""]);
  assertEquals(cut("list", "-j", "a"), ["", "list", "-j a"]);
  assertEquals(cut("-t", "5", "list", "list"), ["-t 5", "list", "list"]);
  assertEquals(cut("--timeout=5", "forget", "--", "-x"), ["--timeout=5", "forget", "-- -x"]);
  assertEquals(cut("--", "list"), ["--", "list", ""]);
});
