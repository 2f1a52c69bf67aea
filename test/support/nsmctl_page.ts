/** Section of nsmctl's manual page that lists the commands, in mdoc(7). */

import type { Command } from "../../lib/nsmctl/command.ts";
import { manItem, manList } from "../documents/man_page.ts";
import { mdocArgument, mdocText } from "../documents/mdoc.ts";

/** Entry for each command: summary, options and an example. */
export function manCommands(commands: readonly Command[]): string {
  return manList(commands.map((command) => [
    heading(command),
    mdocText(command.summary),
    ...(command.details === undefined ? [] : [mdocText(command.details.join(" "))]),
    ...optionsOf(command),
    "For example:",
    `.Dl ${mdocArgument(command.example).replace(/^"|"$/g, "")}`,
  ]));
}

function heading({ name, operands }: Command): string {
  return `.It Cm ${name}${operands === "" ? "" : ` Ar ${mdocArgument(operands)}`}`;
}

function optionsOf({ options }: Command): string[] {
  if (options.length === 0) return [];
  return [manList(options.map(({ letter, long, argument, help }) => [
    manItem(letter ?? "", long, argument ?? ""),
    mdocText(help),
  ]))];
}
