/**
 * The part of macOS' command line that lists: `[-d] [-l | -L | -N HOST]`.
 *
 * Source: rpc.statd(8) of macOS.
 */

import { getopt } from "../config/getopt.ts";

/** What the options of macOS ask for, and the state directory where one is named. */
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

/** Reads a command line; undefined where none of the three is in it, "wrong" where it is no good. */
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

/** The words by which rpc.statd itself lists, where its letters are free, and what they mean here. */
const STATD_WORDS: Readonly<Record<string, string>> = {
  "-l": "-l",
  "--list": "-l",
  "--watch": "-L",
  "--clear": "-N",
};

/** A command line of rpc.statd that asks for one of the three, as nsmctl takes it. */
export function listingArguments(args: readonly string[]): readonly string[] | undefined {
  const at = args[0] === "-P" ? 2 : 0;
  const word = STATD_WORDS[args[at] ?? ""];
  return word === undefined ? undefined : [...args.slice(0, at), word, ...args.slice(at + 1)];
}
