/**
 * File of kept notices, `sm/.notices`: one line of ASCII JSON per notice. A line with `over` is the
 * tombstone of an otherwise equal line. A line with `doubted` takes the place of one without: the
 * peer has to confirm the state itself. A line with `registration` says that notices up to the
 * ordinal `behind` do not concern it. A file without notices is removed some seconds after the last
 * one: creating it costs more than all else that a notice has to wait for.
 *
 * Lines of one turn of the event loop are written at once; a notice that is forgotten in the turn in
 * which it came costs none.
 */

import type { Log } from "../log.ts";
import type { KeptNotice, NoticeMemory, NoticesRead } from "../nsm/ports.ts";
import { jsonObject } from "../json_object.ts";
import { asciiJson, quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { type Layout, layoutOf, NOTICES_FILE } from "./layout.ts";

/** Longest file read or written, in bytes: 1,024 notices with names of 1,024 characters. */
const NOTICES_MAX_BYTES = 4_194_304;
/** Mode: written by the daemon's user, readable by its group, like records. */
const NOTICES_MODE = 0o640;

/** Dependencies of the file. */
export interface NoticeFileParts {
  readonly log: Log;
  readonly fileSystem?: FileSystem | undefined;
}

/** Opens the kept notices of the state directory at `directory`. */
export function openNoticeFile(directory: string, parts: NoticeFileParts): NoticeMemory {
  return new NoticeFile(layoutOf(directory), parts);
}

class NoticeFile implements NoticeMemory {
  readonly #layout: Layout;
  readonly #fs: FileSystem;
  readonly #log: Log;
  /** Kept notices by their lines without `doubted`. */
  readonly #live = new Map<string, KeptNotice>();
  readonly #overtaken = new Map<string, number>();
  /** Keys of live notices that are not in the file yet. */
  readonly #unwritten = new Set<string>();
  /** Keys of live notices whose doubt is not in the file yet. */
  readonly #unwrittenDoubts = new Set<string>();
  /** Registrations whose lines are not in the file yet. */
  readonly #unwrittenOvertaken = new Set<string>();
  /** Tombstones that are not in the file yet. */
  #tombstones = "";
  #isScheduled = false;
  /** Length of the file; undefined if its last line may be incomplete. */
  #size: number | undefined;
  #isFailing = false;
  /** Whether a tombstone could not be written: the notice would come back after a restart. */
  #isStale = false;
  /** Whether there may be a file. */
  #isThere = false;
  /** Whether the whole file was read, so that it may be rewritten. */
  #isRead = true;

  constructor(layout: Layout, { log, fileSystem = new RealFileSystem() }: NoticeFileParts) {
    this.#layout = layout;
    this.#fs = fileSystem;
    this.#log = log;
  }

  load(): NoticesRead {
    const { notices } = this.#layout;
    let text = "";
    this.#isRead = this.#attempt("read", () => {
      text = this.#fs.read(notices, NOTICES_MAX_BYTES) ?? "";
    });
    this.#isThere = text !== "" || !this.#isRead;
    for (const line of text.split("\n")) learn(this.#live, this.#overtaken, line);
    return {
      isWhole: this.#isRead,
      notices: [...this.#live.values()],
      overtaken: this.#overtaken,
    };
  }

  keep(notice: KeptNotice): void {
    const key = keyOf(notice);
    if (this.#live.has(key)) return;
    this.#live.set(key, notice);
    this.#unwritten.add(key);
    this.#flushSoon();
  }

  doubt(notice: KeptNotice): void {
    const key = keyOf(notice);
    const live = this.#live.get(key);
    if (live === undefined || live.isDoubted) return;
    this.#live.set(key, { ...live, isDoubted: true });
    this.#unwrittenDoubts.add(key);
    this.#flushSoon();
  }

  forget(notice: KeptNotice): void {
    if (this.#live.size === 0) return;
    const key = keyOf(notice);
    if (!this.#live.delete(key)) return;
    this.#unwrittenDoubts.delete(key);
    if (!this.#unwritten.delete(key)) this.#tombstones += lineOf({ ...notice, over: true });
    this.#flushSoon();
  }

  overtake(registration: string, behind: number): void {
    if (this.#live.size === 0 && !this.#isStale && this.#isRead) return;
    if (this.#overtaken.get(registration) === behind) return;
    this.#overtaken.set(registration, behind);
    this.#unwrittenOvertaken.add(registration);
    this.#writeOvertaken();
  }

  flush(): boolean {
    const tombstones = this.#tombstones;
    const keys = new Set([...this.#unwritten, ...this.#unwrittenDoubts]);
    const lines = Array.from(keys, (key) => this.#lineAt(key)).join("") + tombstones;
    const isOvertakenWritten = this.#writeOvertaken();
    if (lines === "") return isOvertakenWritten;
    const isRenewed = tombstones !== "" && this.#isStale && this.#isRead;
    const isWritten = isOvertakenWritten && this.#attempt("write", () => {
      if (isRenewed) this.#renew();
      else this.#append(lines);
    });
    if (!isWritten) { for (const key of this.#unwritten) this.#lose(key); }
    this.#unwritten.clear();
    this.#tombstones = "";
    if (isWritten) this.#unwrittenDoubts.clear();
    if (isWritten && isRenewed) this.#isStale = false;
    else if (!isWritten && tombstones !== "") this.#isStale = true;
    return isWritten;
  }

  tidy(): void {
    if (this.#live.size > 0 || !this.#isThere || !this.#isRead) return;
    this.#tombstones = "";
    if (this.#attempt("write", () => this.#renew())) this.#isStale = false;
  }

  /** Line of a live notice: its key, as nearly always, unless it is doubted. */
  #lineAt(key: string): string {
    const notice = this.#live.get(key)!;
    return notice.isDoubted ? lineOf(notice) : key;
  }

  #lose(key: string): void {
    this.#live.delete(key);
    this.#unwrittenDoubts.delete(key);
  }

  /** Writes what registrations have overtaken, or leaves it to the next flush. */
  #writeOvertaken(): boolean {
    if (this.#unwrittenOvertaken.size === 0) return true;
    const lineFor = (key: string) => overtakingLine([key, this.#overtaken.get(key)!]);
    return this.#attempt("write", () => {
      this.#append(Array.from(this.#unwrittenOvertaken, lineFor).join(""));
      this.#unwrittenOvertaken.clear();
    });
  }

  #flushSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.flush();
    });
  }

  #append(line: string): void {
    const { notices } = this.#layout;
    // After a failure the last line may be incomplete.
    const text = this.#size === undefined ? `\n${line}` : line;
    this.#size ??= this.#fs.facts(notices)?.size ?? 0;
    if (this.#size > NOTICES_MAX_BYTES / 2 && this.#isRead) this.#renew();
    if ((this.#size ?? 0) + text.length > NOTICES_MAX_BYTES) throw new Error("it is full");
    this.#isThere = true;
    this.#fs.append(notices, text, NOTICES_MODE);
    this.#size = (this.#size ?? 0) + text.length;
  }

  /** Rewrites the file with its live lines; removes it if there are none. */
  #renew(): void {
    const { monitorList, notices } = this.#layout;
    if (this.#live.size === 0) {
      this.#overtaken.clear();
      this.#unwrittenOvertaken.clear();
      this.#fs.remove(notices);
      this.#isThere = false;
      this.#size = 0;
      return;
    }
    const first = Math.min(...Array.from(this.#live.values(), ({ ordinal }) => ordinal));
    for (const [registration, behind] of this.#overtaken) {
      if (behind < first) this.#overtaken.delete(registration);
    }
    const lines = [
      ...Array.from(this.#live.keys(), (key) => this.#lineAt(key)),
      ...Array.from(this.#overtaken, overtakingLine),
    ].join("");
    replaceFile(this.#fs, monitorList, NOTICES_FILE, lines, NOTICES_MODE);
    this.#unwrittenOvertaken.clear();
    this.#unwrittenDoubts.clear();
    this.#size = lines.length;
  }

  /** Whether an operation succeeded; only the first failure in a row is logged. */
  #attempt(operation: string, action: () => void): boolean {
    try {
      action();
      this.#isFailing = false;
      return true;
    } catch (error) {
      const path = quote(this.#layout.notices);
      if (!this.#isFailing) this.#log.warning(`Cannot ${operation} ${path}: ${reasonOf(error)}`);
      this.#isFailing = true;
      this.#size = undefined;
      return false;
    }
  }
}

function lineOf(
  { name, state, address, at, ordinal, isDoubted, over }: KeptNotice & { readonly over?: true },
): string {
  const doubted = isDoubted || undefined;
  return `${asciiJson({ name, state, address, at, ordinal, doubted, over })}\n`;
}

function keyOf(notice: KeptNotice): string {
  return lineOf({ ...notice, isDoubted: false });
}

function overtakingLine([registration, behind]: readonly [string, number]): string {
  return `${asciiJson({ registration, behind })}\n`;
}

function learn(
  live: Map<string, KeptNotice>,
  overtaken: Map<string, number>,
  line: string,
): void {
  const fields = jsonObject(line);
  if (fields === undefined) return; // half a line, or another program's
  const { name, state, address, at, ordinal, doubted, over, registration, behind } = fields;
  if (typeof registration === "string" && isOrdinal(behind)) {
    overtaken.set(registration, behind);
    return;
  }
  if (typeof name !== "string" || typeof address !== "string") return;
  if (!Number.isInteger(state) || !Number.isSafeInteger(at) || !isOrdinal(ordinal)) return;
  const notice = { name, state: state as number, address, at: at as number, ordinal };
  const key = keyOf(notice);
  if (over === true) live.delete(key);
  else live.set(key, doubted === true ? { ...notice, isDoubted: true } : notice);
}

function isOrdinal(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
