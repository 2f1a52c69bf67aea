/**
 * Runs each case of `test/config/option_cases.ts` as a command, with Debian's programs and with
 * ours.
 *
 * Each command has its own mounts and network, with empty /run and /var/lib/nfs, so that a program
 * that starts unexpectedly reaches nothing of the machine.
 */

import { assertEquals } from "@std/assert";
import { systemFiles } from "../../lib/config/ini_file.ts";
import {
  type End,
  inFull,
  OPTION_CASES,
  type OptionCase,
  ourEnd,
  toEnd,
} from "../config/option_cases.ts";
import { canUnshare, OUR_STATD } from "../support/system_test.ts";

/** Time limit of a case, in s; a program still running has failed it. */
const RUN_MAX_SECONDS = 5;

/** Private mounts; $1 is nfs.conf, the rest the command. */
const INSIDE = `
set -e
mount -t tmpfs none /run
mount -t tmpfs none /var/lib/nfs
mkdir /var/lib/nfs/sm /var/lib/nfs/sm.bak
mount --bind "$1" /etc/nfs.conf
shift
exec timeout ${RUN_MAX_SECONDS} "$@"
`;

const missing = Deno.uid() === 0
  ? ["/sbin/rpc.statd", "/sbin/sm-notify", "/etc/nfs.conf", OUR_STATD]
    .filter((path) => systemFiles.statFault(path) !== undefined)
    .concat(canUnshare() ? [] : ["mounts of its own, which this system lets nobody make"])
  : ["root"];
// deno-lint-ignore no-console -- a skipped test says why
if (missing.length > 0) console.log(`skipped: options_test.ts needs ${missing.join(", ")}`);

for (const each of OPTION_CASES) {
  const { program, args, conf, ours, ...end } = each;
  const why = ours === undefined ? "" : ` (we differ: ${ours.why})`;
  const after = conf === undefined ? "" : ` after ${JSON.stringify(conf)}`;
  const name = `${program} ${JSON.stringify(args)}${after}${why}`;
  Deno.test(name, { ignore: missing.length > 0 }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await Deno.symlink(OUR_STATD, `${folder}/${program}`);
      await Deno.writeTextFile(`${folder}/nfs.conf`, conf ?? "");
      assertEquals(await run(`/sbin/${program}`, folder, each), inFull(end), "Debian's end");
      assertEquals(await run(`${folder}/${program}`, folder, each), ourEnd(each), "our end");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function run(program: string, folder: string, { args }: OptionCase): Promise<Required<End>> {
  const inside = ["sh", "-c", INSIDE, "sh", `${folder}/nfs.conf`, program, ...args];
  const { code, stdout, stderr } = await new Deno.Command("unshare", {
    args: ["-n", "-m", ...inside],
    env: { LC_ALL: "C" },
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return toEnd(code, out ?? "", err ?? "");
}
