/**
 * What sm-notify remembers of a run until it has ended, so that one that was killed is carried on with
 * the same state number instead of a new one: the file `sm.bak/.run`, which nfs-utils skips.
 *
 * One line: the state number in decimal, a blank, and the life of the host (its boot id and whatever
 * tells apart lives that share one). While the run goes on its process has the file locked.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";
import { INITIAL_STATE_NUMBER, nextStateNumber } from "../nsm/state_number.ts";
import { quote } from "../quote.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { layoutOf } from "./layout.ts";
import { STATE_BYTES, storedNumber } from "./state_file.ts";

const RUN_FILE = ".run";
const RUN_MODE = 0o600;
const RUN_MAX_BYTES = 512;

/** An open file that can be locked as a whole. */
export type LockableFile = Pick<Deno.FsFile, "tryLockSync" | "close" | typeof Symbol.dispose>;

/** What a run is noted with; the machine's own files, unless a test puts others in their place. */
export interface NotifyRunParts {
  readonly fileSystem?: FileSystem;
  readonly openToLock?: (path: string) => LockableFile;
}

export class NotifyRun {
  readonly #fs: FileSystem;
  readonly #openToLock: (path: string) => LockableFile;
  readonly #directory: string;
  readonly #path: string;
  readonly #statePath: string;
  readonly #monitorList: string;
  readonly #life: string;
  readonly #log: Log;
  #file: LockableFile | undefined;

  /** `life` is a text of one line. */
  constructor(stateDirectory: string, life: string, log: Log, parts: NotifyRunParts = {}) {
    this.#fs = parts.fileSystem ?? new RealFileSystem();
    this.#openToLock = parts.openToLock ?? Deno.openSync;
    const { notifyList, state, monitorList } = layoutOf(stateDirectory);
    this.#directory = notifyList;
    this.#path = join(notifyList, RUN_FILE);
    this.#statePath = state;
    this.#monitorList = monitorList;
    this.#life = life;
    this.#log = log;
  }

  /** The state number of a run of this life that has not come to its end; undefined without one. */
  get unfinished(): number | undefined {
    try {
      const text = this.#fs.read(this.#path, RUN_MAX_BYTES) ?? "";
      const [, number, life] = /^(-?\d+) (.*)\n$/.exec(text) ?? [];
      return number !== undefined && life === this.#life ? Number(number) | 0 : undefined;
    } catch (error) {
      this.#log.warning(`Cannot read ${quote(this.#path)}: ${reasonOf(error)}`);
      return undefined;
    }
  }

  /** Whether a process is at it. */
  get isGoingOn(): boolean {
    try {
      using file = this.#open();
      return !file.tryLockSync(false);
    } catch {
      return false; // not there, or not ours to open
    }
  }

  /** Whether anybody was monitored since the last run. */
  get hasNewPeers(): boolean {
    try {
      for (const { name, isFile } of this.#fs.list(this.#monitorList)) {
        if (isFile && !name.startsWith(".")) return true;
      }
    } catch {
      // retire() reports a directory that cannot be read
    }
    return false;
  }

  /** What the state number is going to be when it is advanced. */
  get nextStateNumber(): number {
    const stored = storedNumber(this.#fs.read(this.#statePath, STATE_BYTES));
    return stored === undefined ? INITIAL_STATE_NUMBER : nextStateNumber(stored);
  }

  /** Notes a run before the state number is advanced to this. @throws {StoreError} */
  begin(stateNumber: number): void {
    const line = `${stateNumber} ${this.#life}\n`;
    replaceFile(this.#fs, this.#directory, RUN_FILE, line, RUN_MODE);
  }

  /** Shows others that this process is at it, until it ends. */
  hold(): void {
    try {
      this.#file = this.#open();
      this.#file.tryLockSync(true);
    } catch {
      // none was begun: the state number was not advanced
    }
  }

  /** Notes that the run has come to its end. */
  finish(): void {
    try {
      this.#file?.close();
      this.#fs.remove(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#log.warning(`Cannot remove ${quote(this.#path)}: ${reasonOf(error)}`);
    }
  }

  /** Opens the file; not a pipe in its place, which would keep root waiting for ever. */
  #open(): LockableFile {
    if (!this.#fs.facts(this.#path)?.isFile) throw new Error("it is not a regular file");
    return this.#openToLock(this.#path);
  }
}
