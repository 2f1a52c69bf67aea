/**
 * Spare files: removed record files, kept under hidden names and rewritten for new records. Freeing
 * blocks and allocating new ones is half the cost of a change.
 *
 * A spare file has three states:
 *
 * 1. held: renamed away, and a power cut may bring its old name back. It must not be written.
 * 2. settled: its directory was synced since. It may be rewritten if the new contents are synced
 *    before they get a name.
 * 3. blank: filled with NUL bytes, durably. Only a blank file may get a name before its new
 *    contents are synced. A power cut in between leaves a file without a record, instead of an old
 *    record under a new name, or a new record cut to the length of the old one.
 */

import type { Clock } from "../time/clock.ts";
import type { FileSystem } from "./file_system.ts";
import { AsideFile } from "./atomic_file.ts";
import { spareName } from "./layout.ts";

/** Limit of spare files: the removals per sync of the directory, for each of the three states. */
const SPARES_MAX = 96;
/** Longest file kept, in bytes: one block, which nearly all files have. */
const SPARE_MAX_BYTES = 4096;
/**
 * Size of a blank file, and of the longest text that may get its name before it is synced, in
 * bytes: one sector, which a disk writes whole or not at all.
 */
export const SECTOR_BYTES = 512;
const BLANK = "\0".repeat(SECTOR_BYTES);
/** Time budget for blanking in one go, in ms: callers wait for so long. */
const BLANKING_MS = 4;
/**
 * Least number of blank files. More are made if more were asked for since the last time: a blank
 * file costs a write and a sync, which changes in company do not save again.
 */
const BLANK_MIN = 1;

export class SpareFiles {
  readonly #fs: FileSystem;
  readonly #directory: string;
  readonly #mode: number;
  readonly #now: Clock["now"];
  #made = 0;
  #held: string[] = [];
  #settled: string[] = [];
  #blank: string[] = [];
  /** Blank files asked for since the last blanking. */
  #asked = 0;

  /** `mode` is required of files to be blanked. Without a clock, blanking has no time budget. */
  constructor(fs: FileSystem, directory: string, mode: number, clock?: Pick<Clock, "now">) {
    this.#now = () => clock?.now() ?? 0;
    this.#fs = fs;
    this.#directory = directory;
    this.#mode = mode;
  }

  /** Removes a file of `size` bytes by hiding it; false if it is not kept. */
  hold(path: string, size: number): boolean {
    if (size > SPARE_MAX_BYTES || this.#count >= SPARES_MAX) return false;
    const spare = `${this.#directory}/${spareName(++this.#made)}`;
    try {
      this.#fs.rename(path, spare);
    } catch {
      return false; // a full disk may have no room for another name
    }
    this.#held.push(spare);
    return true;
  }

  /** Notes a sync of the directory: old names cannot come back. */
  settle(): void {
    this.#settled.push(...this.#held.splice(0));
  }

  /** Deletes the held files, after a failed sync of the directory. */
  dropHeld(): void {
    for (const path of this.#held.splice(0)) this.#remove(path);
  }

  /** Blanks settled files, as demand requires, within the time budget; returns whether all were. */
  blank(): boolean {
    const end = this.#now() + BLANKING_MS;
    const batch: { aside: AsideFile; path: string }[] = [];
    const wanted = Math.max(BLANK_MIN, this.#asked) - this.#blank.length;
    while (batch.length < wanted && this.#settled.length > 0 && this.#now() <= end) {
      this.#beginBlanking(this.#settled.pop()!, batch);
    }
    const isDone = batch.length >= wanted || this.#settled.length === 0;
    if (isDone) this.#asked = 0;
    for (const { aside, path } of batch) {
      try {
        aside.sync();
        aside.close();
        this.#blank.push(path);
      } catch {
        aside.discard(); // the disk is failing, which the next change reports
      }
    }
    return isDone;
  }

  /** Takes a spare for contents that are synced before they are named; undefined if there is none. */
  takeSettled(text: string, mode: number): AsideFile | undefined {
    return this.#rewrite(this.#settled.pop(), text, mode);
  }

  /** Takes a spare for contents that are synced after they are named; undefined if there is none. */
  takeBlank(text: string, mode: number): AsideFile | undefined {
    this.#asked++;
    return this.#rewrite(this.#blank.pop(), text, mode);
  }

  /** Deletes all spare files, if possible; the next start deletes remaining ones. */
  removeAll(): void {
    for (const path of [...this.#held, ...this.#settled, ...this.#blank]) this.#remove(path);
    this.#held = [];
    this.#settled = [];
    this.#blank = [];
  }

  get #count(): number {
    return this.#held.length + this.#settled.length + this.#blank.length;
  }

  #beginBlanking(path: string, batch: { aside: AsideFile; path: string }[]): void {
    try {
      const aside = this.#rewrite(path, BLANK, this.#mode);
      if (aside === undefined) return;
      batch.push({ aside, path });
      aside.startSync();
    } catch {
      // no room for a sector: rewrite() has removed it
    }
  }

  #rewrite(path: string | undefined, text: string, mode: number): AsideFile | undefined {
    if (path === undefined) return undefined;
    const aside = AsideFile.rewrite(this.#fs, path, text, mode);
    if (aside === undefined) this.#remove(path);
    return aside;
  }

  #remove(path: string): void {
    try {
      this.#fs.remove(path);
    } catch {
      // A leftover spare is harmless; the next start deletes it.
    }
  }
}
