import { assertEquals } from "@std/assert";
import { getopt, type GivenOption, type ParsedArgs } from "../../lib/config/getopt.ts";

const FORMS = [
  { letters: "h?", long: "help", hasArgument: false },
  { letters: "F", long: "foreground", hasArgument: false },
  { letters: "p", long: "port", hasArgument: true },
  { letters: "n", long: "name", hasArgument: true },
  { letters: "", long: "no-notify", hasArgument: false },
  { letters: "", long: "nam", hasArgument: true },
];

interface GetoptCase {
  readonly does: string;
  readonly args: readonly string[];
  readonly options?: readonly GivenOption[];
  readonly operands?: readonly string[];
  readonly fault?: string;
}

const CASES: readonly GetoptCase[] = [
  { does: "reads nothing", args: [] },
  { does: "reads a letter", args: ["-F"], options: [{ long: "foreground" }] },
  {
    does: "reads either letter",
    args: ["-?", "-h"],
    options: [{ long: "help" }, { long: "help" }],
  },
  {
    does: "reads a cluster of letters",
    args: ["-Fh"],
    options: [{ long: "foreground" }, { long: "help" }],
  },
  {
    does: "reads an attached argument",
    args: ["-p999"],
    options: [{ long: "port", argument: "999" }],
  },
  {
    does: "reads the next argument",
    args: ["-p", "-1"],
    options: [{ long: "port", argument: "-1" }],
  },
  {
    does: "ends a cluster with an argument",
    args: ["-Fpx"],
    options: [{ long: "foreground" }, { long: "port", argument: "x" }],
  },
  {
    does: "keeps = in an attached argument",
    args: ["-n=x"],
    options: [{ long: "name", argument: "=x" }],
  },
  { does: "keeps an empty argument", args: ["-n", ""], options: [{ long: "name", argument: "" }] },
  { does: "reads a long name", args: ["--foreground"], options: [{ long: "foreground" }] },
  {
    does: "reads a long name with =",
    args: ["--port=a=b"],
    options: [{ long: "port", argument: "a=b" }],
  },
  {
    does: "reads a long name and the next argument",
    args: ["--port", "5"],
    options: [{ long: "port", argument: "5" }],
  },
  {
    does: "reads an empty argument after =",
    args: ["--port="],
    options: [{ long: "port", argument: "" }],
  },
  {
    does: "reads an abbreviation",
    args: ["--po=5", "--f"],
    options: [{ long: "port", argument: "5" }, { long: "foreground" }],
  },
  { does: "prefers the exact name", args: ["--nam=x"], options: [{ long: "nam", argument: "x" }] },
  {
    does: "keeps operands apart",
    args: ["a", "-F", "-"],
    options: [{ long: "foreground" }],
    operands: ["a", "-"],
  },
  { does: "ends options at --", args: ["--", "-F", "--"], operands: ["-F", "--"] },
  {
    does: "refuses an unknown letter",
    args: ["-FZ"],
    options: [{ long: "foreground" }],
    fault: "invalid option -- 'Z'",
  },
  {
    does: "refuses a dash in a cluster",
    args: ["-F-"],
    options: [{ long: "foreground" }],
    fault: "invalid option -- '-'",
  },
  { does: "refuses an unknown name", args: ["--zz=3"], fault: "unrecognized option '--zz=3'" },
  {
    does: "refuses an ambiguous name",
    args: ["--n"],
    fault: "option '--n' is ambiguous; possibilities: '--name' '--no-notify' '--nam'",
  },
  {
    does: "refuses a letter without its argument",
    args: ["-p"],
    fault: "option requires an argument -- 'p'",
  },
  {
    does: "refuses a name without its argument",
    args: ["--po"],
    fault: "option '--port' requires an argument",
  },
  {
    does: "refuses an argument that is not allowed",
    args: ["--fore=1"],
    fault: "option '--foreground' doesn't allow an argument",
  },
  { does: "stops at a fault", args: ["-Z", "-F", "a"], fault: "invalid option -- 'Z'" },
];

for (const { does, args, options = [], operands = [], fault } of CASES) {
  Deno.test(`getopt() ${does}`, { permissions: "none" }, () => {
    const expected: ParsedArgs = { options, operands, ...(fault === undefined ? {} : { fault }) };
    assertEquals(getopt(args, FORMS), expected);
  });
}
