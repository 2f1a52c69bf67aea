/**
 * Simulated process, with the clock and the files of its world until it is killed. Its promises may
 * continue afterwards, without effect.
 */

import type { FileSystem, NewFile, Syncable } from "../../lib/store/file_system.ts";
import type { HeldLock, LockOfLife, LockState } from "../../lib/platform/run_once.ts";
import type { LockableFile } from "../../lib/store/notify_run.ts";
import type { Clock } from "../../lib/time/clock.ts";
import { TURN_MS } from "../support/fake_clock.ts";
import { type FragileDisk, PowerCut } from "../support/fragile_disk.ts";
import type { Agenda } from "./agenda.ts";

export class Process {
  isDead = false;
  /** True if the process did not exit by itself. */
  wasKilled = false;
  /** Number of disk changes until the process is killed. */
  changesLeft = Infinity;
  /** Number of open files and directories. */
  open = 0;
  readonly #ended = Promise.withResolvers<void>();
  readonly #timers = new Set<() => void>();
  readonly clock: Clock;

  constructor(
    readonly name: string,
    readonly agenda: Agenda,
    /** Called when the process ends. */
    readonly onEnd: (ended: Process) => void,
    /** Called for each uncaught error. */
    readonly uncaught: (error: unknown) => void,
    wallClock: () => number,
  ) {
    this.clock = {
      now: () => agenda.now,
      wallClock,
      startTimer: (ms, action) => this.#startTimer(ms, action),
      afterTurn: (action) => void this.#startTimer(TURN_MS, action),
    };
  }

  /** Number of timers set. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Ends the process, by a kill or an exit. */
  end(): void {
    if (this.isDead) return;
    this.isDead = true;
    for (const cancel of this.#timers) cancel();
    this.onEnd(this);
    this.#ended.resolve();
  }

  /** Resolves when the process has ended. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Promise of an external event; a dead process never gets it. */
  receive<T>(ms: number, make: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.agenda.after(ms, () => {
        if (this.isDead) return;
        try {
          resolve(make());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  /** Files of a disk as seen by this process. */
  files(disk: FragileDisk): FileSystem {
    const guarded = <T>(action: () => T, changes = 0): T => {
      if (this.isDead) throw new PowerCut();
      this.changesLeft -= changes;
      if (this.changesLeft < 0) {
        this.wasKilled = true;
        this.end();
        throw new PowerCut();
      }
      try {
        return action();
      } catch (error) {
        if (error instanceof PowerCut) this.end();
        throw error;
      }
    };
    const opened = (file: Syncable): Syncable => {
      this.open++;
      let isOpen = true;
      return {
        sync: () => guarded(() => file.sync(), 1),
        close: () => {
          if (isOpen) this.open--;
          isOpen = false;
          file.close();
        },
      };
    };
    const newFile = (file: NewFile): NewFile => ({
      ...opened(file),
      startSync: () => file.startSync(),
      syncWithName: () => guarded(() => file.syncWithName(), 1),
      write: (text) => guarded(() => file.write(text), 1),
    });
    return {
      list: (directory) => guarded(() => disk.list(directory)),
      facts: (path) => guarded(() => disk.facts(path)),
      read: (path, max) => guarded(() => disk.read(path, max)),
      readOwn: (path, max) => guarded(() => disk.readOwn(path, max)),
      keep: (path, max) => ({ read: () => guarded(() => disk.read(path, max)) }),
      follow: (path) => {
        const file = guarded(() => disk.follow(path));
        if (file === undefined) return undefined;
        return { next: (max) => guarded(() => file.next(max)), close: () => file.close() };
      },
      create: (path, mode) => newFile(guarded(() => disk.create(path, mode), 1)),
      reuse: (path, mode) => {
        const file = guarded(() => disk.reuse(path, mode));
        return file === undefined ? undefined : newFile(file);
      },
      append: (path, text, mode) => guarded(() => disk.append(path, text, mode), 1),
      overwrite: (path, text) => guarded(() => disk.overwrite(path, text), 1),
      rename: (from, to) => guarded(() => disk.rename(from, to), 1),
      remove: (path) => guarded(() => disk.remove(path), 1),
      openDirectory: (path) => opened(guarded(() => disk.openDirectory(path))),
      openFile: (path) => {
        const file = guarded(() => disk.openFile(path));
        return file === undefined ? undefined : opened(file);
      },
      syncsNames: () => disk.syncsNames(),
    };
  }

  #startTimer(ms: number, action: () => void): () => void {
    if (this.isDead) return () => {};
    const calledOff = this.agenda.after(ms, () => {
      this.#timers.delete(cancel);
      try {
        action();
      } catch (error) {
        this.uncaught(error);
      }
    });
    const cancel = () => {
      this.#timers.delete(cancel);
      calledOff();
    };
    this.#timers.add(cancel);
    return cancel;
  }
}

/** File locks, released with the process that holds them. */
export class FileLocks {
  readonly #holders = new Map<string, Process>();

  /** Opens a file for locking, on behalf of a process. */
  openFor(process: Process): (path: string) => LockableFile {
    return (path) => {
      const close = () => {
        if (this.#holders.get(path) === process) this.#holders.delete(path);
      };
      return {
        tryLock: () => {
          const holder = this.#holders.get(path);
          if (holder !== undefined && holder !== process && !holder.isDead) return false;
          this.#holders.set(path, process);
          return true;
        },
        [Symbol.dispose]: close,
      };
    };
  }
}

/** Run-once lock of a boot, in /run, which no fault of the disk concerns. */
export class RunOnceLock {
  #run: { isFinished: boolean; holder?: Process } | undefined;

  /** The lock as seen by a process. */
  lockFor(process: Process): LockOfLife {
    return {
      look: () => this.#look(),
      take: (isFinished) => {
        if (!process.isDead) this.#run = { isFinished };
        return undefined;
      },
      hold: () => this.#hold(process),
    };
  }

  #look(): LockState {
    const run = this.#run;
    if (run === undefined) return { kind: "free" };
    const isHeld = run.holder?.isDead === false;
    const how = run.isFinished ? "finished" : isHeld ? "goingOn" : "cutShort";
    return { kind: "taken", since: undefined, run: how };
  }

  #hold(process: Process): HeldLock | undefined {
    const run = this.#run;
    if (run === undefined || run.isFinished) return undefined;
    run.holder = process;
    return {
      finish() {
        if (!process.isDead) run.isFinished = true;
        return undefined;
      },
    };
  }
}
