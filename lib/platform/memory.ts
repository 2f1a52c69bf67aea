/**
 * Giving back to the system what a process needed for a while and does not need any more. Neither the
 * JavaScript engine nor the C library does that by itself while a program is idle.
 *
 * Source: malloc_trim(3); V8's gc(), which is there when it is started with --expose-gc.
 */

import { libc } from "./libc.ts";

/** gc() of V8, as --expose-gc has it. */
type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** Collects all garbage and gives back what is free then. It takes some ms for each 10 MB in use. */
export function giveBackMemory(): void {
  const { gc } = globalThis as { gc?: Collect };
  // As if memory had run out: compiled code that has not run for a while goes too.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  libc().malloc_trim(0n);
}
