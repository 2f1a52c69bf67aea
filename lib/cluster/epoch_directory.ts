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

import { reasonOf } from "../nsm/ports.ts";
import { asciiJson, quote } from "../quote.ts";
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
    const epochs: number[] = [];
    for (const name of await this.files.names(this.path)) {
      const [, number] = EPOCH.exec(name) ?? [];
      if (number !== undefined) epochs.push(Number(number));
    }
    return epochs.sort((a, b) => b - a);
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
    const aside = `${this.path}/${NEW_PREFIX}${this.randomName()}`;
    await files.makeDirectory(aside);
    for (const [name, text] of [["owner", ownerText(own)], ["journal", ""]] as const) {
      await files.write(`${aside}/${name}`, text);
      await files.sync(`${aside}/${name}`);
    }
    await files.sync(aside);
    try {
      await files.rename(aside, this.#pathOf(own.epoch));
    } catch (error) {
      const [highest = 0] = await this.epochs();
      if (highest < own.epoch) throw error; // not because another node was first
      return false;
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
    await files.write(aside, text);
    await files.sync(aside);
    await files.rename(aside, `${directory}/${name}`);
    await files.sync(directory);
  }

  /** Removes an epoch without pending peers. */
  async remove(epoch: number): Promise<void> {
    const old = `${this.path}/${OLD_PREFIX}${this.randomName()}`;
    await this.files.rename(this.#pathOf(epoch), old);
    await this.files.removeTree(old);
  }

  /** Removes the remains of crashes. A node that is creating an epoch right now retries. */
  async tidy(): Promise<void> {
    for (const name of await this.files.names(this.path)) {
      if (!name.startsWith(NEW_PREFIX) && !name.startsWith(OLD_PREFIX)) continue;
      await this.files.removeTree(`${this.path}/${name}`).catch(() => {});
    }
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

function ownerText(own: Ownership): string {
  return `${asciiJson(own)}\n`;
}
