/**
 * Listing options of macOS' command line: `[-d] [-l | -L | -N HOST]`.
 *
 * Source: rpc.statd(8) of macOS.
 */

import { getopt } from "../config/getopt.ts";

/** Action of the macOS options, and the state directory if given. */
export interface MacosArguments {
  readonly mode: MacosMode;
  readonly directory?: string;
}

type MacosMode =
  | { readonly kind: "list" }
  | { readonly kind: "watch" }
  | { readonly kind: "clear"; readonly host: string };

export const MACOS_USAGE = "usage: nsmctl [-P DIR] [-d] [ -l | -L | -N hostname ]";

const FORMS = [
  { letters: "l", long: "list", hasArgument: false },
  { letters: "L", long: "watch", hasArgument: false },
  { letters: "N", long: "clear", hasArgument: true },
  { letters: "d", long: "debug", hasArgument: false },
  { letters: "P", long: "state-directory-path", hasArgument: true },
];

/** Parses a command line; undefined without any of the three options, "wrong" if invalid. */
export function readMacosArguments(
  args: readonly string[],
): MacosArguments | "wrong" | undefined {
  if (!args.some((arg) => /^-d?[lLN]/.test(arg))) return undefined;
  const { options, operands, fault } = getopt(args, FORMS);
  const modes: MacosMode[] = [];
  let directory: string | undefined;
  for (const { long, argument = "" } of options) {
    if (long === "list" || long === "watch") modes.push({ kind: long });
    if (long === "clear") modes.push({ kind: long, host: argument });
    if (long === "state-directory-path") directory = argument;
  }
  const [mode, ...others] = modes;
  if (fault !== undefined || operands.length > 0 || mode === undefined || others.length > 0) {
    return "wrong";
  }
  return { mode, ...(directory === undefined ? {} : { directory }) };
}

/** Listing options that rpc.statd itself accepts, with nsmctl's equivalents. */
const STATD_WORDS: Readonly<Record<string, string>> = {
  "-l": "-l",
  "--list": "-l",
  "--watch": "-L",
  "--clear": "-N",
};

/** Converts a listing command line of rpc.statd to nsmctl's; undefined for other ones. */
export function listingArguments(args: readonly string[]): readonly string[] | undefined {
  const at = args[0] === "-P" ? 2 : 0;
  const word = STATD_WORDS[args[at] ?? ""];
  return word === undefined ? undefined : [...args.slice(0, at), word, ...args.slice(at + 1)];
}
