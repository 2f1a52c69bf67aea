/** Free space of a file system, for users other than root. Source: statvfs(3). */

import { cString, libc } from "./libc.ts";

export interface FreeSpace {
  readonly bytes: number;
  /** Inodes; Infinity if the file system allocates them dynamically. */
  readonly files: number;
}

/** Indices of the 64-bit words in struct statvfs. */
const FRSIZE = 1;
const BAVAIL = 4;
const FILES = 5;
const FAVAIL = 7;
export const STATVFS_WORDS = 16;
/** Least free space, in bytes; less does not hold the records of a day. */
const FREE_MIN_BYTES = 65_536;

/** Free space at a path; undefined on failure. */
export function freeOf(path: string): FreeSpace | undefined {
  const facts = new BigUint64Array(STATVFS_WORDS);
  if (libc().statvfs(cString(path), facts) < 0) return undefined;
  return freeIn(facts);
}

/** Whether there is room for records. */
export function hasRoom({ bytes, files }: FreeSpace): boolean {
  return bytes >= FREE_MIN_BYTES && files > 0;
}

/** Free space in a struct statvfs. */
export function freeIn(facts: BigUint64Array): FreeSpace {
  const files = facts[FILES] === 0n ? Infinity : Number(facts[FAVAIL]);
  return { bytes: Number(facts[BAVAIL]! * facts[FRSIZE]!), files };
}
