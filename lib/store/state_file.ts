/**
 * File `state`: the NSM state number as 4 bytes, signed, in host byte order. Further bytes are
 * ignored. A missing or shorter file, such as Debian's empty one, is initialised like a new host's.
 * Otherwise only {@link StateFile.advance} writes it.
 *
 * The file `.state` is our own copy, in decimal. Packages of nfs-utils ship an empty `state`, which
 * resets the number at each upgrade, and peers ignore a number that they know already. So a `state`
 * behind the copy is raised to the copy. Both wrap; they are compared as serial numbers (RFC 1982).
 *
 * Source: files written and read by nfs-utils 2.6.2.
 */

import { basename } from "@std/path/basename";
import type { Log } from "../log.ts";
import { StoreError } from "../nsm/ports.ts";
import { INITIAL_STATE_NUMBER, nextStateNumber, upStateNumber } from "../nsm/state_number.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { replaceFile } from "./atomic_file.ts";
import type { FileSystem } from "./file_system.ts";
import { isOurAsideName, type Layout, STATE_FILE } from "./layout.ts";
import { entriesOf, removeLeftOvers } from "./record_directory.ts";

/** Length of the number. */
export const STATE_BYTES = 4;
const STATE_MODE = 0o644;
const COPY_MODE = 0o644;
const COPY_MAX_BYTES = 16;
/** Suffix for renaming something that is no regular file. */
const DAMAGED_SUFFIX = ".damaged";

export class StateFile {
  #lastRead: number | undefined;
  #hasCopyFailed = false;
  #hasRaiseFailed = false;

  constructor(readonly fs: FileSystem, readonly layout: Layout, readonly log: Log) {}

  /**
   * State number now, made odd; the file keeps an even one. If the file is missing since the last
   * read, it is written again, as the number must not decrease. It is read on every call, since
   * another process may have advanced it: a read takes 5 µs, and checking the modification time
   * first would take 2 µs.
   *
   * @throws {StoreError} When the file cannot be read or, without a number, not written.
   */
  read(): number {
    const stored = this.#stored();
    if (stored !== undefined && upStateNumber(stored) === this.#lastRead) return this.#lastRead;
    const copied = this.#copy();
    const number = latest(stored, latest(copied, this.#lastRead));
    if (number === undefined) return this.#initialise();
    if (stored === undefined || upStateNumber(stored) !== number) this.#raise(number);
    else if (copied !== number) this.#writeCopy(number);
    return this.#lastRead = number;
  }

  /**
   * Advances to the next odd number, durably, and returns it. A crash leaves the old or the new
   * number. Two processes must not call it concurrently.
   *
   * @throws {StoreError}
   */
  advance(): number {
    const stored = this.#stored();
    const number = latest(stored, this.#copy());
    if (number === undefined) return this.#initialise();
    if (stored === undefined || upStateNumber(stored) !== number) this.#tellRaise(stored, number);
    return this.#lastRead = this.#write(nextStateNumber(number));
  }

  /** Number that {@link advance} would give, without changing anything. @throws {StoreError} */
  next(): number {
    const { fs, layout: { state } } = this;
    let stored: number | undefined;
    try {
      stored = storedNumber(fs.read(state, STATE_BYTES));
    } catch (error) {
      if (fs.facts(state)?.isFile !== false) throw new StoreError("read", state, error);
    }
    const number = latest(stored, this.#copy());
    return number === undefined ? INITIAL_STATE_NUMBER : nextStateNumber(number);
  }

  #stored(): number | undefined {
    const { fs, layout } = this;
    try {
      return storedNumber(fs.read(layout.state, STATE_BYTES));
    } catch (error) {
      this.#putAside(error);
      return undefined;
    }
  }

  /** Renames something that can never hold a number, if permitted. */
  #putAside(reason: unknown): void {
    const { fs, layout: { state }, log } = this;
    if (fs.facts(state)?.isFile !== false) throw new StoreError("read", state, reason);
    try {
      fs.rename(state, `${state}${DAMAGED_SUFFIX}`);
    } catch {
      throw new StoreError("read", state, reason);
    }
    const aside = `${STATE_FILE}${DAMAGED_SUFFIX}`;
    log.warning(`Renamed ${quote(state)} to ${quote(aside)}: ${reasonOf(reason)}`);
  }

  /** Number in our copy; undefined if there is none. */
  #copy(): number | undefined {
    const { fs, layout: { stateCopy }, log } = this;
    try {
      const text = fs.readOwn(stateCopy, COPY_MAX_BYTES) ?? "";
      const number = /^-?\d{1,10}\n$/.test(text) ? Number(text) | 0 : undefined;
      return number === undefined ? undefined : upStateNumber(number);
    } catch (error) {
      if (!this.#hasCopyFailed) log.warning(`Cannot read ${quote(stateCopy)}: ${reasonOf(error)}`);
      this.#hasCopyFailed = true;
      return undefined;
    }
  }

  /** Writes the copy. A failure matters only if the file `state` is lost too. */
  #writeCopy(number: number): void {
    const { fs, layout: { directory, stateCopy }, log } = this;
    try {
      replaceFile(fs, directory, basename(stateCopy), `${number}\n`, COPY_MODE);
    } catch (error) {
      log.debug(() => reasonOf(error));
    }
  }

  /** Writes a number that only the copy has. After a failure the number is still valid. */
  #raise(number: number): void {
    // Another process may have advanced both files between the two reads.
    const stored = this.#stored();
    if (stored !== undefined && upStateNumber(stored) === number) return;
    try {
      this.#write(number);
      this.#tellRaise(stored, number);
    } catch (error) {
      if (!this.#hasRaiseFailed) this.log.warning(reasonOf(error));
      this.#hasRaiseFailed = true;
    }
  }

  #tellRaise(stored: number | undefined, number: number): void {
    const what = stored === undefined ? "it no longer had a number" : `it had ${stored}`;
    this.log.warning(
      `Raised the state number in ${
        quote(this.layout.state)
      }: ${what}, and ${number} was used before`,
    );
  }

  #initialise(): number {
    this.log.notice("Initializing NSM state");
    return this.#lastRead = this.#write(INITIAL_STATE_NUMBER);
  }

  #write(number: number): number {
    const { fs, layout: { directory } } = this;
    const text = String.fromCharCode(...new Uint8Array(Int32Array.of(number).buffer));
    try {
      this.#removeLeftOvers();
      replaceFile(fs, directory, STATE_FILE, text, STATE_MODE);
    } catch (error) {
      if (!this.#writeOver(text)) throw error;
    }
    this.#writeCopy(number);
    return number;
  }

  #removeLeftOvers(): void {
    const { fs, layout: { directory }, log } = this;
    const ours = entriesOf(fs, directory).filter(({ name }) => isOurAsideName(name));
    removeLeftOvers(fs, directory, log, ours);
  }

  /**
   * Overwrites the number in place, if no file can be created or renamed (full disk, or a security
   * policy). False if that fails too, or if the file has the number already and only its name may
   * not be durable.
   */
  #writeOver(text: string): boolean {
    const { fs, layout: { state } } = this;
    try {
      if (fs.readOwn(state, STATE_BYTES) === text) return false;
      fs.overwrite(state, text);
      return true;
    } catch {
      return false; // the error of the replacement is reported instead
    }
  }
}

/**
 * Later one of two numbers, made odd. A number that equals the copy with its bytes swapped was
 * written by a machine of the other byte order, and is not later.
 */
function latest(stored: number | undefined, copied: number | undefined): number | undefined {
  const number = stored === undefined ? undefined : upStateNumber(stored);
  if (number === undefined || copied === undefined) return number ?? copied;
  const isBefore = ((number - copied) | 0) < 0;
  return isBefore || swapped(stored!) === copied ? copied : number;
}

function swapped(number: number): number {
  const view = new DataView(new ArrayBuffer(STATE_BYTES));
  view.setInt32(0, number);
  return view.getInt32(0, true);
}

/** Number in the file's text; undefined if there is none. Typed arrays use host byte order. */
export function storedNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length < STATE_BYTES) return undefined;
  const bytes = Uint8Array.from(text.slice(0, STATE_BYTES), (byte) => byte.charCodeAt(0));
  return new Int32Array(bytes.buffer)[0];
}
