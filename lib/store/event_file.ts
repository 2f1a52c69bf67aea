/**
 * Event history on disk: `sm.bak/.events`, one line of ASCII JSON per event, appended by rpc.statd
 * and sm-notify. At half of the size limit the file is renamed to `sm.bak/.events.old`, replacing
 * the previous one. Writes are delayed and never synced: a power cut may lose events, or leave half
 * a line, and no more. A file without any event is put aside as `sm.bak/.events.damaged`.
 */

import { jsonObject } from "../json_object.ts";
import type { Log } from "../log.ts";
import { EVENT_KINDS, type EventKind, type NsmEvent } from "../nsm/events.ts";
import { StoreError } from "../nsm/ports.ts";
import { asciiJson, quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";
import { type FileSystem, type FollowedFile, RealFileSystem } from "./file_system.ts";
import { DAMAGED_SUFFIX, layoutOf, OLD_SUFFIX } from "./layout.ts";
import { Lines } from "./lines.ts";
import { OwnersFiles } from "./owners_files.ts";

/** Batching delay of writes, in ms. */
const COLLECT_MS = 200;
/**
 * Events of one kind kept per minute: covers the reboot of a whole site, without pushing out a
 * day's events.
 */
const KEPT_A_MINUTE = 1_000;
/** Refusals and doubts kept per minute; remote hosts can cause them. */
const REFUSALS_A_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Longest text kept, in characters; names are shorter. */
const TEXT_MAX = 1_024;
/** Mode: written by the daemon's user, readable by its group, like records. */
const EVENTS_MODE = 0o640;
/** Largest file that is read, in bytes: half of the largest size that can be configured. */
const READ_MAX_BYTES = 512 * 1_048_576;
/**
 * Bytes without an event behind which the rest of a file is ignored: more than a power cut leaves,
 * and little of a sparse file, which the daemon's user can make of any length.
 */
const BARREN_MAX_BYTES = 16_777_216;
/** Bytes at the start of a file that are searched for an event; half a line is much shorter. */
const SEARCHED_BYTES = 65_536;

/** Event with its time, in ms since 1970, and the program that noted it. */
export interface DatedEvent extends NsmEvent {
  readonly at: number;
  readonly program: string;
}

/** Dependencies of the history. */
export interface EventFileParts {
  readonly program: "rpc.statd" | "sm-notify";
  /** Limit of the history on disk, in bytes; 0: no history. */
  readonly maxBytes: number;
  readonly clock: Clock;
  readonly log: Pick<Log, "warning">;
  readonly fileSystem?: FileSystem;
}

export class EventFile {
  readonly #parts: EventFileParts;
  readonly #fs: FileSystem;
  readonly #path: string;
  #collected: DatedEvent[] = [];
  readonly #counts = new Map<EventKind, number>();
  #cancelWrite: (() => void) | undefined;
  #cancelMinute: (() => void) | undefined;
  /** The last line may be incomplete. */
  #isTorn = true;
  #isFailing = false;
  #isOff: boolean;

  constructor(stateDirectory: string, parts: EventFileParts) {
    this.#parts = parts;
    this.#isOff = parts.maxBytes === 0;
    this.#fs = parts.fileSystem ?? new RealFileSystem();
    this.#path = layoutOf(stateDirectory).events;
  }

  /** Notes an event; it is on disk within {@link COLLECT_MS}. */
  readonly note = (event: NsmEvent): void => {
    const { clock } = this.#parts;
    if (this.#isOff) return;
    const count = (this.#counts.get(event.event) ?? 0) + 1;
    this.#counts.set(event.event, count);
    this.#cancelMinute ??= clock.startTimer(MINUTE_MS, () => this.#endMinute());
    if (count <= limitOf(event.event)) this.#collect(event);
  };

  /** Stops noting, because the disk is read-only. */
  turnOff(): void {
    this.#isOff = true;
  }

  /** Writes pending events; call it at the end. */
  close(): void {
    this.#cancelMinute?.();
    this.#endMinute();
    this.#cancelWrite?.();
    this.#write();
  }

  #collect(event: NsmEvent): void {
    const { clock, program } = this.#parts;
    this.#collected.push({ at: clock.wallClock(), program, ...event });
    this.#cancelWrite ??= clock.startTimer(COLLECT_MS, () => this.#write());
  }

  #endMinute(): void {
    this.#cancelMinute = undefined;
    for (const [kind, count] of this.#counts) {
      const left = count - limitOf(kind);
      if (left > 0) this.#collect({ event: "omitted", count: left, reason: kind });
    }
    this.#counts.clear();
  }

  #write(): void {
    this.#cancelWrite = undefined;
    const lines = this.#collected.map(eventLine).join("");
    this.#collected = [];
    if (lines === "") return;
    try {
      if (this.#isTorn) this.#putAside();
      const size = this.#fs.facts(this.#path)?.size ?? 0;
      if (size + lines.length > this.#parts.maxBytes / 2 && size > 0) {
        this.#fs.rename(this.#path, this.#path + OLD_SUFFIX);
      }
      this.#fs.append(this.#path, this.#isTorn ? `\n${lines}` : lines, EVENTS_MODE);
      this.#isTorn = this.#isFailing = false;
    } catch (error) {
      this.#isTorn = true;
      if (this.#isFailing) return;
      this.#isFailing = true;
      const reason = reasonOf(error);
      this.#parts.log.warning(`Cannot keep the history in ${quote(this.#path)}: ${reason}`);
    }
  }

  /**
   * Renames a file that can never be a history: a folder, a device, or a file without any event.
   */
  #putAside(): void {
    const facts = this.#fs.facts(this.#path);
    if (facts === undefined) return;
    if (facts.isFile && !isNoHistory(this.#fs.readOwn(this.#path, SEARCHED_BYTES) ?? "")) return;
    const aside = this.#path + DAMAGED_SUFFIX;
    this.#fs.rename(this.#path, aside);
    const what = facts.isFile ? "none of its lines is an event" : "it is not a regular file";
    this.#parts.log.warning(
      `Renamed the history ${quote(this.#path)} to ${quote(aside)}: ${what}`,
    );
  }
}

/** First characters of every line. */
const LINE_START = '{"at":"';

/** Whether the start of a file is neither empty, nor an event, nor a half event left by a crash. */
function isNoHistory(text: string): boolean {
  const start = text.trim().slice(0, LINE_START.length);
  return !LINE_START.startsWith(start) && parseEvents(text).length === 0;
}

/** Incremental reader of the history. */
export class EventReader {
  readonly #path: string;
  readonly #fs: FileSystem;
  /** Offset up to which the file was read; undefined before the first read. */
  #read: number | undefined;

  constructor(stateDirectory: string, fileSystem: FileSystem = new OwnersFiles()) {
    this.#path = layoutOf(stateDirectory).events;
    this.#fs = fileSystem;
  }

  /** New events since the last call, oldest first. @throws {StoreError} When the file cannot be read. */
  next(): DatedEvent[] {
    const before = this.#read;
    const added = before === undefined ? undefined : this.#since(this.#path, before);
    if (added !== undefined) {
      this.#read = added.end;
      return added.events;
    }
    // A shorter file means rotation: the unread rest is in the old file.
    const newer = this.#since(this.#path, 0);
    const older = this.#since(this.#path + OLD_SUFFIX, before ?? 0);
    this.#read = newer?.end ?? 0;
    return [...older?.events ?? [], ...newer?.events ?? []];
  }

  /** Reason why the file cannot be read as history, for display. @throws {StoreError} */
  fault(): string | undefined {
    if (!isNoHistory(this.#start(this.#path))) return undefined;
    return `${quote(this.#path)} cannot be read as history: none of its lines is an event; ` +
      `rpc.statd and sm-notify put it aside as ${quote(this.#aside)} at their next event`;
  }

  /** Path of a file that was put aside because it is no history; undefined if there is none. */
  putAside(): string | undefined {
    return this.#fs.facts(this.#aside) === undefined ? undefined : this.#aside;
  }

  get #aside(): string {
    return this.#path + DAMAGED_SUFFIX;
  }

  /**
   * Events from an offset on, and the end of the last line; undefined if the file is shorter. A
   * missing file is empty.
   */
  #since(path: string, offset: number): { events: DatedEvent[]; end: number } | undefined {
    let file: FollowedFile | undefined;
    try {
      file = this.#fs.follow(path);
      if (file === undefined) return offset > 0 ? undefined : { events: [], end: 0 };
      if (!skip(file, offset)) return undefined;
      const { events, end } = eventsOf(new Lines(file, READ_MAX_BYTES - offset));
      return { events, end: offset + end };
    } catch (error) {
      throw new StoreError("read", path, error);
    } finally {
      file?.close();
    }
  }

  #start(path: string): string {
    try {
      return this.#fs.readOwn(path, SEARCHED_BYTES) ?? "";
    } catch (error) {
      throw new StoreError("read", path, error);
    }
  }
}

/** Reads up to an offset; false if the file is shorter. */
function skip(file: FollowedFile, offset: number): boolean {
  for (let left = offset; left > 0;) {
    const { length } = file.next(Math.min(left, SEARCHED_BYTES));
    if (length === 0) return false;
    left -= length;
  }
  return true;
}

/** Events, and the end of the last line that need not be read again. */
function eventsOf(lines: Lines): { events: DatedEvent[]; end: number } {
  const events: DatedEvent[] = [];
  let lastEventAt = 0;
  for (const line of lines) {
    const event = parseEvent(line);
    if (event !== undefined) {
      events.push(event);
      lastEventAt = lines.read;
    } else if (lines.read - lastEventAt > BARREN_MAX_BYTES) return { events, end: lastEventAt };
  }
  // The last line may still be being written.
  return { events, end: lines.read - lines.rest.length };
}

/** Parses events; other lines, such as half a line, are ignored. */
export function parseEvents(text: string): DatedEvent[] {
  return text.split("\n").flatMap((line) => parseEvent(line) ?? []);
}

const TEXTS = ["peer", "identity", "address", "transport", "by", "reason"] as const;
const NUMBERS = ["state", "attempts", "count", "ms"] as const;

function parseEvent(line: string): DatedEvent | undefined {
  const fields = jsonObject(line);
  if (fields === undefined) return undefined;
  const { at, program, event } = fields;
  const isDated = typeof at === "string" && Number.isFinite(Date.parse(at));
  if (!isDated || typeof program !== "string" || typeof event !== "string") return undefined;
  if (!Object.hasOwn(EVENT_KINDS, event)) return undefined;
  if (!TEXTS.every((name) => ["undefined", "string"].includes(typeof fields[name]))) {
    return undefined;
  }
  if (!NUMBERS.every((name) => ["undefined", "number"].includes(typeof fields[name]))) {
    return undefined;
  }
  return { ...fields, at: Date.parse(at), program, event: event as EventKind };
}

/** Event as a line of JSON. */
export function eventLine({ at, program, event, ...details }: DatedEvent): string {
  const shown: Record<string, unknown> = { at: new Date(at).toISOString(), program, event };
  for (const [name, value] of Object.entries(details)) {
    shown[name] = typeof value === "string" ? value.slice(0, TEXT_MAX) : value;
  }
  return `${asciiJson(shown)}\n`;
}

function limitOf(kind: EventKind): number {
  return kind === "refused" || kind === "doubted" ? REFUSALS_A_MINUTE : KEPT_A_MINUTE;
}
