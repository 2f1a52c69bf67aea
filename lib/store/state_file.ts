/**
 * The file `state`: the NSM state number as 4 bytes in host byte order, signed. Bytes behind them are
 * ignored. A missing or shorter file, such as the empty one that Debian ships, is written with the
 * number of a new host; apart from that only {@link StateFile.advance} writes it.
 *
 * Source: files written and read by nfs-utils 2.6.2.
 */

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
/** What the name of something that is no file gets. */
const DAMAGED_SUFFIX = ".damaged";

export class StateFile {
  #lastRead: number | undefined;

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
    if (stored !== undefined) return this.#lastRead = upStateNumber(stored);
    return this.#lastRead === undefined ? this.#initialise() : this.#restore(this.#lastRead);
  }

  /**
   * Makes the next odd number the state number, for good, and returns it. After a crash it is this one
   * or the one before. Two processes must not do that at one time.
   *
   * @throws {StoreError}
   */
  advance(): number {
    const stored = this.#stored();
    if (stored === undefined) return this.#initialise();
    return this.#write(nextStateNumber(stored));
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

  #restore(number: number): number {
    this.#write(number);
    this.log.warning(`Wrote ${quote(this.layout.state)} again, which had no number any more`);
    return number;
  }

  #initialise(): number {
    this.log.notice("Initializing NSM state");
    return this.#write(INITIAL_STATE_NUMBER);
  }

  #write(number: number): number {
    const { fs, layout: { directory }, log } = this;
    const ours = entriesOf(fs, directory).filter(({ name }) => isOurAsideName(name));
    removeLeftOvers(fs, directory, log, ours);
    const text = String.fromCharCode(...new Uint8Array(Int32Array.of(number).buffer));
    replaceFile(fs, directory, STATE_FILE, text, STATE_MODE);
    return number;
  }
}

/** The number in the file's text; undefined where it has none. Typed arrays are in host byte order. */
export function storedNumber(text: string | undefined): number | undefined {
  if (text === undefined || text.length < STATE_BYTES) return undefined;
  const bytes = Uint8Array.from(text.slice(0, STATE_BYTES), (byte) => byte.charCodeAt(0));
  return new Int32Array(bytes.buffer)[0];
}
