/**
 * File `state`: the NSM state number as 4 bytes, signed, in host byte order. Further bytes are
 * ignored. A missing or shorter file, such as Debian's empty one, is initialised like a new host's.
 * Otherwise only {@link StateFile.advance} writes it.
 *
 * The file `.state` is our own copy, in decimal. Packages of nfs-utils ship an empty `state`, which
 * resets the number at each upgrade, and peers ignore a number that they know already. So a `state`
 * behind the copy is raised to the copy. Both wrap; they are compared as serial numbers (RFC 1982).
 * Any other contents are believed, as nfs-utils does, and contents that are no plausible number are
 * reported: see {@link stateDoubt}.
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
import type { KeptFile } from "./kept_file.ts";
import { DAMAGED_SUFFIX, isOurAsideName, type Layout, STATE_FILE } from "./layout.ts";
import { entriesOf, removeLeftOvers } from "./record_directory.ts";

/** Length of the number. */
export const STATE_BYTES = 4;
/** Bytes that are read: more than the number's, to see whether the file has more. */
export const STATE_READ_BYTES = 64;
/** Distance that boots do not cover: each adds 2, and a boot a minute takes 8 years for it. */
const FAR = 2 ** 23;
const STATE_MODE = 0o644;
const COPY_MODE = 0o644;
export const COPY_MAX_BYTES = 16;

export class StateFile {
  readonly #file: KeptFile;
  #lastRead: number | undefined;
  /** Text of the file that has {@link #lastRead}; undefined if that is not known. */
  #lastText: string | undefined;
  #hasCopyFailed = false;
  #hasRaiseFailed = false;
  #isDoubtTold = false;

  constructor(readonly fs: FileSystem, readonly layout: Layout, readonly log: Log) {
    this.#file = fs.keep(layout.state, STATE_READ_BYTES);
  }

  /**
   * State number now, made odd; the file keeps an even one. If the file is missing since the last
   * read, it is written again, as the number must not decrease. Every call sees a change by another
   * process: sm-notify advances the number, and an upgrade of nfs-common empties the file.
   *
   * @throws {StoreError} When the file cannot be read or, without a number, not written.
   */
  read(): number {
    const text = this.#text();
    if (text !== undefined && text === this.#lastText) return this.#lastRead!;
    const stored = storedNumber(text);
    if (stored !== undefined && upStateNumber(stored) === this.#lastRead) {
      return this.#use(this.#lastRead, text);
    }
    const copied = this.#copy();
    const number = latest(stored, latest(copied, this.#lastRead));
    if (number === undefined) return this.#initialise();
    if (stored === undefined || upStateNumber(stored) !== number) {
      this.#raise(number);
      return this.#use(number);
    }
    this.#tellDoubt(text, copied);
    if (copied !== number) this.#writeCopy(number);
    return this.#use(number, text);
  }

  /**
   * Advances to the next odd number, durably, and returns it. A crash leaves the old or the new
   * number. Two processes must not call it concurrently.
   *
   * @throws {StoreError}
   */
  advance(): number {
    const text = this.#text();
    const stored = storedNumber(text);
    const copied = this.#copy();
    const number = latest(stored, copied);
    if (number === undefined) return this.#initialise();
    if (stored === undefined || upStateNumber(stored) !== number) this.#tellRaise(stored, number);
    else this.#tellDoubt(text, copied);
    return this.#use(this.#write(nextStateNumber(number)));
  }

  /** Number that {@link advance} would give, without changing anything. @throws {StoreError} */
  next(): number {
    const { fs, layout: { state } } = this;
    let stored: number | undefined;
    try {
      stored = storedNumber(fs.read(state, STATE_READ_BYTES));
    } catch (error) {
      if (fs.facts(state)?.isFile !== false) throw new StoreError("read", state, error);
    }
    const number = latest(stored, this.#copy());
    return number === undefined ? INITIAL_STATE_NUMBER : nextStateNumber(number);
  }

  #text(): string | undefined {
    try {
      return this.#file.read();
    } catch (error) {
      this.#putAside(error);
      return undefined;
    }
  }

  /** Says once that the contents are believed, although they may be no number. */
  #tellDoubt(text: string | undefined, copied: number | undefined): void {
    const doubt = this.#isDoubtTold ? undefined : stateDoubt(text, copied);
    if (doubt === undefined) return;
    this.#isDoubtTold = true;
    const { log, layout: { state } } = this;
    log.warning(`The state number in ${quote(state)} may be damaged: ${doubt}`);
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
      return copiedNumber(fs.readOwn(stateCopy, COPY_MAX_BYTES) ?? "");
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
    const stored = storedNumber(this.#text());
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
    return this.#use(this.#write(INITIAL_STATE_NUMBER));
  }

  #use(number: number, text?: string): number {
    this.#lastText = text;
    return this.#lastRead = number;
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

/**
 * Why the file's text may be no state number, as the end of a sentence; undefined if it is plausible,
 * or there is none. `copied` is the number of our copy.
 */
export function stateDoubt(
  text: string | undefined,
  copied: number | undefined,
): string | undefined {
  const number = storedNumber(text);
  if (text === undefined || number === undefined) return undefined;
  const used = `its first ${STATE_BYTES} bytes are taken for the number ${number}`;
  if (text.length > STATE_BYTES) {
    return `it has more than the ${STATE_BYTES} bytes of a number; ${used}`;
  }
  if (Math.abs(upStateNumber(number) - (copied ?? 0) | 0) < FAR) return undefined;
  return `no host has been booted so often; ${used}` +
    (copied === undefined ? "" : `, and ${copied} was used before`);
}

/** Number in our copy's text; undefined if there is none. */
export function copiedNumber(text: string): number | undefined {
  const number = /^-?\d{1,10}\n$/.test(text) ? Number(text) | 0 : undefined;
  return number === undefined ? undefined : upStateNumber(number);
}

/** Number in the file's text; undefined if there is none. Typed arrays use host byte order. */
export function storedNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length < STATE_BYTES) return undefined;
  const bytes = Uint8Array.from(text.slice(0, STATE_BYTES), (byte) => byte.charCodeAt(0));
  return new Int32Array(bytes.buffer)[0];
}
