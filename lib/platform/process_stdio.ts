/** Detaching from standard input, output and error. */

import {
  closeDescriptor,
  duplicate,
  openDescriptor,
  openDescriptors,
  STDERR,
} from "./descriptors.ts";

/**
 * Replaces the standard streams by /dev/null, so that no pipe reader waits and no terminal is held.
 * Deno keeps duplicates of them, which are found by their targets. Standard error stays if the log
 * goes there.
 */
export function stdioToNull({ keepsErrors } = { keepsErrors: false }): void {
  const open = openDescriptors();
  const last = keepsErrors ? STDERR - 1 : STDERR;
  const stdio = new Set(open.filter(({ fd }) => fd <= last).map(({ target }) => target));
  const nothing = openDescriptor("/dev/null");
  for (const { fd, target } of open) {
    if (stdio.has(target)) duplicate(nothing, fd, fd <= STDERR);
  }
  closeDescriptor(nothing);
}
