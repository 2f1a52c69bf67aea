/**
 * Monitor list on disk, as statd uses it: one file per peer in the directory `sm`, named after the
 * mon_name. Only {@link MonitorStore.load} scans the directory; no other call takes time in
 * proportion to the number of peers.
 *
 * nfs-utils names a file after the canonical name of the mon_name. Records in a file of another
 * name stay in that file, and so do their successors.
 */

import type { Log } from "../log.ts";
import {
  type MonitorRecord,
  type MonitorStore,
  StoreError,
  UnstorableRecordError,
} from "../nsm/ports.ts";
import { isSame, registrationKey } from "../nsm/registration_key.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";
import { AsideFile, readText, syncDirectory } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { GroupCommit } from "./group_commit.ts";
import { asideName, fileNameFault, type Layout, layoutOf } from "./layout.ts";
import { entriesOf, recordFiles, removeLeftOvers, trySyncDirectory } from "./record_directory.ts";
import { PeerFiles } from "./peer_files.ts";
import { FILE_MAX_BYTES, recordsIn, withoutRegistrations, withRecord } from "./record_file.ts";
import { recordFault } from "./record_format.ts";
import { StateFile } from "./state_file.ts";

/** Test contents: as long as a usual record. */
const CHECK_TEXT = "\n".repeat(100);
const CHECK_MODE = 0o600;

/** Dependencies of the store. */
export interface StoreParts {
  readonly log: Log;
  /** Real file system, unless a test replaces it. */
  readonly fileSystem?: FileSystem;
  /**
   * Enables delayed syncs of removals, by up to a second, and turns of the event loop between
   * groups; without it every removal is synced.
   */
  readonly clock?: Clock;
}

/**
 * Opens the monitor list in the state directory at `directory`, which has to be locked. It need not
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
  /** Names of files that load() could not read. */
  readonly #unread = new Set<string>();
  /** Files emptied by changes of their peer that are still in progress. */
  #emptied = new Set<string>(); // recreated when empty, as in nsm/monitor_list.ts

  constructor(
    layout: Layout,
    { fileSystem: fs = new RealFileSystem(), log, clock }: StoreParts,
  ) {
    this.#layout = layout;
    this.#fs = fs;
    this.#log = log;
    this.#state = new StateFile(fs, layout, log);
    const failed = (error: unknown) => log.warning(`${reasonOf(error)}; trying again`);
    this.#commit = new GroupCommit(fs, layout.monitorList, {
      keepsSpares: true,
      syncsNames: fs.syncsNames(layout.monitorList),
      ...(clock && { clock, later: { startTimer: clock.startTimer, failed } }),
    });
  }

  *load(): Iterable<MonitorRecord> {
    const { monitorList } = this.#layout;
    // A killed process may have renamed files without a sync: records that are read must be
    // durable.
    if (trySyncDirectory(this.#fs, monitorList, this.#log)) this.#commit.markSynced();
    const entries = entriesOf(this.#fs, monitorList);
    removeLeftOvers(this.#fs, monitorList, this.#log, entries, { isAlone: true });
    const learn = this.#files.learner();
    const unread = (name: string) => {
      this.#unread.add(name);
      this.#files.note(name); // it is named after its peer, in some letter case
    };
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

  isUnread(monName: string): boolean {
    if (this.#unread.size === 0) return false;
    return [monName, ...this.otherNames(monName)].some((name) => this.#unread.has(name));
  }

  *loadUnread(
    wanted: (record: MonitorRecord) => boolean,
  ): Iterable<readonly MonitorRecord[]> {
    const learn = this.#files.learner(false);
    for (const name of [...this.#unread]) {
      const records = this.#readAgain(name);
      const isRead = records?.every(wanted) === true;
      if (isRead) this.#unread.delete(name);
      for (const { monName } of isRead ? records : []) learn(monName, name);
      yield isRead ? records : [];
    }
  }

  /** Records of a file that could not be read before, none if it is gone; undefined if it still cannot be. */
  #readAgain(name: string): readonly MonitorRecord[] | undefined {
    try {
      const text = this.#fs.readOwn(`${this.#layout.monitorList}/${name}`, FILE_MAX_BYTES + 1);
      const isTooLong = text !== undefined && text.length > FILE_MAX_BYTES;
      return isTooLong ? [] : recordsIn(text ?? "").records;
    } catch {
      return undefined; // logged at the start
    }
  }

  otherNames(monName: string): readonly string[] {
    return this.#files.othersOf(monName);
  }

  dropped(monNames: Iterable<string>): void {
    if (this.#files.isFull) this.#forgetMoved();
    for (const monName of monNames) this.#files.note(monName);
  }

  /** Forgets files of dropped records that sm-notify has moved away since. */
  #forgetMoved(): void {
    try {
      const there = entriesOf(this.#fs, this.#layout.monitorList);
      this.#files.retain(new Set(there.map(({ name }) => name)));
    } catch {
      // Entries of files that are not there only take memory.
    }
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
    await this.#changing([record], () => {
      const home = this.#homeOf(replaced, files);
      const inPlace = this.#commit.change(home, (text) => {
        this.#emptied.delete(home);
        return withRecord(text, record);
      });
      // Other files can hold only copies, which have to be removed together.
      const others = files.filter((name) => name !== home);
      if (others.length === 0) return inPlace;
      return settleAll([inPlace, ...others.map((name) => this.#removeFrom(name, [record]))]);
    });
  }

  async remove(
    records: readonly MonitorRecord[],
    isKept?: (record: MonitorRecord) => boolean,
  ): Promise<void> {
    const byFile = new Map<string, MonitorRecord[]>();
    for (const record of records) {
      // The file of that very name is included: nothing is tracked about a peer whose records are
      // all there.
      for (const name of new Set([...this.#files.begin(record.monName), record.monName])) {
        if (fileNameFault(name) !== undefined) continue;
        const own = byFile.get(name);
        if (own === undefined) byFile.set(name, [record]);
        else own.push(record);
      }
    }
    await this.#changing(
      records,
      () => settleAll([...byFile].map((own) => this.#removeFrom(...own, isKept))),
    );
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

  /** Makes a change that was begun for the peers of some records. */
  async #changing(records: readonly MonitorRecord[], change: () => Promise<void>): Promise<void> {
    let isDone = false;
    try {
      await change();
      isDone = true;
    } finally {
      for (const { monName } of records) this.#files.end(monName, this.#emptied, isDone);
      if (this.#emptied.size === 0) this.#emptied = new Set();
    }
  }

  #removeFrom(
    name: string,
    records: readonly MonitorRecord[],
    isKept?: (record: MonitorRecord) => boolean,
  ): Promise<void> {
    return this.#commit.change(name, (text) => {
      const after = withoutRegistrations(text, records, isKept);
      if (after === undefined) this.#emptied.add(name);
      return after;
    });
  }

  /**
   * File in which a record is replaced atomically: the one that has it, else one that has a copy of
   * another priv or spelling. Beside an unreadable file nothing is changed, since it may be that one.
   *
   * @throws {StoreError} When a file cannot be read.
   */
  #homeOf(record: MonitorRecord, files: readonly string[]): string {
    const first = files[0]!;
    if (files.length === 1) return first;
    const key = registrationKey(record);
    const copies = files.map((name) => ({
      name,
      records: this.#recordsIn(name).filter((other) => registrationKey(other) === key),
    }));
    const home = copies.find(({ records }) => records.some((other) => isSame(other, record))) ??
      copies.find(({ records }) => records.length > 0);
    return home?.name ?? first;
  }

  /**
   * Records of a file.
   *
   * @throws {StoreError} When it cannot be read.
   */
  #recordsIn(name: string): readonly MonitorRecord[] {
    const path = `${this.#layout.monitorList}/${name}`;
    try {
      return recordsIn(readText(this.#fs, path) ?? "").records;
    } catch (error) {
      throw new StoreError("read", path, error);
    }
  }
}

/**
 * Awaits all promises, so that no change continues after a failure; then rejects with the first
 * failure.
 */
async function settleAll(promises: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(promises);
  for (const result of results) {
    if (result.status === "rejected") throw result.reason;
  }
}
