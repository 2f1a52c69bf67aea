import { assertEquals } from "@std/assert";
import { type PlainArgs, toPlainArgs } from "../../lib/config/getopt.ts";

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
  readonly words?: readonly string[];
  readonly operands?: readonly string[];
  readonly fault?: string;
}

const CASES: readonly GetoptCase[] = [
  { does: "reads nothing", args: [] },
  { does: "reads a letter", args: ["-F"], words: ["--foreground"] },
  { does: "reads either letter", args: ["-?", "-h"], words: ["--help", "--help"] },
  { does: "reads a cluster of letters", args: ["-Fh"], words: ["--foreground", "--help"] },
  { does: "reads an attached argument", args: ["-p999"], words: ['--port="999"'] },
  { does: "reads the next argument", args: ["-p", "-1"], words: ['--port="-1"'] },
  {
    does: "ends a cluster with an argument",
    args: ["-Fpx"],
    words: ["--foreground", '--port="x"'],
  },
  { does: "keeps = in an attached argument", args: ["-n=x"], words: ['--name="=x"'] },
  { does: "keeps an empty argument", args: ["-n", ""], words: ['--name=""'] },
  { does: "reads a long name", args: ["--foreground"], words: ["--foreground"] },
  { does: "reads a long name with =", args: ["--port=a=b"], words: ['--port="a=b"'] },
  { does: "reads a long name and the next argument", args: ["--port", "5"], words: ['--port="5"'] },
  { does: "reads an empty argument after =", args: ["--port="], words: ['--port=""'] },
  { does: "reads an abbreviation", args: ["--po=5", "--f"], words: ['--port="5"', "--foreground"] },
  { does: "prefers the exact name", args: ["--nam=x"], words: ['--nam="x"'] },
  {
    does: "keeps operands apart",
    args: ["a", "-F", "-"],
    words: ["--foreground"],
    operands: ["a", "-"],
  },
  { does: "ends options at --", args: ["--", "-F", "--"], operands: ["-F", "--"] },
  {
    does: "refuses an unknown letter",
    args: ["-FZ"],
    words: ["--foreground"],
    fault: "invalid option -- 'Z'",
  },
  {
    does: "refuses a dash in a cluster",
    args: ["-F-"],
    words: ["--foreground"],
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

for (const { does, args, words = [], operands = [], fault } of CASES) {
  Deno.test(`toPlainArgs() ${does}`, { permissions: "none" }, () => {
    const expected: PlainArgs = { words, operands, ...(fault === undefined ? {} : { fault }) };
    assertEquals(toPlainArgs(args, FORMS), expected);
  });
}
