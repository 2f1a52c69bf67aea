/**
 * getopt_long(3) for the command lines of nfs-utils and macOS, including its messages.
 *
 * `parseArgs` of `@std/cli` parses nsmctl's command line, but not these: it lacks abbreviations
 * (`--out 5`), takes `-nfoo` for four switches, reads `-p -1` as two options, and does not report
 * which option lacks its argument.
 *
 * Source: getopt_long(3).
 */

import { didYouMean } from "./nearest.ts";

/** Spellings of one option. */
export interface OptionForm {
  /** Letters; none, one or several. */
  readonly letters: string;
  readonly long: string;
  readonly hasArgument: boolean;
}

/** Option given on a command line. */
export interface GivenOption {
  /** Full long name, without dashes. */
  readonly long: string;
  /** Absent for a switch. */
  readonly argument?: string;
}

/** Parsed command line. */
export interface ParsedArgs {
  /** In order. */
  readonly options: readonly GivenOption[];
  readonly operands: readonly string[];
  /** Fault of the argument after `options`, which ended the parsing. */
  readonly fault?: string;
}

/** Parses a command line. Options and operands may be mixed; `--` ends the options. */
export function getopt(args: readonly string[], forms: readonly OptionForm[]): ParsedArgs {
  const options: GivenOption[] = [];
  const operands: string[] = [];
  const rest = [...args];
  try {
    for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
      if (arg === "--") operands.push(...rest.splice(0));
      else if (arg.startsWith("--")) options.push(longOption(arg, rest, forms));
      else if (arg.startsWith("-") && arg !== "-") shortOptions(arg.slice(1), rest, forms, options);
      else operands.push(arg);
    }
  } catch (error) {
    if (error instanceof UsageFault) return { options, operands, fault: error.message };
    throw error;
  }
  return { options, operands };
}

class UsageFault extends Error {}

/** `--name`, `--name=text` or `--name` and the next argument; the name may be abbreviated. */
function longOption(arg: string, rest: string[], forms: readonly OptionForm[]): GivenOption {
  const mark = arg.indexOf("=");
  const name = mark < 0 ? arg.slice(2) : arg.slice(2, mark);
  const { long, hasArgument } = findLong(name, arg, forms);
  if (!hasArgument) {
    if (mark >= 0) throw new UsageFault(`option '--${long}' doesn't allow an argument`);
    return { long };
  }
  const text = mark < 0 ? rest.shift() : arg.slice(mark + 1);
  if (text === undefined) throw new UsageFault(`option '--${long}' requires an argument`);
  return { long, argument: text };
}

function findLong(name: string, arg: string, forms: readonly OptionForm[]): OptionForm {
  const exact = forms.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = forms.filter(({ long }) => long.startsWith(name));
  if (first === undefined) {
    const guess = didYouMean(`--${name}`, forms.map((form) => `--${form.long}`));
    throw new UsageFault(`unrecognized option '${arg}'${guess}`);
  }
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ long }) => `'--${long}'`).join(" ");
  throw new UsageFault(`option '${arg}' is ambiguous; possibilities: ${names}`);
}

/** Cluster of letters; the first one with an argument takes the rest, or the next argument. */
function shortOptions(
  cluster: string,
  rest: string[],
  forms: readonly OptionForm[],
  options: GivenOption[],
): void {
  for (const [at, letter] of Array.from(cluster).entries()) {
    const form = forms.find(({ letters }) => letters.includes(letter));
    if (form === undefined) throw new UsageFault(`invalid option -- '${letter}'`);
    if (!form.hasArgument) {
      options.push({ long: form.long });
      continue;
    }
    const text = Array.from(cluster).slice(at + 1).join("") || rest.shift();
    if (text === undefined) throw new UsageFault(`option requires an argument -- '${letter}'`);
    options.push({ long: form.long, argument: text });
    return;
  }
}
