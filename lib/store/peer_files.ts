/**
 * Files of `sm` that hold the records of a peer. Only exceptions are tracked: usually the file has
 * the peer's mon_name. Exceptions are files that nfs-utils named after a canonical name, and peers
 * registered in another letter case, whose records stay in their file; files that could not be
 * read or changed; and files of records that the list has dropped. An exception is forgotten with its peer's last record.
 */

import { nameKey } from "../nsm/host_name.ts";

/** Entries kept without a look at the directory. */
const SIZE_MAX = 1000;

interface Entry {
  /** File names; the first one is for new records. */
  names: string[];
  /** The file is named after the peer, which is no exception. */
  isPlain: boolean;
  /** All files are known, from load(). */
  readonly isWhole: boolean;
  /** Number of changes in progress. */
  pending: number;
}

export class PeerFiles {
  /** Recreated when empty, as in nsm/monitor_list.ts: fewer full collections. */
  #entries = new Map<string, Entry>();
  /** Number of entries from which on {@link retain} is worth its time. */
  #sizeMax = SIZE_MAX;

  /** Number of peers with an entry. */
  get size(): number {
    return this.#entries.size;
  }

  /** Whether there are many more entries than after the last {@link retain}. */
  get isFull(): boolean {
    return this.size > this.#sizeMax;
  }

  /** Forgets files that are not there, as another process has moved them, and peers without others. */
  retain(there: ReadonlySet<string>): void {
    for (const [key, entry] of this.#entries) {
      if (entry.pending > 0) continue;
      entry.names = entry.names.filter((name) => there.has(name));
      if (entry.names.length === 0) this.#entries.delete(key);
    }
    this.#sizeMax = Math.max(SIZE_MAX, 2 * this.size);
  }

  /** Files of a peer other than its namesake. */
  othersOf(monName: string): readonly string[] {
    const names = this.#entries.get(nameKey(monName))?.names ?? [];
    return names.filter((name) => name !== monName);
  }

  /**
   * Makes the function that learns file names during a load. `isWhole`: the load is complete, and
   * no change came before it.
   */
  learner(isWhole = true): (monName: string, name: string) => void {
    const own = new Map<string, string>();
    return (monName, name) => {
      const key = nameKey(monName);
      const entry = this.#entries.get(key);
      if (entry !== undefined) {
        addTo(entry, [name]);
        if (name !== monName) entry.isPlain = false;
        return;
      }
      const before = own.get(key);
      if (monName === name && (before ?? name) === name) return void own.set(key, name);
      const names = before === undefined ? [name] : [name, before];
      this.#entries.set(key, { names, isPlain: false, isWhole, pending: 0 });
    };
  }

  /** Notes a file with records of a peer that later changes may know in other letters. */
  note(name: string): void {
    const key = nameKey(name);
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { names: [name], isPlain: false, isWhole: false, pending: 0 });
      return;
    }
    addTo(entry, [name]);
    entry.isPlain = false;
  }

  /** Begins a change of a peer's records, under each of these spellings; returns the files concerned. */
  begin(monName: string, ...before: readonly string[]): readonly string[] {
    const key = nameKey(monName);
    let entry = this.#entries.get(key);
    const spellings = [...before, monName];
    if (entry === undefined) {
      this.#entries.set(key, entry = { names: [], isPlain: true, isWhole: false, pending: 0 });
    }
    // Namesake files may exist untracked.
    if (!entry.isWhole) addTo(entry, spellings);
    if (entry.names.length > 1 || entry.names[0] !== monName) entry.isPlain = false;
    entry.pending++;
    return entry.names;
  }

  /**
   * Ends a change. `emptied` are files known to hold no record now; the last change in progress
   * removes its peer's files from it. After a failure, any of the files may hold a record still.
   */
  end(monName: string, emptied: Set<string>, isDone: boolean): void {
    const key = nameKey(monName);
    const entry = this.#entries.get(key);
    // Another change may refill a file that was just emptied.
    if (entry === undefined) return;
    if (!isDone) entry.isPlain = false;
    if (--entry.pending > 0) return;
    entry.names = entry.names.filter((name) => !emptied.delete(name));
    emptied.delete(monName);
    if (entry.isPlain || entry.names.length === 0) this.#entries.delete(key);
    if (this.#entries.size === 0) this.#entries = new Map();
  }
}

function addTo(entry: Entry, names: readonly string[]): void {
  entry.names = [...new Set([...entry.names, ...names])];
}
