/**
 * State directory for nsmctl: read-only access, since other programs may be using it; kernel
 * notifications of changes; and the drop to its owner before a manual change.
 */

import type { Log } from "../log.ts";
import { type PeerFacts, StoreError } from "../nsm/ports.ts";
import type { DatedRecord } from "./peers.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { isReaderGone, STDOUT } from "../platform/descriptors.ts";
import { DAEMON_UMASK, dropPrivileges } from "../platform/privileges.ts";
import { watchDirectories } from "../platform/watch.ts";
import { reasonOf } from "../reason.ts";
import type { FileSystem } from "../store/file_system.ts";
import { CONTROL_SOCKET, type Layout, layoutOf } from "../store/layout.ts";
import { OwnersFiles } from "../store/owners_files.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { recordFileNames } from "../store/record_directory.ts";
import { FILE_MAX_BYTES, recordsIn } from "../store/record_file.ts";
import {
  copiedNumber,
  COPY_MAX_BYTES,
  STATE_READ_BYTES,
  stateDoubt,
  storedNumber,
} from "../store/state_file.ts";

/** Null log: file faults are logged by the daemon, and found by `doctor`. */
export const SILENT_LOG: Log = {
  error() {},
  warning() {},
  notice() {},
  info() {},
  debug() {},
};

/** File of records. */
export interface ReadFile {
  readonly name: string;
  readonly bytes: number;
  readonly records: readonly DatedRecord[];
  /** Number of lines that are no records. */
  readonly faultyLines: number;
}

/** Error for a daemon that cannot be asked. */
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
   * Files of the monitor list. Unreadable files are skipped, and their errors appended to `unread`.
   *
   * @throws {StoreError} When the directory cannot be read; without `unread`, also for a file in
   * it.
   */
  monitorList(unread?: string[]): ReadFile[] {
    return this.#read(this.layout.monitorList, unread);
  }

  /** Files of the notify list, see {@link monitorList}. @throws {StoreError} */
  notifyList(unread?: string[]): ReadFile[] {
    return this.#read(this.layout.notifyList, unread);
  }

  /** Number of files on the monitor list. @throws {StoreError} */
  monitorCount(): number {
    return recordFileNames(this.#fs, this.layout.monitorList, SILENT_LOG).length;
  }

  /** Number of files on the notify list. @throws {StoreError} */
  notifyCount(): number {
    return recordFileNames(this.#fs, this.layout.notifyList, SILENT_LOG).length;
  }

  /** Facts about peers from the peer memory. */
  facts(): Map<string, PeerFacts> {
    const parts = { log: SILENT_LOG, mayCompact: false, fileSystem: this.#fs };
    return openPeerMemory(this.layout.directory, parts).load();
  }

  /** Number in the file `state`, unmodified; undefined if there is none. */
  stateNumber(): number | undefined {
    return storedNumber(this.#stateText());
  }

  /** Why the file `state` may hold no number, as the end of a sentence. @throws {StoreError} */
  stateDoubt(): string | undefined {
    const copy = this.#fs.readOwn(this.layout.stateCopy, COPY_MAX_BYTES) ?? "";
    return stateDoubt(this.#stateText(), copiedNumber(copy));
  }

  #stateText(): string | undefined {
    try {
      return this.#fs.read(this.layout.state, STATE_READ_BYTES);
    } catch (error) {
      throw new StoreError("read", this.layout.state, error);
    }
  }

  /** Modification time of a file on the monitor list, in ms since 1970. */
  since(name: string): number | undefined {
    try {
      return this.#fs.facts(`${this.layout.monitorList}/${name}`)?.modifiedAt;
    } catch {
      return undefined; // not permitted
    }
  }

  /** Reads all files as their owner at once: changing the user takes as long as reading a file. */
  #read(directory: string, unread: string[] | undefined): ReadFile[] {
    const names = recordFileNames(this.#fs, directory, SILENT_LOG);
    return asOwner(directory, () => this.#readFiles(directory, names, unread));
  }

  #readFiles(
    directory: string,
    names: readonly string[],
    unread: string[] | undefined,
  ): ReadFile[] {
    const files: ReadFile[] = [];
    for (const name of names) {
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
   * Reads one file of records; undefined if it is gone.
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

/**
 * Becomes the owner of the monitor list permanently, so that new files belong to that user, and
 * links lead only where that user may go.
 *
 * @throws {Error} When this user may not.
 */
export function dropToOwner({ monitorList }: Layout): void {
  Deno.umask(DAEMON_UMASK);
  dropPrivileges(monitorList);
}

/** Change of the state directory. */
export interface StateChange {
  /** Changed paths, without files being written; empty if the kernel's queue overflowed. */
  readonly paths: readonly string[];
}

/** Interval of looks whether somebody still reads standard output, in ms. */
const READER_LOOK_MS = 1_000;

/** Ends the watching when nobody reads standard output any more, as `head` after some lines. */
function endWithReader(watcher: Deno.FsWatcher): Disposable {
  const look = () => {
    if (isReaderGone(STDOUT)) watcher.close();
    else cancel = systemClock.startTimer(READER_LOOK_MS, look);
  };
  let cancel = systemClock.startTimer(READER_LOOK_MS, look);
  return { [Symbol.dispose]: () => cancel() };
}

/**
 * Changes of both lists and of the state number, from the first call of the iterator's `next` on;
 * changes are queued while the caller is busy. They end when nobody reads standard output any more.
 *
 * @throws {Error} When a directory is missing, or no thread can be started.
 */
export async function* waitForChange(layout: Layout): AsyncGenerator<StateChange> {
  const { directory, monitorList, notifyList } = layout;
  using watcher = watchDirectories([directory, monitorList, notifyList]);
  using _reader = endWithReader(watcher);
  for await (const event of watcher) {
    if (event.kind === "access") continue;
    if (event.flag === "rescan") yield { paths: [] };
    const paths = event.paths.filter((path) => !path.endsWith(".new"));
    if (paths.length > 0) yield { paths };
  }
}
