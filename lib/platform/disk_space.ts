/** Room that a file system has left, for users other than root. Source: statvfs(3). */

import { cString, libc } from "./libc.ts";

/** What is left. */
export interface FreeSpace {
  readonly bytes: number;
  /** Inodes; Infinity where the file system makes them as needed. */
  readonly files: number;
}

/** Fields of struct statvfs that are words of 64 bits, by their place. */
const FRSIZE = 1;
const BAVAIL = 4;
const FILES = 5;
const FAVAIL = 7;
const STATVFS_WORDS = 16;

/** The room around a path; undefined where the system does not tell. */
export function freeOf(path: string): FreeSpace | undefined {
  const facts = new BigUint64Array(STATVFS_WORDS);
  if (libc().statvfs(cString(path), facts) < 0) return undefined;
  const files = facts[FILES] === 0n ? Infinity : Number(facts[FAVAIL]);
  return { bytes: Number(facts[BAVAIL]! * facts[FRSIZE]!), files };
}
