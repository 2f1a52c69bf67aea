/**
 * The file `sm/.notices`: notices that were answered and are not judged yet, one JSON object in ASCII a
 * line. A line with `over` takes back the one that is otherwise equal. The file goes with the last notice.
 */

import type { Log } from "../log.ts";
import { type KeptNotice, type NoticeMemory, reasonOf } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { type Layout, layoutOf, NOTICES_FILE } from "./layout.ts";

/** Longest file that is read or made, in bytes: 1,024 notices with names of 1,024 characters. */
const NOTICES_MAX_BYTES = 4_194_304;
/** Read and written by the daemon's user, readable by its group, like records. */
const NOTICES_MODE = 0o640;

interface NoticeFileParts {
  readonly log: Log;
  readonly fileSystem?: FileSystem | undefined;
}

/** The kept notices of the state directory at `directory`. */
export function openNoticeFile(directory: string, parts: NoticeFileParts): NoticeMemory {
  return new NoticeFile(directory, parts);
}

class NoticeFile implements NoticeMemory {
  readonly #layout: Layout;
  readonly #log: Log;
  readonly #fs: FileSystem;
  readonly #live = new Map<string, KeptNotice>();
  /** Bytes in the file; undefined where they are not known, as behind a failure. */
  #size: number | undefined;
  #isFailing = false;

  constructor(
    directory: string,
    { log, fileSystem = new RealFileSystem() }: NoticeFileParts,
  ) {
    this.#layout = layoutOf(directory);
    this.#log = log;
    this.#fs = fileSystem;
  }

  load(): readonly KeptNotice[] {
    let text = "";
    const { notices } = this.#layout;
    this.#attempt("read", () => text = this.#fs.read(notices, NOTICES_MAX_BYTES) ?? "");
    for (const line of text.split("\n")) learn(this.#live, line);
    return [...this.#live.values()];
  }

  keep(notice: KeptNotice): boolean {
    const key = lineOf(notice);
    if (this.#live.has(key)) return true;
    if (!this.#attempt("write", () => this.#append(key))) return false;
    this.#live.set(key, notice);
    return true;
  }

  forget(notice: KeptNotice): void {
    if (!this.#live.delete(lineOf(notice))) return;
    this.#attempt("write", () => {
      if (this.#live.size > 0) return this.#append(lineOf({ ...notice, over: true }));
      this.#fs.remove(this.#layout.notices);
      this.#size = undefined;
    });
  }

  /** True if it worked; the log is told of the first failure in a row. */
  #attempt(operation: string, action: () => void): boolean {
    try {
      action();
      this.#isFailing = false;
      return true;
    } catch (error) {
      const what = `Cannot ${operation} ${quote(this.#layout.notices)}`;
      if (!this.#isFailing) this.#log.warning(`${what}: ${reasonOf(error)}`);
      this.#isFailing = true;
      this.#size = undefined;
      return false;
    }
  }

  #append(line: string): void {
    const { notices, monitorList } = this.#layout;
    // Behind a failure the last line may have no end.
    const text = this.#size === undefined ? `\n${line}` : line;
    let size = this.#size ?? this.#fs.facts(notices)?.size ?? 0;
    if (size > NOTICES_MAX_BYTES / 2) {
      const lines = [...this.#live.keys()].join("");
      replaceFile(this.#fs, monitorList, NOTICES_FILE, lines, NOTICES_MODE);
      size = lines.length;
    }
    this.#size = size;
    if (size + text.length > NOTICES_MAX_BYTES) throw new Error("it is full");
    this.#fs.append(notices, text, NOTICES_MODE);
    this.#size = size + text.length;
  }
}

function lineOf({ name, state, address, at, over }: KeptNotice & { over?: true }): string {
  const line = JSON.stringify({ name, state, address, at, over });
  const escape = (unit: string) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `${line.replaceAll(/[^ -~]/g, escape)}\n`;
}

function learn(live: Map<string, KeptNotice>, line: string): void {
  let fields: Record<string, unknown>;
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value !== "object" || value === null) return;
    fields = { ...value };
  } catch {
    return; // half a line, or somebody else's
  }
  const { name, state, address, at, over } = fields;
  if (typeof name !== "string" || typeof address !== "string") return;
  if (!Number.isInteger(state) || !Number.isSafeInteger(at)) return;
  const notice = { name, state: state as number, address, at: at as number };
  if (over === true) live.delete(lineOf(notice));
  else live.set(lineOf(notice), notice);
}
