/**
 * Text of a file of records: parsing it, and applying changes. A line that is not a record is kept
 * unchanged, byte for byte, as long as its file exists.
 *
 * Deviation: nfs-utils refuses to delete from a file with such a line, so that the peer is told of
 * a reboot that it no longer wants to hear of.
 */

import { nameKey } from "../nsm/host_name.ts";
import type { MonitorRecord } from "../nsm/ports.ts";
import { type Registration, registrationKey } from "../nsm/registration_key.ts";
import { formatRecord, parseRecord } from "./record_format.ts";

/** Contents, one character per byte; undefined: no file. */
export type FileText = string | undefined;

/**
 * Longest file read or written, in bytes: 40,000 lines of usual length, where one is the rule. A
 * longer file is an accident, or an attack on our memory.
 */
export const FILE_MAX_BYTES = 4_194_304;

/** Limit of my_names whose lines are found by text search; for more, all lines are parsed. */
const NAMES_SEARCHED_MAX = 4;

/** Records in a text, and the number of faulty lines. */
export function recordsIn(text: string): { records: MonitorRecord[]; faultyLines: number } {
  const records: MonitorRecord[] = [];
  let faultyLines = 0;
  for (const line of linesOf(text)) {
    const record = parseRecord(line);
    if (record !== undefined) records.push(record);
    else if (!isBlank(line)) faultyLines++;
  }
  return { records, faultyLines };
}

/**
 * Puts a record into a text, replacing the lines of its registration. A new record becomes the last
 * line.
 *
 * @throws {Error} When the text would be too long to be read again.
 */
export function withRecord(text: FileText, record: MonitorRecord): string {
  const line = formatRecord(record);
  if (text === undefined) return line;
  const others = withoutRegistrations(text, [record]) ?? "";
  const isThere = `\n${text}`.includes(`\n${line}`) &&
    text.length === others.length + line.length;
  return isThere ? text : withLine(others, line);
}

/**
 * Removes the lines of some registrations, in any letter case, but those of records to be kept;
 * undefined if nothing is left.
 */
export function withoutRegistrations(
  text: FileText,
  registrations: readonly Registration[],
  isKept: (record: MonitorRecord) => boolean = () => false,
): FileText {
  const keys = new Set(registrations.map(registrationKey));
  const isGone = (record: MonitorRecord) => keys.has(registrationKey(record)) && !isKept(record);
  const myNames = [...new Set(registrations.map(({ myName }) => nameKey(myName)))];
  // A line ends in its my_name: searching a long text for it is faster than parsing all lines.
  const isSearched = myNames.length <= NAMES_SEARCHED_MAX && !myNames.includes("");
  if (text === undefined || !isSearched) return without(text, isGone);
  let kept = "";
  let from = 0;
  for (const start of linesEndingIn(myNames, text)) {
    const end = text.indexOf("\n", start);
    const record = parseRecord(text.slice(start, end < 0 ? text.length : end));
    if (record === undefined || !isGone(record)) continue;
    kept += text.slice(from, start);
    from = end < 0 ? text.length : end + 1;
  }
  if (from === 0) return text;
  kept += text.slice(from);
  return isBlank(kept) ? undefined : kept;
}

/** Offsets of the lines that may end in one of some names, given as keys, in order. */
function linesEndingIn(keys: readonly string[], text: string): number[] {
  const starts = new Set<number>();
  const lower = text.toLowerCase(); // as long as the text: its characters are bytes
  for (const end of keys.map((key) => ` ${key}`)) {
    for (let at = lower.indexOf(end); at >= 0; at = lower.indexOf(end, at + 1)) {
      const dot = lower[at + end.length] === "." ? 1 : 0; // not part of a key
      const behind = lower[at + end.length + dot];
      if (behind === "\n" || behind === undefined) starts.add(text.lastIndexOf("\n", at) + 1);
    }
  }
  return [...starts].sort((a, b) => a - b);
}

/** Removes the lines of a peer that was told under one of our names. */
export function withoutTold(text: FileText, monName: string, myName: string): FileText {
  return without(text, (record) => record.monName === monName && record.myName === myName);
}

function without(text: FileText, isGone: (record: MonitorRecord) => boolean): FileText {
  if (text === undefined) return undefined;
  let kept = "";
  let isChanged = false;
  for (let start = 0; start < text.length;) {
    const end = text.indexOf("\n", start);
    const next = end < 0 ? text.length : end + 1;
    const record = parseRecord(text.slice(start, end < 0 ? next : end));
    if (record !== undefined && isGone(record)) isChanged = true;
    else kept += text.slice(start, next);
    start = next;
  }
  if (!isChanged) return text;
  return isBlank(kept) ? undefined : kept;
}

/**
 * Appends the lines of `added` that a text does not have.
 *
 * @throws {Error} When the text would be too long to be read again.
 */
export function mergeTexts(text: string, added: string): string {
  const known = new Set(linesOf(text));
  let merged = text;
  for (const line of linesOf(added)) {
    if (known.has(line)) continue;
    known.add(line);
    merged = withLine(merged, `${line}\n`);
  }
  return merged;
}

/**
 * Whether a text has no content: a power cut leaves NUL bytes in a file that was named before it
 * was written.
 */
export function isBlank(text: string): boolean {
  return /^[\n\0]*$/.test(text);
}

function withLine(text: string, line: string): string {
  // NUL bytes of a file that was named before a power cut and not written.
  const kept = text.replace(/(^|\n)\0+$/, "$1");
  // An incomplete last line would swallow ours.
  const end = kept === "" || kept.endsWith("\n") ? "" : "\n";
  const longer = kept + end + line;
  if (longer.length > FILE_MAX_BYTES) {
    throw new Error(`it would be longer than ${FILE_MAX_BYTES} bytes`);
  }
  return longer;
}

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}
