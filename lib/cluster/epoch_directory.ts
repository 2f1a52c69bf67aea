/**
 * The epochs in the directory of a ledger: how one is made by compare-and-swap, and which is the present
 * one. directory_ledger.ts has the layout.
 *
 * The swap is rename(2): an epoch is made aside, with all that is in it, and named `epoch.N`, one more
 * than the highest. That fails where another node was first, since a directory does not take the place
 * of one that has files. It needs no locks, which network file systems forget when a server restarts, and
 * which a node that is dead may leave behind.
 *
 * The directory itself is never made. Where its file system is not mounted it is missing, and a new one
 * would be empty: nobody would be told.
 */

import { reasonOf } from "../nsm/ports.ts";
import { asciiJson, quote } from "../quote.ts";
import { LedgerError, type Ownership, SupersededError } from "./ledger.ts";
import { parseOwnership } from "./ownership.ts";

/** What a ledger does with files; every call may take for ever. */
export interface LedgerFiles {
  names(directory: string): Promise<string[]>;
  /** undefined where there is no file. */
  read(path: string): Promise<string | undefined>;
  /** Fails where there is no file. */
  append(path: string, text: string): Promise<void>;
  write(path: string, text: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** Fails where there is a directory with files. */
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
    /** A text that no other process has, for names of what is made or removed. */
    readonly randomName: () => string,
  ) {}

  /** All epochs, the highest first. */
  async epochs(): Promise<number[]> {
    const epochs: number[] = [];
    for (const name of await this.files.names(this.path)) {
      const [, number] = EPOCH.exec(name) ?? [];
      if (number !== undefined) epochs.push(Number(number));
    }
    return epochs.sort((a, b) => b - a);
  }

  /**
   * The epochs before this one, the oldest first.
   *
   * @throws {SupersededError} When it is not the present one any more.
   * @throws {LedgerError} When it is gone.
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

  /** Who has made an epoch. @throws {LedgerError} When its file does not tell. */
  async ownerOf(epoch: number): Promise<Ownership> {
    const path = `${this.#pathOf(epoch)}/owner`;
    const own = parseOwnership(await this.files.read(path) ?? "");
    if (own?.epoch === epoch) return own;
    throw new LedgerError(`${quote(path)} does not say who has made the epoch`);
  }

  journalOf(epoch: number): string {
    return `${this.#pathOf(epoch)}/journal`;
  }

  /** Makes an epoch, one more than the highest, with an empty journal; false where another node was first. */
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
    // The epoch that was the highest may have been taken over, told to its end and removed meanwhile.
    const [highest] = await this.epochs();
    return highest === own.epoch;
  }

  /** Has the holder of an epoch let go of it. */
  async release(own: Ownership): Promise<void> {
    await this.replace(own.epoch, "owner", ownerText({ ...own, isReleased: true }));
  }

  /** Replaces a file of an epoch; a crash leaves the old or the new one. */
  async replace(epoch: number, name: "owner" | "journal", text: string): Promise<void> {
    const { files } = this;
    const directory = this.#pathOf(epoch);
    const aside = `${directory}/.${name}.new`;
    await files.write(aside, text);
    await files.sync(aside);
    await files.rename(aside, `${directory}/${name}`);
    await files.sync(directory);
  }

  /** Removes an epoch of which nothing is left to be told. */
  async remove(epoch: number): Promise<void> {
    const old = `${this.path}/${OLD_PREFIX}${this.randomName()}`;
    await this.files.rename(this.#pathOf(epoch), old);
    await this.files.removeTree(old);
  }

  /** Removes what crashes have left. A node that is making an epoch right now begins again. */
  async tidy(): Promise<void> {
    for (const name of await this.files.names(this.path)) {
      if (!name.startsWith(NEW_PREFIX) && !name.startsWith(OLD_PREFIX)) continue;
      await this.files.removeTree(`${this.path}/${name}`).catch(() => {});
    }
  }

  /** Does something; a failure says which ledger it is about. */
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
