/**
 * Format of one record, one character per byte.
 *
 * ```
 * offset  length
 *      0       8  address of the callback: 127.0.0.1 in network order, printed as a host-order word:
 *                 `0100007f` on little-endian machines. Written for nfs-utils, never used
 *      9       8  my_prog   each as 8 lower-case hex digits, two's complement
 *     18       8  my_vers
 *     27       8  my_proc
 *     36      32  priv: 16 bytes as lower-case hex digits, in wire order
 *     69       n  mon_name: no blanks
 *   70+n       m  my_name: to the end of the line, blanks already replaced by `_`; may be empty
 * 70+n+m       1  LF; may be missing after the last line of a file
 * ```
 *
 * Fields are separated by single blanks. A file holds one line for each my_id that registered its
 * host, in the order of registration.
 *
 * Deviation: nfs-utils keeps only the last line of a mon_name and my_name, whatever the rest of
 * my_id. We keep one for each my_prog, my_vers and my_proc, since each was acknowledged; nfs-utils
 * reads such files.
 *
 * Source: files written by nfs-utils 2.6.2.
 */

import type { MonitorRecord } from "../nsm/ports.ts";

/** Limit of mon_name and my_name together, in bytes: nfs-utils reads no longer lines. */
const NAMES_MAX_BYTES = 1024;

const PRIV_OFFSET = 36;
const PRIV_BYTES = 16;
const MON_NAME_OFFSET = PRIV_OFFSET + 2 * PRIV_BYTES + 1;
/** Longest line without its LF. */
const LINE_MAX_BYTES = MON_NAME_OFFSET + 1 + NAMES_MAX_BYTES;

const LOOPBACK = new Uint32Array(Uint8Array.of(127, 0, 0, 1).buffer)[0]!;
/** Four numbers as nfs-utils scans them: hex digits of either case, separated by any white space. */
const NUMBERS = /^\s*([0-9a-f]{1,8})\s+([0-9a-f]{1,8})\s+([0-9a-f]{1,8})\s+([0-9a-f]{1,8})/i;
const PRIV = /^[0-9a-f]{32}$/;

/** Line of a record, with its LF. */
export function formatRecord(record: MonitorRecord): string {
  const { monName, myName, myProg, myVers, myProc, priv } = record;
  const numbers = [LOOPBACK, myProg, myVers, myProc].map(hexWord).join(" ");
  return `${numbers} ${priv} ${monName} ${myName}\n`;
}

/** Parses a line without its LF; undefined if it is not a record. */
export function parseRecord(line: string): MonitorRecord | undefined {
  if (line.length < MON_NAME_OFFSET + 1 || line.length > LINE_MAX_BYTES) return undefined;
  // C programs would see the line end there.
  if (line.includes("\0")) return undefined;
  const numbers = NUMBERS.exec(line.slice(0, PRIV_OFFSET));
  const priv = line.slice(PRIV_OFFSET, PRIV_OFFSET + 2 * PRIV_BYTES).toLowerCase();
  if (numbers === null || !PRIV.test(priv)) return undefined;
  const blank = line.indexOf(" ", MON_NAME_OFFSET);
  const monNameEnd = blank < 0 ? line.length : blank;
  const monNameLength = monNameEnd - MON_NAME_OFFSET;
  if (monNameLength === 0 || monNameLength > NAMES_MAX_BYTES) return undefined;
  let myNameStart = monNameEnd;
  while (line[myNameStart] === " ") myNameStart++;
  return {
    monName: ownText(line.slice(MON_NAME_OFFSET, monNameEnd)),
    myName: ownText(line.slice(myNameStart)),
    myProg: wordFromHex(numbers[2]!),
    myVers: wordFromHex(numbers[3]!),
    myProc: wordFromHex(numbers[4]!),
    priv: ownText(priv),
  };
}

/** Copy of a slice in its own memory: V8 keeps the whole text alive for a slice of it. */
function ownText(slice: string): string {
  const codes = new Array<number>(slice.length);
  for (let i = 0; i < slice.length; i++) codes[i] = slice.charCodeAt(i);
  return String.fromCharCode.apply(null, codes);
}

/** Bytes that a my_name may have: all but those that end a line or a C string, and no blank first. */
// deno-lint-ignore no-control-regex
const MY_NAME = /^(?! )[\x01-\x09\x0b-\xff]*$/;
/** Bytes that a mon_name may have: a blank would end it. */
// deno-lint-ignore no-control-regex
const MON_NAME = /^[\x01-\x09\x0b-\x1f\x21-\xff]+$/;

/** Why a record has no line that reads back unchanged, as the end of a sentence. */
export function recordFault({ monName, myName, priv }: MonitorRecord): string | undefined {
  if (!PRIV.test(priv)) return `priv is not ${PRIV_BYTES} bytes as hex digits`;
  if (monName.length + myName.length > NAMES_MAX_BYTES) return "record too long";
  if (!MON_NAME.test(monName)) return "mon_name has a character that no record may have there";
  if (!MY_NAME.test(myName)) return "my_name has a character that no record may have there";
  return undefined;
}

function hexWord(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}

function wordFromHex(digits: string): number {
  return parseInt(digits, 16) | 0;
}
