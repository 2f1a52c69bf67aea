/**
 * What of the documents follows from tables in the program, and where it stands in them.
 *
 * A generated part begins behind a line that says `generated: NAME` and ends before one that says
 * `end of NAME`; both are comments. `deno task generate` writes the parts, a test compares them.
 */

import { COMMANDS } from "../../lib/commands/nsmctl.ts";
import {
  RPCBIND_COMMAND_LINE,
  SM_NOTIFY_COMMAND_LINE,
  STATD_COMMAND_LINE,
} from "../../lib/config/command_lines.ts";
import { manKeys, manMacosKeys, manOptions, manSharedKeys, manSynopsis } from "./man_page.ts";
import { readmeMacosKeys, readmeSettings } from "./readme_tables.ts";
import { sampleConf } from "./sample_conf.ts";
import { manCommands } from "../support/nsmctl_page.ts";

const PROJECT = new URL("../../", import.meta.url);

/** Generated parts of each document, by the document's path in the project. */
export const GENERATED: Readonly<Record<string, Readonly<Record<string, () => string>>>> = {
  "conf/statd.8": {
    "synopsis": () => manSynopsis(STATD_COMMAND_LINE),
    "options": () => manOptions(STATD_COMMAND_LINE),
  },
  "conf/sm-notify.8": {
    "synopsis": () => manSynopsis(SM_NOTIFY_COMMAND_LINE),
    "options": () => manOptions(SM_NOTIFY_COMMAND_LINE),
  },
  "conf/nsm-rpcbind.8": {
    "synopsis": () => manSynopsis(RPCBIND_COMMAND_LINE),
    "options": () => manOptions(RPCBIND_COMMAND_LINE),
  },
  "conf/nsmctl.8": {
    "commands": () => manCommands(COMMANDS),
  },
  "conf/nsm-nfs.conf.5": {
    "keys of [statd]": () => manKeys("statd"),
    "keys of [statd] for sm-notify": () => manSharedKeys("statd"),
    "keys of [sm-notify]": () => manKeys("sm-notify"),
    "keys of [lockd]": () => manKeys("lockd"),
    "keys of [rpcbind]": () => manKeys("rpcbind"),
    "keys of macOS": manMacosKeys,
  },
  "README.md": {
    "settings of rpc.statd": () => `\n${readmeSettings("rpc.statd")}\n`,
    "settings of sm-notify": () => `\n${readmeSettings("sm-notify")}\n`,
    "settings of rpcbind": () => `\n${readmeSettings("rpcbind")}\n`,
    "keys of macOS": () => `\n${readmeMacosKeys()}\n`,
  },
};

/**
 * Fills in a document's generated parts.
 *
 * @throws {RangeError} If a part has no place in the document.
 */
export function fillIn(document: string, parts: Readonly<Record<string, () => string>>): string {
  let lines = document.split("\n");
  for (const [name, text] of Object.entries(parts)) {
    const begin = lines.findIndex((line) => isMark(line, `generated: ${name}`));
    const end = lines.findIndex((line) => isMark(line, `end of ${name}`));
    if (begin < 0 || end < begin) throw new RangeError(`There is no place for "${name}"`);
    lines = [...lines.slice(0, begin + 1), ...text().split("\n"), ...lines.slice(end)];
  }
  return lines.join("\n");
}

function isMark(line: string, mark: string): boolean {
  return line === `.\\" ${mark}` || line === `<!-- ${mark} -->`;
}

/** Writes all documents. */
export function writeDocuments(): void {
  Deno.writeTextFileSync(new URL("conf/nfs.conf", PROJECT), sampleConf());
  for (const [path, parts] of Object.entries(GENERATED)) {
    const file = new URL(path, PROJECT);
    Deno.writeTextFileSync(file, fillIn(Deno.readTextFileSync(file), parts));
  }
}

if (import.meta.main) writeDocuments();
