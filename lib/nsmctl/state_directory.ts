/**
 * The state directory as nsmctl reads it, without a change to it, since other programs may be at work
 * there; as the kernel reports its changes, without polling; and the drop to its owner before a change by
 * hand.
 */

import type { Log } from "../log.ts";
import { type PeerFacts, reasonOf, StoreError } from "../nsm/ports.ts";
import type { DatedRecord } from "./peers.ts";
import { dropPrivileges } from "../platform/privileges.ts";
import { watchDirectories } from "../platform/watch.ts";
import type { FileSystem } from "../store/file_system.ts";
import { CONTROL_SOCKET, type Layout, layoutOf } from "../store/layout.ts";
import { OwnersFiles } from "../store/owners_files.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { recordFileNames } from "../store/record_directory.ts";
import { FILE_MAX_BYTES, recordsIn } from "../store/record_file.ts";
import { STATE_BYTES, storedNumber } from "../store/state_file.ts";

/** Hears nothing: what is wrong with a file is the daemon's to log, and `doctor`'s to find. */
export const SILENT_LOG: Log = {
  error() {},
  warning() {},
  notice() {},
  info() {},
  debug() {},
};

/** One file of records. */
export interface ReadFile {
  readonly name: string;
  readonly bytes: number;
  readonly records: readonly DatedRecord[];
  /** Lines that are no records. */
  readonly faultyLines: number;
}

/** Why the daemon of a state directory cannot be asked. */
export function unreachable(directory: string, reason: string): Error {
  return new StoreError("connect to", `${directory}/${CONTROL_SOCKET}`, reason);
}

export class StateReader {
  readonly layout: Layout;
  readonly #fs: FileSystem;

  constructor(directory: string, fileSystem: FileSystem = new OwnersFiles()) {
    this.layout = layoutOf(directory);
    this.#fs = fileSystem;
  }

  /**
   * The files of the monitor list. Those that cannot be read are passed over, and why is put into `unread`.
   *
   * @throws {StoreError} When its directory cannot be read; without `unread`, or a file of it.
   */
  monitorList(unread?: string[]): ReadFile[] {
    return this.#read(this.layout.monitorList, unread);
  }

  /** The files of the notify list, see {@link monitorList}. @throws {StoreError} */
  notifyList(unread?: string[]): ReadFile[] {
    return this.#read(this.layout.notifyList, unread);
  }

  /** How many files are on the monitor list. @throws {StoreError} */
  monitorCount(): number {
    return recordFileNames(this.#fs, this.layout.monitorList, SILENT_LOG).length;
  }

  /** How many files are on the notify list. @throws {StoreError} */
  notifyCount(): number {
    return recordFileNames(this.#fs, this.layout.notifyList, SILENT_LOG).length;
  }

  /** What was learned of the peers. */
  facts(): Map<string, PeerFacts> {
    const parts = { log: SILENT_LOG, mayCompact: false, fileSystem: this.#fs };
    return openPeerMemory(this.layout.directory, parts).load();
  }

  /** The number in the file `state`, as it is there; undefined where there is none. */
  stateNumber(): number | undefined {
    try {
      return storedNumber(this.#fs.read(this.layout.state, STATE_BYTES));
    } catch (error) {
      throw new StoreError("read", this.layout.state, error);
    }
  }

  /** When a file of the monitor list was written, milliseconds since 1970. */
  since(name: string): number | undefined {
    try {
      return this.#fs.facts(`${this.layout.monitorList}/${name}`)?.modifiedAt;
    } catch {
      return undefined; // not to be had by this user
    }
  }

  #read(directory: string, unread: string[] | undefined): ReadFile[] {
    const files: ReadFile[] = [];
    for (const name of recordFileNames(this.#fs, directory, SILENT_LOG)) {
      try {
        const file = this.readFile(directory, name);
        if (file !== undefined) files.push(file);
      } catch (error) {
        if (unread === undefined) throw error;
        unread.push(reasonOf(error));
      }
    }
    return files;
  }

  /**
   * One file of records; undefined where it is gone.
   *
   * @throws {StoreError} When this user may not read it.
   */
  readFile(directory: string, name: string): ReadFile | undefined {
    const path = `${directory}/${name}`;
    try {
      const facts = this.#fs.facts(path);
      if (facts === undefined || !facts.isFile) return undefined;
      const text = this.#fs.readOwn(path, FILE_MAX_BYTES);
      if (text === undefined) return undefined;
      const { records, faultyLines } = recordsIn(text);
      const since = facts.modifiedAt;
      const dated = records.map((record) => ({ record, since }));
      return { name, bytes: facts.size, records: dated, faultyLines };
    } catch (error) {
      throw new StoreError("read", path, error);
    }
  }
}

/** What is left of the permissions of new files, as the daemon has it. */
const UMASK = 0o007;

/**
 * Becomes the owner of the monitor list for good, so that files which are made belong to it, and links
 * in it lead no further than the owner may go.
 *
 * @throws {Error} When this user may not.
 */
export function dropToOwner({ monitorList }: Layout): void {
  Deno.umask(UMASK);
  dropPrivileges(monitorList);
}

/** What may have changed. */
export interface StateChange {
  /** Paths of files, without those that are being written; empty where the kernel lost track. */
  readonly paths: readonly string[];
}

/**
 * Everything that happens in the two lists and to the state number, from the first call of the
 * iterator's `next` on; what happens while the caller is busy is kept.
 *
 * @throws {Error} When a directory is not there, or there can be no thread for it.
 */
export async function* waitForChange(layout: Layout): AsyncGenerator<StateChange> {
  const { directory, monitorList, notifyList } = layout;
  using watcher = watchDirectories([directory, monitorList, notifyList]);
  for await (const event of watcher) {
    if (event.kind === "access") continue;
    if (event.flag === "rescan") yield { paths: [] };
    const paths = event.paths.filter((path) => !path.endsWith(".new"));
    if (paths.length > 0) yield { paths };
  }
}
