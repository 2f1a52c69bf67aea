/** Formatting of names, times and JSON. */

import { asciiJson, quote } from "../quote.ts";

/** Text that needs no quotes: printable ASCII without blank, quote and backslash, of limited length. */
const PLAIN = /^[!#-[\]-~]{1,256}$/;

/** External name, safe for a terminal: quoted only if it needs escaping. */
export function shown(name: string): string {
  return PLAIN.test(name) ? name : quote(name);
}

/** Indented JSON with a line end, in ASCII. */
export function jsonText(value: unknown): string {
  return `${asciiJson(value, 2)}\n`;
}

/** JSON in one line, with its end. */
export function jsonLine(value: unknown): string {
  return `${asciiJson(value)}\n`;
}

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** Duration in its largest units: `3 d 4 h`, `12 s`. */
export function spanText(ms: number, units = 2): string {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const first = UNITS.findIndex(([, size]) => seconds >= size);
  if (first < 0) return "0 s";
  const parts: string[] = [];
  for (const [name, size] of UNITS.slice(first, first + units)) {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(" ");
}

/** Earliest plausible time, in ms since 1970: clocks without a battery start there. */
export const EARLIEST_MS = Date.UTC(2000, 0, 1);
/** Tolerated time in the future, in ms: clocks of file servers differ a little. */
const SKEW_MS = 60_000;

/** Whether a clock was right when it gave a time, as far as the present one tells. */
export function isPlausible(at: number, now: number): boolean {
  return at >= EARLIEST_MS && at <= now + SKEW_MS;
}

/** Age of a time in one unit; empty if unknown, `?` if a clock was wrong then or is wrong now. */
export function ageText(at: number | undefined, now: number): string {
  if (at === undefined) return "";
  return isPlausible(at, now) ? spanText(now - at, 1) : "?";
}

/** Time in ISO 8601. */
export function isoText(at: number): string {
  return new Date(at).toISOString();
}

const AGE_UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
};

/** Milliseconds of an age like `30d`, `12h` or `90min`; undefined if invalid. */
export function parseAge(text: string): number | undefined {
  const [, digits = "", unit = ""] = /^(\d{1,6})\s?(s|m|min|h|d|w)$/.exec(text) ?? [];
  const size = AGE_UNITS[unit];
  return size === undefined ? undefined : Number(digits) * size;
}

/** Time given by an age, or by a local date with or without a time; undefined if invalid. */
export function parseMoment(text: string, now: number): number | undefined {
  const age = parseAge(text);
  if (age !== undefined) return now - age;
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/.test(text)) {
    return undefined;
  }
  // A date alone would be parsed as UTC.
  const moment = Date.parse(text.length === 10 ? `${text}T00:00` : text);
  return Number.isNaN(moment) ? undefined : moment;
}

/** Local time with its UTC offset: `2026-11-26 14:40:02+01:00`. */
export function localText(at: number): string {
  const offset = -new Date(at).getTimezoneOffset();
  const local = new Date(at + offset * 60_000).toISOString();
  const minutes = String(Math.abs(offset) % 60).padStart(2, "0");
  const hours = String(Math.floor(Math.abs(offset) / 60)).padStart(2, "0");
  return `${local.slice(0, 10)} ${local.slice(11, 19)}${offset < 0 ? "-" : "+"}${hours}:${minutes}`;
}

/** Local time, shortened if it is today: `14:40:02`. */
export function clockText(at: number, now: number): string {
  const text = localText(at);
  return text.slice(0, 10) === localText(now).slice(0, 10) ? text.slice(11, 19) : text.slice(0, 16);
}
