/**
 * Returning memory to the system. Neither V8 nor the C library does that while a program is idle.
 *
 * Source: malloc_trim(3); V8's gc(), available with --expose-gc; madvise(2), proc_pid_maps(5).
 */

import { libc } from "./libc.ts";
import { readableText } from "./small_files.ts";

/** Source: asm-generic/mman-common.h. */
const MADV_DONTNEED = 4;

/** gc() of V8, from --expose-gc. */
type Collect = (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;

/** Collects all garbage and returns free memory; takes some ms per 10 MB in use. */
export function giveBackMemory(): void {
  const { gc } = globalThis as { gc?: Collect };
  // Like on memory exhaustion, this also drops compiled code that has not run recently.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  libc().malloc_trim(0n);
}

/**
 * Returns an action that unmaps the pages of the program's code, of which a start needs several times
 * as many as serving does. They stay in the page cache, from where the kernel maps them again, 16 at
 * a time, as they are executed. To be called before a change of the user, after which a process may
 * not read its mappings.
 *
 * Only executable mappings of the program's file are unmapped. The program does not write to them, so
 * nothing is lost but breakpoints that a debugger or a uprobe has set before: set them afterwards.
 */
export function unmapperOfCode(): () => void {
  const program = Deno.execPath();
  const code = (readableText("/proc/self/maps") ?? "").split("\n").flatMap((line) => {
    const [, start, end, path] = /^([0-9a-f]+)-([0-9a-f]+) r-xp .* (\/.*)$/.exec(line) ?? [];
    return path === program ? [[BigInt(`0x${start}`), BigInt(`0x${end}`)] as const] : [];
  });
  return () => {
    for (const [start, end] of code) libc().madvise(start, end - start, MADV_DONTNEED);
  };
}
