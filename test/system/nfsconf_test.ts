/**
 * Runs each case of `test/config/nfsconf_cases.ts` through Debian's nfsconf(8) and through our
 * reading of real files, side by side.
 */

import { assertEquals } from "@std/assert";
import { readConfFile, systemFiles } from "../../lib/config/ini_file.ts";
import { get, type Question } from "../config/get.ts";
import { NFSCONF_CASES, type NfsConfCase } from "../config/nfsconf_cases.ts";

const NFSCONF = "/usr/sbin/nfsconf";

/** Timeout of nfsconf, in ms: a cycle of $NAMEs never ends. */
const NFSCONF_MAX_MS = 2_000;

const missing = systemFiles.statFault(NFSCONF) !== undefined;
// deno-lint-ignore no-console -- a skipped test says why
if (missing) console.log(`skipped: ${NFSCONF} is missing (Debian package nfs-common)`);

for (const each of NFSCONF_CASES) {
  const { name, value, real } = each;
  const why = real === undefined ? "" : ` (we differ: ${real.why})`;
  Deno.test(`nfsconf ${name}${why}`, { ignore: missing }, async () => {
    const folder = await Deno.makeTempDir();
    try {
      await writeFiles(folder, each);
      const path = `${folder}/nfs.conf`;
      const ours = readConfFile(path, systemFiles);
      assertEquals(get(ours, each)?.value, value);
      const answer = await ask(path, each);
      const isMended = real?.isMended === true && answer === value;
      assertEquals(answer, real === undefined || isMended ? value : real.value);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

async function writeFiles(folder: string, { text, files = {} }: NfsConfCase): Promise<void> {
  for (const [name, content] of Object.entries({ ...files, "nfs.conf": text })) {
    const path = `${folder}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(path, content);
  }
}

/** Value found by nfsconf; null if it crashes or hangs. */
async function ask(path: string, question: Question): Promise<string | undefined | null> {
  const { section = "s", arg, key = "a", env = {} } = question;
  const { code, signal, stdout } = await new Deno.Command(NFSCONF, {
    args: ["-f", path, "--get", ...(arg === undefined ? [] : ["--arg", arg]), section, key],
    env,
    clearEnv: true,
    signal: AbortSignal.timeout(NFSCONF_MAX_MS),
  }).output();
  if (signal !== null) return null;
  return code === 0 ? new TextDecoder().decode(stdout).slice(0, -1) : undefined;
}
