/**
 * Returning free memory to the system. Neither V8 nor the C library does that while a program is
 * idle.
 *
 * Source: malloc_trim(3); V8's gc(), available with --expose-gc.
 */

import { libc } from "./libc.ts";

/** gc() of V8, from --expose-gc. */
type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** Collects all garbage and returns free memory; takes some ms per 10 MB in use. */
export function giveBackMemory(): void {
  const { gc } = globalThis as { gc?: Collect };
  // Like on memory exhaustion, this also drops compiled code that has not run recently.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  libc().malloc_trim(0n);
}
