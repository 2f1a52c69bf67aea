/**
 * The file `state`: the NSM state number as 4 bytes in host byte order, signed. Bytes behind them are
 * ignored. A missing or shorter file, such as the empty one that Debian ships, is written with the
 * number of a new host; apart from that only {@link StateFile.advance} writes it.
 *
 * The file `.state` beside it is our own second copy, in decimal: packages of nfs-utils ship an empty
 * `state`, which resets the number at each upgrade, and peers ignore a number that they know already. A
 * number in `state` that comes before the copy's is raised to that. Both wrap, so that "before" is that of
 * serial numbers (RFC 1982).
 *
 * Source: files written and read by nfs-utils 2.6.2.
 */

import { basename } from "@std/path/basename";
import type { Log } from "../log.ts";
import { reasonOf, StoreError } from "../nsm/ports.ts";
import { INITIAL_STATE_NUMBER, nextStateNumber, upStateNumber } from "../nsm/state_number.ts";
import { quote } from "../quote.ts";
import { replaceFile } from "./atomic_file.ts";
import type { FileSystem } from "./file_system.ts";
import { isOurAsideName, type Layout, STATE_FILE } from "./layout.ts";
import { entriesOf, removeLeftOvers } from "./record_directory.ts";

/** Length of the number. */
export const STATE_BYTES = 4;
const STATE_MODE = 0o644;
const COPY_MODE = 0o644;
const COPY_MAX_BYTES = 16;
/** Suffix for the name of something that is no file. */
const DAMAGED_SUFFIX = ".damaged";

export class StateFile {
  #lastRead: number | undefined;
  #hasCopyFailed = false;
  #hasRaiseFailed = false;

  constructor(readonly fs: FileSystem, readonly layout: Layout, readonly log: Log) {}

  /**
   * The state number now, made odd; the file keeps an even one. Where the file has gone since it was
   * last read it is written again, as the number must not go back. It is read anew each time, since
   * another process may have advanced it: a read costs 5 µs, asking for the file's times first 2 µs.
   *
   * @throws {StoreError} When the file cannot be read or, where it has no number, written.
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
   * Makes the next odd number the state number, for good, and returns it. After a crash it is this one
   * or the one before. Two processes must not do that at one time.
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

  /** Result that {@link advance} would have; nothing is changed. @throws {StoreError} */
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

  /** Puts aside what can never hold a number, unless that is not ours to do. */
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

  /** Our copy; undefined where there is none. */
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

  /** Writes the copy. A failure loses the number only together with the file `state`. */
  #writeCopy(number: number): void {
    const { fs, layout: { directory, stateCopy }, log } = this;
    try {
      replaceFile(fs, directory, basename(stateCopy), `${number}\n`, COPY_MODE);
    } catch (error) {
      log.debug(() => reasonOf(error));
    }
  }

  /** Writes a number that only the copy has. A failure leaves it valid all the same. */
  #raise(number: number): void {
    // Another process may have advanced both between the two reads.
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
    const what = stored === undefined ? "it had no number any more" : `it had ${stored}`;
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
   * Writes the number into the file that is there, where none can be made or renamed: a full disk, a file
   * system or a filter that refuses it. False where that fails too, or the file has the number already and
   * only its name may not be on disk.
   */
  #writeOver(text: string): boolean {
    const { fs, layout: { state } } = this;
    try {
      if (fs.readOwn(state, STATE_BYTES) === text) return false;
      fs.overwrite(state, text);
      return true;
    } catch {
      return false; // the reason why it cannot be replaced is the one to tell
    }
  }
}

/**
 * The later one of two numbers, made odd. A number that is our copy's with its bytes in the other order
 * comes from a machine of that order, and is no later one.
 */
function latest(stored: number | undefined, copied: number | undefined): number | undefined {
  const number = stored === undefined ? undefined : upStateNumber(stored);
  if (number === undefined || copied === undefined) return number ?? copied;
  const isBefore = ((number - copied) | 0) < 0;
  return isBefore || swapped(stored!) === copied ? copied : number;
}

/** A number with its bytes swapped. */
function swapped(number: number): number {
  const view = new DataView(new ArrayBuffer(STATE_BYTES));
  view.setInt32(0, number);
  return view.getInt32(0, true);
}

/** The number in the file's text; undefined where it has none. Typed arrays are in host byte order. */
export function storedNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length < STATE_BYTES) return undefined;
  const bytes = Uint8Array.from(text.slice(0, STATE_BYTES), (byte) => byte.charCodeAt(0));
  return new Int32Array(bytes.buffer)[0];
}
