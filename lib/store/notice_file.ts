/**
 * The file `sm/.notices`: notices that were answered and are not judged yet, one JSON object in ASCII a
 * line. A line with `over` takes back the one that is otherwise equal. The file goes with the last notice.
 */

import type { Log } from "../log.ts";
import { type KeptNotice, type NoticeMemory, reasonOf } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import { replaceFile } from "./atomic_file.ts";
import { type FileSystem, RealFileSystem } from "./file_system.ts";
import { layoutOf, NOTICES_FILE } from "./layout.ts";

/** Longest file that is read or made, in bytes: 1,024 notices with names of 1,024 characters. */
const NOTICES_MAX_BYTES = 4_194_304;
/** Read and written by the daemon's user, readable by its group, like records. */
const NOTICES_MODE = 0o640;

/** The kept notices of the state directory at `directory`. */
export function openNoticeFile(
  directory: string,
  { log, fileSystem = new RealFileSystem() }: {
    readonly log: Log;
    readonly fileSystem?: FileSystem | undefined;
  },
): NoticeMemory {
  const layout = layoutOf(directory);
  const path = layout.notices;
  const live = new Map<string, KeptNotice>();
  let size: number | undefined;
  let isFailing = false;
  /** Whether it worked; the log is told of the first failure in a row. */
  const attempt = (operation: string, action: () => void): boolean => {
    try {
      action();
      isFailing = false;
      return true;
    } catch (error) {
      if (!isFailing) log.warning(`Cannot ${operation} ${quote(path)}: ${reasonOf(error)}`);
      isFailing = true;
      size = undefined;
      return false;
    }
  };
  const append = (line: string) => {
    // Behind a failure the last line may have no end.
    const text = size === undefined ? `\n${line}` : line;
    size ??= fileSystem.facts(path)?.size ?? 0;
    if (size > NOTICES_MAX_BYTES / 2) {
      const lines = [...live.keys()].join("");
      replaceFile(fileSystem, layout.monitorList, NOTICES_FILE, lines, NOTICES_MODE);
      size = lines.length;
    }
    if (size + text.length > NOTICES_MAX_BYTES) throw new Error("it is full");
    fileSystem.append(path, text, NOTICES_MODE);
    size += text.length;
  };
  return {
    load() {
      let text = "";
      attempt("read", () => text = fileSystem.read(path, NOTICES_MAX_BYTES) ?? "");
      for (const line of text.split("\n")) learn(live, line);
      return [...live.values()];
    },
    keep(notice) {
      const key = lineOf(notice);
      if (live.has(key)) return true;
      if (!attempt("write", () => append(key))) return false;
      live.set(key, notice);
      return true;
    },
    forget(notice) {
      if (!live.delete(lineOf(notice))) return;
      attempt("write", () => {
        if (live.size > 0) return append(lineOf({ ...notice, over: true }));
        fileSystem.remove(path);
        size = undefined;
      });
    },
  };
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
