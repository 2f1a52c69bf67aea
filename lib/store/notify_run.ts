/**
 * Note of a run of sm-notify: the file `sm.bak/.run`, which nfs-utils skips. It lets a killed run
 * be resumed with its state number instead of a new one.
 *
 * Format: one line with the state number in decimal, a blank, and the life of the host (its boot
 * id, and what tells apart lives that share one). The process of the run holds a lock on the file.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { RegularFile } from "../platform/regular_file.ts";
import { lifeIn, textOfLife } from "../platform/run_once.ts";
import { sleep, type StartTimer } from "../time/clock.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { StateFile } from "./state_file.ts";

const RUN_FILE = ".run";
/** Lock of a starting run. */
const START_FILE = ".start";
/** Life in which peers were told, if /run is not writable; as `/run/sm-notify.boot`. */
const MARK_FILE = ".life";
/** Longest wait for another starting process, and its polling interval, in ms. */
const START_MS = 10_000;
const START_PAUSE_MS = 50;
const RUN_MODE = 0o600;
const RUN_MAX_BYTES = 512;

/** Open file with a whole-file lock. */
export interface LockableFile extends Disposable {
  /** Locks the file until it is closed; false if another process holds the lock. */
  tryLock(): boolean;
}

/** Dependencies of the note; tests replace the file system. */
export interface NotifyRunParts {
  readonly fileSystem?: FileSystem;
  /** Opens a regular file, without following a link; undefined if there is none. */
  readonly openToLock?: (path: string) => LockableFile | undefined;
  readonly startTimer?: StartTimer;
  /** Runs a function with the identity of a directory's owner. */
  readonly asOwner?: typeof asOwner;
}

/** End of the last run of this life. */
export type RunEnd =
  /** Completed, or there was none. */
  | { readonly kind: "none" }
  | { readonly kind: "goingOn" }
  | { readonly kind: "cutShort"; readonly stateNumber: number }
  /** The note is unreadable. */
  | { readonly kind: "unknown" };

/** Mark of a life in the state directory. */
export interface RunMark {
  readonly since: Date;
  readonly isFinished: boolean;
}

export class NotifyRun {
  readonly #fs: FileSystem;
  readonly #openToLock: (path: string) => LockableFile | undefined;
  readonly #startTimer: StartTimer;
  readonly #asOwner: typeof asOwner;
  readonly #layout: Layout;
  readonly #path: string;
  readonly #markPath: string;
  readonly #life: string;
  readonly #log: Log;
  #file: LockableFile | undefined;
  /** Contents of the run's file, and whether another process has it locked. */
  #note: string | undefined;
  #isShared = false;
  #isFaultTold = false;

  /** `life` is a one-line text; empty: unknown. */
  constructor(stateDirectory: string, life: string, log: Log, parts: NotifyRunParts = {}) {
    this.#fs = parts.fileSystem ?? new RealFileSystem();
    this.#openToLock = parts.openToLock ?? ((path) => RegularFile.openToRead(path));
    this.#startTimer = parts.startTimer ?? systemClock.startTimer;
    this.#asOwner = parts.asOwner ?? asOwner;
    this.#layout = layoutOf(stateDirectory);
    this.#path = join(this.#layout.notifyList, RUN_FILE);
    this.#markPath = join(this.#layout.notifyList, MARK_FILE);
    this.#life = life;
    this.#log = log;
  }

  /** End of the last run of this life. */
  end(): RunEnd {
    if (this.isGoingOn) return { kind: "goingOn" };
    let text: string;
    try {
      text = this.#read(this.#path);
    } catch (error) {
      if (!this.#isFaultTold) {
        this.#log.warning(`Cannot read ${quote(this.#path)}: ${reasonOf(error)}`);
      }
      this.#isFaultTold = true;
      return { kind: "unknown" };
    }
    const [, number, life] = /^(-?\d+) (.*)\n$/.exec(text) ?? [];
    // An unknown life may be a different one.
    if (number === undefined || life === "" || life !== this.#life) return { kind: "none" };
    return { kind: "cutShort", stateNumber: Number(number) | 0 };
  }

  /** Whether a process holds the note's lock. */
  get isGoingOn(): boolean {
    try {
      using file = this.#open(this.#path);
      return file !== undefined && !file.tryLock();
    } catch {
      return false; // not readable by us, or missing: no process of ours holds it
    }
  }

  /** Whether any peer was monitored since the last run; true if unknown. */
  get hasNewPeers(): boolean {
    try {
      const { monitorList } = this.#layout;
      for (const { name, isFile } of this.#asOwner(monitorList, () => this.#fs.list(monitorList))) {
        if (isFile && !name.startsWith(".")) return true;
      }
      return false;
    } catch {
      return true; // advancing the number once too often does no harm
    }
  }

  /**
   * Serialises the start of runs: no other run starts until the result is disposed of. Waits for a
   * starting one, up to a limit.
   */
  async startAlone(): Promise<Disposable> {
    const path = join(this.#layout.notifyList, START_FILE);
    const pauses = Math.ceil(START_MS / START_PAUSE_MS);
    try {
      this.#makeExist(path);
      const file = this.#open(path);
      for (let pause = 0; file !== undefined; pause++) {
        if (file.tryLock()) return file;
        if (pause === pauses) {
          this.#log.warning(
            "Another sm-notify has been starting for too long; continuing without waiting",
          );
          return file;
        }
        await sleep(this.#startTimer, START_PAUSE_MS);
      }
    } catch (error) {
      // Concurrent runs tell peers twice, which does no harm.
      this.#log.debug(() => `Cannot lock ${quote(path)}: ${reasonOf(error)}`);
    }
    return { [Symbol.dispose]() {} };
  }

  /** Creates a file for locking; one that an earlier run has left can be locked on any disk. */
  #makeExist(path: string): void {
    try {
      this.#own(() => this.#fs.append(path, "", RUN_MODE));
    } catch (error) {
      this.#log.debug(() => `Cannot create ${quote(path)}: ${reasonOf(error)}`);
    }
  }

  /** State number that advancing would give. */
  get nextStateNumber(): number {
    const state = new StateFile(this.#fs, this.#layout, this.#log);
    return this.#asOwner(this.#layout.directory, () => state.next());
  }

  /** Notes a run; call before advancing the state number to this. @throws {StoreError} */
  begin(stateNumber: number): void {
    const text = `${stateNumber} ${this.#life}\n`;
    try {
      this.#write(RUN_FILE, text);
    } catch (error) {
      // A full disk still has room in an earlier note, whose absence would end this boot's runs.
      if (!this.#writeOver(text)) throw error;
    }
  }

  #writeOver(text: string): boolean {
    try {
      this.#own(() => this.#fs.overwrite(this.#path, text));
      return true;
    } catch {
      return false; // the error of the replacement is reported instead
    }
  }

  /** Removes the note of an earlier run, so that it is not resumed. @throws {Error} */
  forget(): void {
    this.#own(() => this.#fs.remove(this.#path));
  }

  /** Locks the note for the life of this process; an empty one where it could not be written. */
  hold(): void {
    // Without a file to lock, no process could see this run: a full disk has room for an empty
    // file.
    this.#makeExist(this.#path);
    try {
      // Locked first: another start then waits for this run even if the note cannot be read now.
      this.#file = this.#open(this.#path);
      this.#isShared = this.#file?.tryLock() === false;
      this.#note = this.#read(this.#path);
    } catch {
      // no note: the state number was not advanced
    }
  }

  /**
   * True if no other run existed at {@link hold} or has begun since. A record that disappears was
   * then removed by an operator, not by a run that told its peer from another address.
   */
  get isAlone(): boolean {
    try {
      return !this.#isShared && this.#read(this.#path) === this.#note;
    } catch {
      return false;
    }
  }

  /** Notes the completion of the run; the note of another run stays. */
  finish(): void {
    if (this.#note !== undefined && !this.isAlone) return;
    try {
      if (this.marked?.isFinished === false) this.mark(true);
    } catch (error) {
      this.#log.warning(`A later start tells the peers again: ${reasonOf(error)}`);
    }
    try {
      this.#file?.[Symbol.dispose]();
      this.#own(() => this.#fs.remove(this.#path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#log.warning(`Cannot remove ${quote(this.#path)}: ${reasonOf(error)}`);
    }
  }

  /** Mark of this life in the state directory; undefined if there is none, or on an error. */
  get marked(): RunMark | undefined {
    try {
      const { life, isFinished } = lifeIn(this.#read(this.#markPath) ?? "");
      if (this.#life === "" || life !== this.#life) return undefined;
      return { since: new Date(this.#fs.facts(this.#markPath)?.modifiedAt ?? 0), isFinished };
    } catch {
      return undefined;
    }
  }

  /** Notes in the state directory that peers are told in this life. @throws {StoreError} */
  mark(isFinished: boolean): void {
    this.#write(MARK_FILE, textOfLife({ life: this.#life, isFinished }));
  }

  #own<T>(action: () => T): T {
    return this.#asOwner(this.#layout.notifyList, action);
  }

  #open(path: string): LockableFile | undefined {
    return this.#own(() => this.#openToLock(path));
  }

  #read(path: string): string {
    return this.#own(() => this.#fs.readOwn(path, RUN_MAX_BYTES)) ?? "";
  }

  #write(name: string, text: string): void {
    const { notifyList } = this.#layout;
    this.#own(() => replaceFile(this.#fs, notifyList, name, text, RUN_MODE));
  }
}
