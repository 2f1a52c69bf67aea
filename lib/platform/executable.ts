/** Check whether a program can be run, without running it. Source: path_resolution(7), execve(2). */

/** Mode bits for execution: of any class, and of the owner. */
const EXECUTE = 0o111;
const OWNER_EXECUTE = 0o100;

/**
 * Reason why a program cannot be run; undefined if none is known. `uid` is the user to run it, by
 * default our own. For a user other than the owner, a group or world bit is sufficient, as group
 * membership is not checked.
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
  if (!facts.isFile) return "it is not a file";
  const mode = facts.mode! & 0o7777;
  const isRunnable = uid === 0
    ? (mode & EXECUTE) !== 0
    : (mode & (uid === facts.uid ? OWNER_EXECUTE : EXECUTE & ~OWNER_EXECUTE)) !== 0;
  return isRunnable ? undefined : `it has mode ${mode.toString(8)} and belongs to uid ${facts.uid}`;
}
