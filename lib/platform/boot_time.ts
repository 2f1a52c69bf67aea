/** Time of the kernel's boot. Source: proc_stat(5). */

import { readableText } from "./small_files.ts";

/** Boot time of the kernel, in ms since 1970; undefined if it cannot be read. */
export function bootTime(): number | undefined {
  const seconds = /^btime (\d+)$/m.exec(readableText("/proc/stat") ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
