/**
 * Import of other status monitors' records, read-only. Files are opened without following a link,
 * have to be regular, and are read up to a limit.
 *
 * | what                              | recognised by                                      | gives                        |
 * | --------------------------------- | -------------------------------------------------- | ---------------------------- |
 * | folder with `sm`, `sm.bak`        | these names; any `sm.*`, as `sm.ha` too            | the records of each          |
 * | folder of record files            | lines that are records of nfs-utils                | these records                |
 * | illumos `statmon` or its `sm`     | empty files; links `ipv4.*`, `ipv6.*` are passed over | a peer for each file name |
 * | CTDB                              | file names `statd-state@SERVER@CLIENT`             | CLIENT, asked about by SERVER |
 * | `statd.status` of macOS           | "NSM1" at offset 8                                 | names that are in use        |
 * | `statd.status` of FreeBSD         | a length of 256 bytes and slots of 1040 or 1036    | names that are in use        |
 * | JSON lines of `nsmctl export`     | a first character `{`                              | these records                |
 *
 * Source: statd.status of FreeBSD and macOS, statmon of illumos, CTDB's statd_callout; nfs-utils
 * 2.6.2.
 */

import { jsonObject } from "../json_object.ts";
import { join } from "@std/path/join";
import type { MonitorRecord } from "../nsm/ports.ts";
import { messageOf } from "../reason.ts";
import type { DirectoryEntry, FileSystem } from "./file_system.ts";
import { FILE_MAX_BYTES, recordsIn } from "./record_file.ts";

/** Longest database or JSON file that is read, in bytes: 60,000 slots of FreeBSD. */
const DATABASE_MAX_BYTES = 67_108_864;
/** Depth of folders searched below the named one. */
const DEPTH_MAX = 2;

/**
 * NLM version 4, procedure NLM_SM_NOTIFY (RFC 1813, appendix II): the callback of a record that
 * names none.
 */
const LOCK_MANAGER = { myProg: 100_021, myVers: 4, myProc: 16, priv: "0".repeat(32) } as const;

/** Result of an import. */
export interface ForeignRecords {
  readonly records: MonitorRecord[];
  /** Files and lines skipped, with reasons. */
  readonly passedOver: string[];
}

/**
 * Reads records from a folder or a file. `myName` is this host's name, for records without one.
 * Names are not validated.
 *
 * @throws {Error} When the path cannot be read, or its format is unknown.
 */
export function readForeignRecords(
  fs: FileSystem,
  path: string,
  myName: string,
): ForeignRecords {
  const found: ForeignRecords = { records: [], passedOver: [] };
  const reader = new Reader(fs, myName, found);
  const facts = fs.facts(path);
  if (facts === undefined) throw new Error("there is no such file or folder");
  if (facts.isFile) reader.database(path);
  else reader.folder(path, 0);
  return found;
}

class Reader {
  constructor(
    readonly fs: FileSystem,
    readonly myName: string,
    readonly found: ForeignRecords,
  ) {}

  folder(path: string, depth: number): void {
    for (const entry of this.fs.list(path)) {
      const inside = join(path, entry.name);
      if (entry.isDirectory) {
        const isList = entry.name === "statmon" || /^sm(\.|$)/.test(entry.name);
        if (isList && depth < DEPTH_MAX) this.folder(inside, depth + 1);
      } else if (isRecordFile(entry)) {
        this.#attempt(inside, () => this.#file(inside, entry.name));
      }
    }
  }

  /** Reads a file that was named itself. @throws {Error} When its format is unknown. */
  database(path: string): void {
    const text = this.fs.read(path, DATABASE_MAX_BYTES) ?? "";
    if (text.trimStart().startsWith("{")) return this.#jsonLines(text);
    const { records } = recordsIn(text.slice(0, FILE_MAX_BYTES));
    if (records.length > 0) return void this.found.records.push(...records);
    const names = namesOfMacos(text) ?? namesOfFreeBsd(text);
    if (names === undefined) throw new Error("it has no records of a known kind");
    for (const name of names) this.#add(name);
  }

  #file(path: string, name: string): void {
    const ofCtdb = /^statd-state@([^@]*)@([^@]*)$/.exec(name);
    if (ofCtdb !== null) return this.#add(ofCtdb[2]!, ofCtdb[1]!);
    const text = this.fs.readOwn(path, FILE_MAX_BYTES);
    if (text === undefined) return;
    if (text === "") return this.#add(name); // illumos: the file name is the record
    const { records, faultyLines } = recordsIn(text);
    this.found.records.push(...records);
    if (records.length === 0 || faultyLines > 0) {
      this.found.passedOver.push(`${path} has lines that are not records`);
    }
  }

  #jsonLines(text: string): void {
    for (const [index, line] of text.split("\n").entries()) {
      if (line.trim() === "") continue;
      const record = recordOfJson(line, this.myName);
      if (record === undefined) this.found.passedOver.push(`line ${index + 1} is not a record`);
      else this.found.records.push(record);
    }
  }

  #add(monName: string, myName = this.myName): void {
    this.found.records.push({ monName, myName, ...LOCK_MANAGER });
  }

  #attempt(path: string, read: () => void): void {
    try {
      read();
    } catch (error) {
      this.found.passedOver.push(`${path}: ${messageOf(error)}`);
    }
  }
}

/** Regular files that are not hidden; illumos' address links are skipped. */
function isRecordFile({ name, isFile }: DirectoryEntry): boolean {
  return isFile && !name.startsWith(".") && name !== "state";
}

/**
 * Names in macOS' database, with big-endian integers: a header of 256 bytes with the record count
 * at offset 4 and "NSM1" at 8; records of length (2 bytes), monitored (2), to be notified (2),
 * length of the name (2), and the name. Undefined for another format.
 */
function namesOfMacos(text: string): string[] | undefined {
  if (text.slice(8, 12) !== "NSM1") return undefined;
  const short = (at: number) => text.charCodeAt(at) << 8 | text.charCodeAt(at + 1);
  const names: string[] = [];
  for (let at = DATABASE_HEADER_BYTES; at + 8 <= text.length;) {
    const length = short(at);
    // Shorter than any record, or truncated: no record can be found after it.
    if (length < MACOS_RECORD_MIN_BYTES || at + length > text.length) break;
    const isInUse = short(at + 2) !== 0 || short(at + 4) !== 0;
    if (isInUse) names.push(text.slice(at + 8, at + 8 + Math.min(short(at + 6), length - 8)));
    at += length;
  }
  return names;
}

const DATABASE_HEADER_BYTES = 256;
const MACOS_RECORD_MIN_BYTES = 72;
const FREEBSD_NAME_BYTES = 1025;
/** Slot sizes with pointers of 8 and of 4 bytes; flag and pointer start at 1028. */
const FREEBSD_SLOTS = [1040, 1036];
const FREEBSD_USE_AT = 1028;

/**
 * Names in FreeBSD's database, and in macOS' of layout version 0: a header of 256 bytes, then slots
 * with a NUL-terminated name, a flag and a pointer, both zero in a free slot. Undefined for another
 * format.
 */
function namesOfFreeBsd(text: string): string[] | undefined {
  const rest = text.length - DATABASE_HEADER_BYTES;
  const bytes = FREEBSD_SLOTS.find((bytes) => rest > 0 && rest % bytes === 0);
  if (bytes === undefined) return undefined;
  const names: string[] = [];
  for (let at = DATABASE_HEADER_BYTES; at < text.length; at += bytes) {
    if (/^\0*$/.test(text.slice(at + FREEBSD_USE_AT, at + bytes))) continue;
    const name = text.slice(at, at + FREEBSD_NAME_BYTES);
    const end = name.indexOf("\0");
    names.push(end < 0 ? name : name.slice(0, end));
  }
  return names;
}

/** Record in a line of `nsmctl export`; undefined if it is none. */
function recordOfJson(line: string, myName: string): MonitorRecord | undefined {
  const fields = jsonObject(line);
  if (fields === undefined) return undefined;
  const text = (name: string, otherwise?: string) => {
    const field = fields[name] ?? otherwise;
    return typeof field === "string" ? field : undefined;
  };
  const number = (name: string, otherwise: number) => {
    const field = fields[name] ?? otherwise;
    return Number.isInteger(field) ? Number(field) | 0 : undefined;
  };
  const record = {
    monName: text("monName"),
    myName: text("myName", myName),
    myProg: number("program", LOCK_MANAGER.myProg),
    myVers: number("version", LOCK_MANAGER.myVers),
    myProc: number("procedure", LOCK_MANAGER.myProc),
    priv: text("priv", LOCK_MANAGER.priv),
  };
  return Object.values(record).includes(undefined) ? undefined : record as MonitorRecord;
}
