/**
 * nfs.conf: reading any content ends, with assignments, warnings and usable settings; rpc.statd and
 * sm-notify run or exit with a status.
 */

import { assert } from "@std/assert";
import { readNfsConf } from "../../../lib/config/ini_file.ts";
import { loadSmNotifySettings, loadStatdSettings } from "../../../lib/config/load.ts";
import { SM_NOTIFY, STATD } from "../../../lib/config/settings.ts";
import { MemoryFiles } from "../../support/memory_files.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";

/** Maximum number of lines of the files with all includes, far above that of an input. */
const LINES_MAX = 200_000;
/** Separator of files. */
const NEXT_FILE = "\x1e";
const PATHS = ["/etc/nfs.conf", "/etc/nfs.conf.d/10.conf", "/etc/more", "/etc/nfs.conf.d/9.conf"];

const KEYS = [...Object.values(STATD), ...Object.values(SM_NOTIFY)].flatMap(({ file }) =>
  file === undefined ? [] : [file.key, ...(file.flat === undefined ? [] : [file.flat])]
);
const VALUES = [
  ...[
    "0",
    "1",
    "yes",
    "No",
    "65535",
    "65536",
    "-1",
    "012",
    "0x10",
    "4050 # here",
    '"quoted"',
    "'x",
  ],
  ...["$HOME", "$LOOP", "$", "$port", "/", "/etc", "/nowhere", "all, call", "1e9", "", "=", "a=b"],
  ...[
    "1,2,3",
    "bsd",
    "127.0.0.1:9000",
    "[::1]:9",
    "a\\",
    "\x00",
    "\xff",
    "🙂",
    "__proto__",
    "x".repeat(300),
  ],
];
const LINES = [
  ...[
    "[statd]",
    "[sm-notify]",
    "[lockd]",
    "[ STATD ]",
    '[statd "arg"]',
    '[statd "arg',
    "[statd",
    "[]",
  ],
  ...["[environment]", "LOOP = $LOOP", "# comment", "; comment", "include = more", "include=-none"],
  ...["include = nfs.conf", "include = /etc/more", "  ", "\\", "=", "port", "nfs.statd.port=1"],
];

function conf(random: Random): string {
  const lines: string[] = [];
  for (let count = random(12); count >= 0; count--) {
    lines.push(
      onceIn(random, 2) ? pick(random, LINES) : `${pick(random, KEYS)} = ${pick(random, VALUES)}`,
    );
  }
  return lines.join("\n") + (onceIn(random, 10) ? "" : "\n");
}

function run(input: Uint8Array): void {
  const texts = new TextDecoder().decode(input).split(NEXT_FILE);
  const files = new MemoryFiles(
    Object.fromEntries(texts.slice(0, PATHS.length).map((text, i) => [PATHS[i]!, text])),
  );
  const conf = readNfsConf(files);
  assert(conf.assignments.length + conf.warnings.length < LINES_MAX, "too much came of it");
  const env = { get: (name: string) => name === "HOME" ? "/root" : undefined };
  for (const load of [loadStatdSettings, loadSmNotifySettings]) {
    for (const args of [[], ["--check-config"]]) {
      const loaded = load({ programName: "fuzz", args, env, files });
      if (loaded.kind === "exit") {
        assert(loaded.status >= 0 && loaded.status <= 255, `status ${loaded.status}`);
        continue;
      }
      assert(
        Object.values(loaded.settings).every((value) => !Number.isNaN(value)),
        "a number is none",
      );
      assert(Object.isFrozen(loaded.settings) && args.length === 0);
    }
  }
}

export const nfsConf: Target = {
  name: "nfs.conf",
  inputs: 2_500,
  generate(random) {
    const texts = Array.from({ length: 1 + random(PATHS.length) }, () => {
      return mutateText(conf(random), random, [...LINES, ...VALUES, ...KEYS]);
    });
    const bytes = new TextEncoder().encode(texts.join(NEXT_FILE));
    return onceIn(random, 4) ? mutateBytes(bytes, random) : toBytes(toText(bytes));
  },
  open: () => ({ run }),
};
