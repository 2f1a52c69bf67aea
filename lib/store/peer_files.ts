/**
 * In which files of `sm` the records of a peer are. A file is named after its mon_name, and nothing is kept
 * here for a peer of which that is true. Exceptions are files that nfs-utils has named after an official
 * name, and a peer that was registered in another letter case: its record stays in the file that it had.
 * An exception is forgotten with the last record of its peer.
 */

import { nameKey } from "../nsm/host_name.ts";

interface Entry {
  /** The one for new records first. */
  names: string[];
  /** The entry says no more than that the file is named after the peer. */
  isPlain: boolean;
  /** All files are listed, as load() has found them. */
  readonly isWhole: boolean;
  /** Changes that have begun and not ended. */
  pending: number;
}

export class PeerFiles {
  /** Made anew each time that it is empty, as in nsm/monitor_list.ts: fewer full collections. */
  #entries = new Map<string, Entry>();

  /** Peers that have an entry, in number. */
  get size(): number {
    return this.#entries.size;
  }

  /** The files of a peer besides the one that is named so. */
  othersOf(monName: string): readonly string[] {
    const names = this.#entries.get(nameKey(monName))?.names ?? [];
    return names.filter((name) => name !== monName);
  }

  /**
   * Makes the function that learns where records are as they are read; `isWhole` where all of them are, and
   * none was changed before.
   */
  learner(isWhole = true): (monName: string, name: string) => void {
    const own = new Map<string, string[]>();
    return (monName, name) => {
      const key = nameKey(monName);
      const entry = this.#entries.get(key);
      if (entry !== undefined) {
        addTo(entry, [name]);
        if (name !== monName) entry.isPlain = false;
        return;
      }
      if (monName === name) return void own.set(key, [...own.get(key) ?? [], name]);
      const names = [name, ...own.get(key) ?? []];
      this.#entries.set(key, { names, isPlain: false, isWhole, pending: 0 });
    };
  }

  /** Begins a change of records of a peer, under each of these spellings; the files that concerns. */
  begin(monName: string, ...before: readonly string[]): readonly string[] {
    const key = nameKey(monName);
    let entry = this.#entries.get(key);
    const spellings = [...before, monName];
    if (entry === undefined) {
      this.#entries.set(key, entry = { names: [], isPlain: true, isWhole: false, pending: 0 });
    }
    // A file of each name may be there all the same, since nothing is kept for a plain one.
    if (!entry.isWhole) addTo(entry, spellings);
    if (entry.names.length > 1 || entry.names[0] !== monName) entry.isPlain = false;
    entry.pending++;
    return entry.names;
  }

  /**
   * Ends a change. `emptied` are files without a record now, as far as that is known; the last change takes
   * out those of its peer.
   */
  end(monName: string, emptied: Set<string>): void {
    const key = nameKey(monName);
    const entry = this.#entries.get(key);
    // Another change may put a record into a file that was empty a moment ago.
    if (entry === undefined || --entry.pending > 0) return;
    entry.names = entry.names.filter((name) => !emptied.delete(name));
    emptied.delete(monName);
    if (entry.isPlain || entry.names.length === 0) this.#entries.delete(key);
    if (this.#entries.size === 0) this.#entries = new Map();
  }
}

function addTo(entry: Entry, names: readonly string[]): void {
  entry.names = [...new Set([...entry.names, ...names])];
}
