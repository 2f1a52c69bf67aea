/**
 * Brings a command line into one plain form, the way getopt_long(3) reads it.
 *
 * `parseArgs` of `@std/cli` alone cannot: it has no abbreviations (`--out 5`), takes `-nfoo` for
 * four switches, reads `-p -1` as two options, and does not say what is missing an argument. The
 * words made here, `--name` and `--name="JSON"`, leave it nothing to guess.
 *
 * Source: getopt_long(3) of the C library, messages included.
 */

/** How one option may be written. */
export interface OptionForm {
  /** Its letters; none, one or several. */
  readonly letters: string;
  readonly long: string;
  readonly hasArgument: boolean;
}

/** A command line in plain form. */
export interface PlainArgs {
  /** `--name` for a switch and `--name="JSON"` for an option with argument, in order. */
  readonly words: readonly string[];
  readonly operands: readonly string[];
  /** What is wrong with the argument after `words`; whatever follows it was not looked at. */
  readonly fault?: string;
}

/** Rewrites a command line; options and operands may be mixed, `--` ends the options. */
export function toPlainArgs(args: readonly string[], forms: readonly OptionForm[]): PlainArgs {
  const words: string[] = [];
  const operands: string[] = [];
  const rest = [...args];
  try {
    for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
      if (arg === "--") operands.push(...rest.splice(0));
      else if (arg.startsWith("--")) words.push(longOption(arg, rest, forms));
      else if (arg.startsWith("-") && arg !== "-") shortOptions(arg.slice(1), rest, forms, words);
      else operands.push(arg);
    }
  } catch (error) {
    if (error instanceof UsageFault) return { words, operands, fault: error.message };
    throw error;
  }
  return { words, operands };
}

class UsageFault extends Error {}

/** `--name`, `--name=text` or `--name` and the next argument; the name may be cut short. */
function longOption(arg: string, rest: string[], forms: readonly OptionForm[]): string {
  const mark = arg.indexOf("=");
  const name = mark < 0 ? arg.slice(2) : arg.slice(2, mark);
  const { long, hasArgument } = findLong(name, arg, forms);
  if (!hasArgument) {
    if (mark >= 0) throw new UsageFault(`option '--${long}' doesn't allow an argument`);
    return `--${long}`;
  }
  const text = mark < 0 ? rest.shift() : arg.slice(mark + 1);
  if (text === undefined) throw new UsageFault(`option '--${long}' requires an argument`);
  return plainWord(long, text);
}

function findLong(name: string, arg: string, forms: readonly OptionForm[]): OptionForm {
  const exact = forms.find(({ long }) => long === name);
  if (exact !== undefined) return exact;
  const [first, ...others] = forms.filter(({ long }) => long.startsWith(name));
  if (first === undefined) throw new UsageFault(`unrecognized option '${arg}'`);
  if (others.length === 0) return first;
  const names = [first, ...others].map(({ long }) => `'--${long}'`).join(" ");
  throw new UsageFault(`option '${arg}' is ambiguous; possibilities: ${names}`);
}

/** A cluster of letters; the first one with an argument takes the rest, or the next argument. */
function shortOptions(
  cluster: string,
  rest: string[],
  forms: readonly OptionForm[],
  words: string[],
): void {
  for (const [at, letter] of Array.from(cluster).entries()) {
    const form = forms.find(({ letters }) => letters.includes(letter));
    if (form === undefined) throw new UsageFault(`invalid option -- '${letter}'`);
    if (!form.hasArgument) {
      words.push(`--${form.long}`);
      continue;
    }
    const text = Array.from(cluster).slice(at + 1).join("") || rest.shift();
    if (text === undefined) throw new UsageFault(`option requires an argument -- '${letter}'`);
    words.push(plainWord(form.long, text));
    return;
  }
}

function plainWord(long: string, text: string): string {
  return `--${long}=${JSON.stringify(text)}`;
}
