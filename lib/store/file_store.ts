/**
 * The monitor list on disk, as statd uses it: one file for each peer in the directory `sm`, named
 * after the mon_name. Nothing here scans the directory but {@link MonitorStore.load}, and no call
 * costs in proportion to the number of peers.
 *
 * nfs-utils names a file after the official name that the name service gives for the mon_name. Records
 * in files of another name than theirs stay in these files, and so do their successors.
 */

import type { Log } from "../log.ts";
import {
  type MonitorRecord,
  type MonitorStore,
  reasonOf,
  StoreError,
  UnstorableRecordError,
} from "../nsm/ports.ts";
import type { Clock, StartTimer } from "../time/clock.ts";
import { AsideFile, readText, syncDirectory } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { GroupCommit } from "./group_commit.ts";
import { asideName, fileNameFault, type Layout, layoutOf } from "./layout.ts";
import { entriesOf, recordFiles, removeLeftOvers, trySyncDirectory } from "./record_directory.ts";
import { PeerFiles } from "./peer_files.ts";
import { FILE_MAX_BYTES, recordsIn, withoutRegistrations, withRecord } from "./record_file.ts";
import { recordFault, registrationKey } from "./record_format.ts";
import { StateFile } from "./state_file.ts";

/** What is written to see whether that is possible: as much as a record of usual length. */
const CHECK_TEXT = "\n".repeat(100);
const CHECK_MODE = 0o600;

/** What the parts of the store work with. */
export interface StoreParts {
  readonly log: Log;
  /** The machine's own, unless a test puts another one in its place. */
  readonly fileSystem?: FileSystem;
  /** Lets removals be acknowledged before they are on disk, at most a second; without it none is. */
  readonly startTimer?: StartTimer;
  /** With {@link startTimer}, lets others have a turn between changes that come together. */
  readonly now?: Clock["now"];
}

/**
 * The monitor list in the state directory at `directory`, which has to be locked. It does not have to
 * exist before load().
 */
export function openMonitorStore(directory: string, parts: StoreParts): MonitorStore {
  return new FileStore(layoutOf(directory), parts);
}

class FileStore implements MonitorStore {
  readonly #layout: Layout;
  readonly #fs: FileSystem;
  readonly #log: Log;
  readonly #state: StateFile;
  readonly #commit: GroupCommit;
  readonly #files = new PeerFiles();
  /** Names of files of which load() could not tell what they hold. */
  readonly #unread = new Set<string>();
  /** Files that the last change left without a record, as long as changes of their peer are under way. */
  #emptied = new Set<string>(); // made anew each time that it is empty, as in nsm/monitor_list.ts

  constructor(
    layout: Layout,
    { fileSystem: fs = new RealFileSystem(), log, startTimer, now }: StoreParts,
  ) {
    this.#layout = layout;
    this.#fs = fs;
    this.#log = log;
    this.#state = new StateFile(fs, layout, log);
    const failed = (error: unknown) => log.warning(`${reasonOf(error)}; trying again`);
    this.#commit = new GroupCommit(fs, layout.monitorList, {
      keepsSpares: true,
      syncsNames: fs.syncsNames(layout.monitorList),
      ...(startTimer && { later: { startTimer, failed } }),
      ...(startTimer && now && { clock: { now, startTimer } }),
    });
  }

  *load(): Iterable<MonitorRecord> {
    const { monitorList } = this.#layout;
    // A process that was killed may have renamed files without syncing: what is read must last.
    if (trySyncDirectory(this.#fs, monitorList, this.#log)) this.#commit.markSynced();
    const entries = entriesOf(this.#fs, monitorList);
    removeLeftOvers(this.#fs, monitorList, this.#log, entries, { isAlone: true });
    const learn = this.#files.learner();
    const unread = (name: string) => this.#unread.add(name);
    const files = recordFiles(this.#fs, monitorList, this.#log, entries, unread);
    for (const { name, records } of files) {
      for (const record of records) {
        learn(record.monName, name);
        yield record;
      }
    }
  }

  get unread(): number {
    return this.#unread.size;
  }

  *loadUnread(): Iterable<readonly MonitorRecord[]> {
    const learn = this.#files.learner(false);
    for (const name of [...this.#unread]) {
      const records = this.#readAgain(name);
      for (const { monName } of records) learn(monName, name);
      yield records;
    }
  }

  /** Records of a file that can be read now; none where it cannot, or is gone. */
  #readAgain(name: string): readonly MonitorRecord[] {
    try {
      const text = this.#fs.readOwn(`${this.#layout.monitorList}/${name}`, FILE_MAX_BYTES + 1);
      this.#unread.delete(name);
      const isTooLong = text !== undefined && text.length > FILE_MAX_BYTES;
      return isTooLong ? [] : recordsIn(text ?? "").records;
    } catch {
      return []; // the log has the reason since the start
    }
  }

  otherNames(monName: string): readonly string[] {
    return this.#files.othersOf(monName);
  }

  async put(record: MonitorRecord, replaced: MonitorRecord = record): Promise<void> {
    const fault = fileNameFault(record.monName) ?? recordFault(record);
    if (fault !== undefined) {
      throw new UnstorableRecordError(
        "write",
        `${this.#layout.monitorList}/${record.monName}`,
        fault,
      );
    }
    const { monName } = record;
    const files = this.#files.begin(monName, replaced.monName);
    try {
      const home = this.#homeOf(replaced, files);
      const inPlace = this.#commit.change(home, (text) => {
        this.#emptied.delete(home);
        return withRecord(text, record, replaced);
      });
      // Elsewhere there can only be copies, which have to go with what they are copies of.
      const others = files.filter((name) => name !== home);
      if (others.length === 0) return await inPlace;
      const keys = new Set([record, replaced].map(registrationKey));
      await settleAll([inPlace, ...others.map((name) => this.#removeFrom(name, keys))]);
    } finally {
      this.#files.end(monName, this.#emptied);
    }
  }

  async remove(records: readonly MonitorRecord[]): Promise<void> {
    const byFile = new Map<string, Set<string>>();
    for (const record of records) {
      // The file of that very name too: nothing is kept of it where it has all the records of its peer.
      for (const name of new Set([...this.#files.begin(record.monName), record.monName])) {
        if (fileNameFault(name) !== undefined) continue;
        let keys = byFile.get(name);
        if (keys === undefined) byFile.set(name, keys = new Set());
        keys.add(registrationKey(record));
      }
    }
    try {
      await settleAll([...byFile].map(([name, keys]) => this.#removeFrom(name, keys)));
    } finally {
      for (const { monName } of records) this.#files.end(monName, this.#emptied);
      if (this.#emptied.size === 0) this.#emptied = new Set();
    }
  }

  stateNumber(): number {
    return this.#state.read();
  }

  check(): void {
    const { monitorList } = this.#layout;
    try {
      const path = `${monitorList}/${asideName(0)}`;
      const aside = AsideFile.write(this.#fs, path, CHECK_TEXT, CHECK_MODE);
      try {
        aside.sync();
        syncDirectory(this.#fs, monitorList);
      } finally {
        aside.discard();
      }
    } catch (error) {
      throw new StoreError("write", monitorList, error);
    }
  }

  tidy(): void {
    this.#commit.tidy();
  }

  #removeFrom(name: string, keys: ReadonlySet<string>): Promise<void> {
    return this.#commit.change(name, (text) => {
      const after = withoutRegistrations(text, keys);
      if (after === undefined) this.#emptied.add(name);
      return after;
    });
  }

  /** The file in which a record has to be replaced, so that a crash leaves one of the two. */
  #homeOf(record: MonitorRecord, files: readonly string[]): string {
    const first = files[0]!;
    if (files.length === 1) return first;
    const key = registrationKey(record);
    const holdsIt = (name: string) => {
      try {
        const text = readText(this.#fs, `${this.#layout.monitorList}/${name}`) ?? "";
        return recordsIn(text).records.some((other) => registrationKey(other) === key);
      } catch {
        return false; // not a file that could be changed
      }
    };
    return files.find(holdsIt) ?? first;
  }
}

/** Waits until all have settled, so that nothing goes on behind a failure; then fails as the first. */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
}
