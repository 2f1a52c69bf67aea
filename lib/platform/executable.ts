/** Whether a program can be run, without running it. Source: path_resolution(7), execve(2). */

/** Bits of a mode by which a file may be executed: by somebody, and by its owner. */
const EXECUTE = 0o111;
const OWNER_EXECUTE = 0o100;

/**
 * Why a program cannot be run; undefined where nothing is known against it. `uid` is the user who is to
 * run it, by default the own one. Where that is not the owner, a bit for the group or for others will do:
 * whose group it is, is not known.
 */
export function executableFault(path: string, uid = Deno.uid()): string | undefined {
  if (!path.includes("/")) return "it is not a path";
  let facts: Deno.FileInfo;
  try {
    facts = Deno.statSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no such file";
    return (error as Error).message.replace(/ \(os error \d+\).*/, "");
  }
  if (!facts.isFile) return "it is no file";
  const mode = facts.mode! & 0o7777;
  const isRunnable = uid === 0
    ? (mode & EXECUTE) !== 0
    : (mode & (uid === facts.uid ? OWNER_EXECUTE : EXECUTE & ~OWNER_EXECUTE)) !== 0;
  return isRunnable ? undefined : `it has mode ${mode.toString(8)} and belongs to uid ${facts.uid}`;
}
