/**
 * What sm-notify remembers of a run until it has ended, so that one that was killed is carried on with
 * the same state number instead of a new one: the file `sm.bak/.run`, which nfs-utils skips.
 *
 * One line: the state number in decimal, a blank, and the life of the host (its boot id and whatever
 * tells apart lives that share one). While the run goes on its process has the file locked.
 */

import { join } from "@std/path/join";
import type { Log } from "../log.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { RegularFile } from "../platform/regular_file.ts";
import { sleep, type StartTimer } from "../time/clock.ts";
import { reasonOf } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { type Layout, layoutOf } from "./layout.ts";
import { StateFile } from "./state_file.ts";

const RUN_FILE = ".run";
/** Locked by whoever starts a run. */
const START_FILE = ".start";
/** Holds the life in which peers were told, where that cannot be noted in /run. */
const MARK_FILE = ".life";
/** How long another process that starts a run is waited for, and how often it is looked at, in ms. */
const START_MS = 10_000;
const START_PAUSE_MS = 50;
const RUN_MODE = 0o600;
const RUN_MAX_BYTES = 512;

/** An open file that can be locked as a whole. */
export interface LockableFile extends Disposable {
  /** Locks it until it is closed; whether nobody else has it locked. */
  tryLock(): boolean;
}

/** What a run is noted with; the machine's own files, unless a test puts others in their place. */
export interface NotifyRunParts {
  readonly fileSystem?: FileSystem;
  /** Opens a regular file, without following a link; undefined where there is none. */
  readonly openToLock?: (path: string) => LockableFile | undefined;
  readonly startTimer?: StartTimer;
  /** Does something as the owner of a directory. */
  readonly asOwner?: typeof asOwner;
}

/** How a run of this life ended. */
export type RunEnd =
  /** It came to its end, or there was none. */
  | { readonly kind: "none" }
  | { readonly kind: "goingOn" }
  | { readonly kind: "cutShort"; readonly stateNumber: number }
  /** Its note cannot be read. */
  | { readonly kind: "unknown" };

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
  /** What the run's file holds, and whether another process has that locked. */
  #note: string | undefined;
  #isShared = false;
  #isFaultTold = false;

  /** `life` is a text of one line; empty is unknown. */
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

  /** How the last run of this life ended. */
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
    // An unknown life may be another one.
    if (number === undefined || life === "" || life !== this.#life) return { kind: "none" };
    return { kind: "cutShort", stateNumber: Number(number) | 0 };
  }

  /** Whether a process is at it. */
  get isGoingOn(): boolean {
    try {
      using file = this.#open(this.#path);
      return file !== undefined && !file.tryLock();
    } catch {
      return false; // not ours to open, or no file: nobody of us holds it
    }
  }

  /** Whether anybody was monitored since the last run, as far as that can be told. */
  get hasNewPeers(): boolean {
    try {
      const { monitorList } = this.#layout;
      for (const { name, isFile } of this.#asOwner(monitorList, () => this.#fs.list(monitorList))) {
        if (isFile && !name.startsWith(".")) return true;
      }
      return false;
    } catch {
      return true; // a number too many does no harm
    }
  }

  /**
   * Keeps other processes from starting a run until the result is disposed of, so that each knows how
   * the one before has ended. Waits for a starting one, but not for ever.
   */
  async startAlone(): Promise<Disposable> {
    const path = join(this.#layout.notifyList, START_FILE);
    const pauses = Math.ceil(START_MS / START_PAUSE_MS);
    try {
      this.#own(() => this.#fs.append(path, "", RUN_MODE));
      const file = this.#open(path);
      for (let pause = 0; file !== undefined; pause++) {
        if (file.tryLock()) return file;
        if (pause === pauses) {
          this.#log.warning("Another sm-notify has been starting for too long; going on beside it");
          return file;
        }
        await sleep(this.#startTimer, START_PAUSE_MS);
      }
    } catch (error) {
      // Two at a time tell peers twice, which does no harm.
      this.#log.debug(() => `Cannot lock ${quote(path)}: ${reasonOf(error)}`);
    }
    return { [Symbol.dispose]() {} };
  }

  /** The state number that advancing would give. */
  get nextStateNumber(): number {
    const state = new StateFile(this.#fs, this.#layout, this.#log);
    return this.#asOwner(this.#layout.directory, () => state.next());
  }

  /** Notes a run before the state number is advanced to this. @throws {StoreError} */
  begin(stateNumber: number): void {
    this.#write(RUN_FILE, `${stateNumber} ${this.#life}\n`);
  }

  /** Takes away the note of an earlier run, so that it is not carried on. @throws {Error} */
  forget(): void {
    this.#own(() => this.#fs.remove(this.#path));
  }

  /** Marks the run as under way, for as long as this process lives. */
  hold(): void {
    try {
      this.#note = this.#read(this.#path);
      this.#file = this.#open(this.#path);
      this.#isShared = this.#file?.tryLock() === false;
    } catch {
      // none was begun: the state number was not advanced
    }
  }

  /**
   * True if no further run was under way at {@link hold} nor was begun since. Then a record that is gone was
   * taken away by hand, and not by a run that has told its peer from another address.
   */
  get isAlone(): boolean {
    try {
      return !this.#isShared && this.#read(this.#path) === this.#note;
    } catch {
      return false;
    }
  }

  /** Notes that the run has come to its end; the note of another one stays. */
  finish(): void {
    if (this.#note !== undefined && !this.isAlone) return;
    try {
      this.#file?.[Symbol.dispose]();
      this.#own(() => this.#fs.remove(this.#path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      this.#log.warning(`Cannot remove ${quote(this.#path)}: ${reasonOf(error)}`);
    }
  }

  /**
   * When peers were told in this life, where /run had no room for that; undefined where they were not.
   * An error counts as not told.
   */
  get markedAt(): Date | undefined {
    try {
      if (this.#life === "" || this.#read(this.#markPath) !== `${this.#life}\n`) return undefined;
      return new Date(this.#fs.facts(this.#markPath)?.modifiedAt ?? 0);
    } catch {
      return undefined;
    }
  }

  /** Notes in the state directory that peers are told in this life. @throws {StoreError} */
  mark(): void {
    this.#write(MARK_FILE, `${this.#life}\n`);
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
