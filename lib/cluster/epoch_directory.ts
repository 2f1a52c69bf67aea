/**
 * Epochs in a ledger directory: creation by compare-and-swap, and the present epoch.
 * directory_ledger.ts has the layout.
 *
 * The swap is rename(2): an epoch is created aside with its contents, and renamed to `epoch.N`, one
 * more than the highest. The rename fails if another node was first, since a directory cannot
 * replace a non-empty one. No locks are needed, which network file systems forget when a server
 * restarts, and which dead nodes leave behind.
 *
 * The ledger directory itself is never created. If its file system is not mounted it is missing,
 * and a new one would be empty: no peer would be told.
 */

import { asciiJson, quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { LedgerError, type Ownership, SupersededError } from "./ledger.ts";
import { parseOwnership } from "./ownership.ts";

/** File operations of a ledger; each may hang forever. */
export interface LedgerFiles {
  names(directory: string): Promise<string[]>;
  /** Undefined if there is no file. */
  read(path: string): Promise<string | undefined>;
  /** Fails if there is no file. */
  append(path: string, text: string): Promise<void>;
  write(path: string, text: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** Fails if the target is a non-empty directory. */
  rename(from: string, to: string): Promise<void>;
  removeTree(path: string): Promise<void>;
  sync(path: string): Promise<void>;
}

const EPOCH = /^epoch\.([1-9]\d{0,14})$/;
const NEW_PREFIX = ".new.";
const OLD_PREFIX = ".old.";

export class EpochDirectory {
  constructor(
    readonly path: string,
    readonly files: LedgerFiles,
    /** Generates a unique text, for names of new and removed epochs. */
    readonly randomName: () => string,
  ) {}

  /** All epochs, highest first. */
  async epochs(): Promise<number[]> {
    return epochsIn(await this.files.names(this.path));
  }

  /**
   * Epochs before the given one, oldest first.
   *
   * @throws {SupersededError} When a higher epoch exists.
   * @throws {LedgerError} When the given epoch is gone.
   */
  async olderThan({ epoch }: Ownership): Promise<number[]> {
    const [highest = 0, ...older] = await this.epochs();
    if (highest > epoch) {
      throw new SupersededError(await this.ownerOf(highest).catch(() => undefined));
    }
    if (highest === epoch) return older.reverse();
    throw new LedgerError(
      `epoch ${epoch} is gone from ${quote(this.path)}; is its file system mounted?`,
    );
  }

  /** Checks that an epoch is the highest, and not released. @throws {SupersededError} */
  async requireHeld(own: Ownership): Promise<void> {
    await this.olderThan(own);
    const owner = await this.ownerOf(own.epoch);
    if (owner.isReleased) throw new SupersededError(owner);
  }

  /** Present or last owner; undefined if there was none yet. */
  async owner(): Promise<Ownership | undefined> {
    let before: number | undefined;
    for (;;) {
      const [highest] = await this.epochs();
      if (highest === undefined) return undefined;
      try {
        return await this.ownerOf(highest);
      } catch (error) {
        if (highest === before) throw error; // not because it was superseded, and removed
        before = highest;
      }
    }
  }

  /** Owner of an epoch. @throws {LedgerError} When its file is invalid. */
  async ownerOf(epoch: number): Promise<Ownership> {
    const path = `${this.#pathOf(epoch)}/owner`;
    const own = parseOwnership(await this.files.read(path) ?? "");
    if (own?.epoch === epoch) return own;
    throw new LedgerError(`${quote(path)} does not say which node created the epoch`);
  }

  journalOf(epoch: number): string {
    return `${this.#pathOf(epoch)}/journal`;
  }

  /** Creates the next epoch with an empty journal; false if another node was first. */
  async make(own: Ownership): Promise<boolean> {
    const { files } = this;
    const aside = `${NEW_PREFIX}${this.randomName()}`;
    const path = `${this.path}/${aside}`;
    await files.makeDirectory(path);
    try {
      for (const [name, text] of [["owner", ownerText(own)], ["journal", ""]] as const) {
        await files.write(`${path}/${name}`, text);
        await files.sync(`${path}/${name}`);
      }
      await files.sync(path);
      await files.rename(path, this.#pathOf(own.epoch));
    } catch (error) {
      // Another node was first, and may have tidied up.
      const names = await files.names(this.path);
      const [highest = 0] = epochsIn(names);
      if (highest >= own.epoch || !names.includes(aside)) return false;
      // On a full disk each attempt would leave one.
      await files.removeTree(path).catch(() => {});
      throw error;
    }
    await files.sync(this.path);
    // The epoch may have been superseded, settled and removed meanwhile.
    const [highest] = await this.epochs();
    return highest === own.epoch;
  }

  /** Marks an epoch as released. */
  async release(own: Ownership): Promise<void> {
    await this.replace(own.epoch, "owner", ownerText({ ...own, isReleased: true }));
  }

  /** Replaces a file of an epoch atomically. */
  async replace(epoch: number, name: "owner" | "journal", text: string): Promise<void> {
    const { files } = this;
    const directory = this.#pathOf(epoch);
    const aside = `${directory}/.${name}.new`;
    try {
      await files.write(aside, text);
      await files.sync(aside);
      await files.rename(aside, `${directory}/${name}`);
    } catch (error) {
      // On a full disk it would take the rest of the space.
      await files.removeTree(aside).catch(() => {});
      throw error;
    }
    await files.sync(directory);
  }

  /** Removes an epoch without pending peers. */
  async remove(epoch: number): Promise<void> {
    await this.#removeTree(this.#pathOf(epoch));
  }

  /** Removes the remains of crashes. A node that is creating an epoch right now retries. */
  async tidy(): Promise<void> {
    for (const name of await this.files.names(this.path)) {
      const path = `${this.path}/${name}`;
      if (name.startsWith(NEW_PREFIX)) await this.#removeTree(path).catch(() => {});
      if (name.startsWith(OLD_PREFIX)) await this.files.removeTree(path).catch(() => {});
    }
  }

  /** Removes a directory, durably renamed first, so that no node finds or renames a part of it. */
  async #removeTree(path: string): Promise<void> {
    const { files } = this;
    const old = `${this.path}/${OLD_PREFIX}${this.randomName()}`;
    await files.rename(path, old);
    await files.sync(this.path);
    await files.removeTree(old);
  }

  /** Runs an action, and adds the ledger's path to its error. */
  async guarded<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      if (error instanceof SupersededError || error instanceof LedgerError) throw error;
      const reason = `the ledger ${quote(this.path)}: ${reasonOf(error)}`;
      throw new LedgerError(reason, { cause: error });
    }
  }

  #pathOf(epoch: number): string {
    return `${this.path}/epoch.${epoch}`;
  }
}

/** Epochs among the names of a ledger directory, highest first. */
function epochsIn(names: readonly string[]): number[] {
  return names.flatMap((name) => {
    const [, number] = EPOCH.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  }).sort((a, b) => b - a);
}

function ownerText(own: Ownership): string {
  return `${asciiJson(own)}\n`;
}
