/** Command lines of both programs: the result is settings, or an exit with a status and output. */

import { assert, assertEquals } from "@std/assert";
import { SM_NOTIFY_COMMAND_LINE, STATD_COMMAND_LINE } from "../../../lib/config/command_lines.ts";
import { optionForms } from "../../../lib/config/flags.ts";
import { getopt } from "../../../lib/config/getopt.ts";
import { loadSmNotifySettings, loadStatdSettings } from "../../../lib/config/load.ts";
import { MemoryFiles } from "../../support/memory_files.ts";
import { EDGES, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";
import { name } from "../wire.ts";

/** Separator of arguments, which cannot contain NUL. */
const NEXT = "\0";
/** Maximum output, without the faulty argument. */
const PRINTED_MAX = 20_000;

const FORMS = [...optionForms(STATD_COMMAND_LINE), ...optionForms(SM_NOTIFY_COMMAND_LINE)];
const WORDS = [
  "-",
  "--",
  "---",
  "--=",
  "=",
  "-p",
  "-p5",
  "--port=",
  "-FdL",
  "-?",
  '"',
  "\\",
  "--port=-1",
];

function argument(random: Random): string {
  const { letters, long, hasArgument } = pick(random, FORMS);
  const value = pick(random, [
    String(pick(random, EDGES)),
    name(random),
    "/etc",
    "yes",
    "12x",
    " 7",
  ]);
  switch (random(6)) {
    case 0:
      return `-${letters}${value}`;
    case 1:
      return `-${letters}${hasArgument ? `${NEXT}${value}` : ""}`;
    case 2:
      return `--${long}=${value}`;
    case 3:
      return `--${long.slice(0, 1 + random(long.length))}${hasArgument ? `${NEXT}${value}` : ""}`;
    case 4:
      return value;
    default:
      return pick(random, WORDS);
  }
}

function run(input: Uint8Array): void {
  const args = toText(input).split(NEXT);
  const again = getopt(args, FORMS);
  assertEquals(getopt(args, FORMS), again);
  const files = new MemoryFiles({ "/etc/passwd": "" });
  const env = { get: () => undefined };
  for (const load of [loadStatdSettings, loadSmNotifySettings]) {
    const loaded = load({ programName: "fuzz", args, env, files });
    if (loaded.kind === "run") continue;
    assert(loaded.status >= 0 && loaded.status <= 255, `status ${loaded.status}`);
    const printed = loaded.stdout.length + loaded.stderr.length;
    assert(printed < PRINTED_MAX + 2 * input.length, `${printed} characters are printed`);
  }
}

export const commandLines: Target = {
  name: "command lines",
  inputs: 4_000,
  generate(random) {
    const args = Array.from({ length: 1 + random(5) }, () => argument(random)).join(NEXT);
    return toBytes(onceIn(random, 2) ? args : mutateText(args, random, WORDS));
  },
  open: () => ({ run }),
};
