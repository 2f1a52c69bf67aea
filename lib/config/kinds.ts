/**
 * Kinds of values: parsing and formatting.
 *
 * Source: nfs.conf(5), statd(8); value rules as observed of nfs-utils.
 */

import { readRetrySchedule } from "../nsm/notify/retry_schedule.ts";
import type { ReadFiles } from "./read_files.ts";

/** Result of parsing: a value, a problem, or a value with a problem in a part that was left out. */
export interface Reading<T> {
  readonly value?: T;
  readonly problem?: string;
}

/** Kind of value. */
export interface Kind<T> {
  /** Description of valid values, for the sample nfs.conf. */
  readonly hint: string;
  /** An invalid value ends the program, instead of giving the default. */
  readonly fatal?: true;
  /** Parses the text of an option or an nfs.conf value. */
  read(text: string, files: ReadFiles): Reading<T>;
  /** Formats a value for nfs.conf, before quoting. */
  write(value: T): string;
}

/**
 * Number at the start of a text, with leading blanks and trailing junk (`" 12x"` is 12); undefined
 * without a digit.
 *
 * Deviation: C's function of that name wraps above 2^31 (4294967297 is 1); here such a number stays
 * large and fails the range check.
 */
export function atoi(text: string): number | undefined {
  const digits = /^[ \t\n\v\f\r]*([+-]?[0-9]+)/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Integer from `min` to `max`; `called` names it in messages. */
export function number(min: number, max: number, called: string, unit = ""): Kind<number> {
  return {
    hint: `${min} to ${max}${unit}`,
    read(text) {
      const value = atoi(text);
      const usable = value !== undefined && value >= min && value <= max;
      return usable ? { value } : { problem: `bad ${called}: ${text} (${min} to ${max})` };
    },
    write: String,
  };
}

const TRUE = ["1", "t", "true", "y", "yes", "on"];
const FALSE = ["0", "f", "false", "n", "no", "off"];

/** Yes or no, in any spelling of nfs-utils, in any letter case. */
export const boolean: Kind<boolean> = {
  hint: "yes or no",
  read(text) {
    const word = text.toLowerCase();
    if (TRUE.includes(word)) return { value: true };
    if (FALSE.includes(word)) return { value: false };
    return { problem: `neither yes nor no: ${text}` };
  },
  write: (value) => value ? "yes" : "no",
};

/** Any text. */
export const text: Kind<string> = {
  hint: "text",
  read: (value) => ({ value }),
  write: (value) => value,
};

/** Address to listen on: a numeric address and a port, or the path of a Unix socket. */
export const place: Kind<string> = {
  hint: "ADDRESS:PORT, [ADDRESS]:PORT or the path of a Unix socket",
  read(text) {
    const port = /^(?:[\d.]+|\[[\da-f:.]+\]):(\d{1,5})$/i.exec(text)?.[1];
    const isUsable = text.startsWith("/") || (port !== undefined && Number(port) <= 65535);
    return isUsable ? { value: text } : { problem: `neither ADDRESS:PORT nor a path: ${text}` };
  },
  write: (value) => value,
};

/** One of several words, in any letter case. */
export function choice<const Word extends string>(words: readonly Word[]): Kind<Word> {
  return {
    hint: words.join(", "),
    read(text) {
      const value = words.find((word) => word === text.trim().toLowerCase());
      return value === undefined ? { problem: `none of ${words.join(", ")}: ${text}` } : { value };
    },
    write: (value) => value,
  };
}

/** Numeric addresses, separated by commas. */
export const addresses: Kind<readonly string[]> = {
  hint: "comma-separated list of numeric addresses",
  read(text) {
    const given = words(text);
    const wrong = given.filter((word) => !/^(?:[\d.]+|[\da-f]*:[\da-f:.]+(?:%.+)?)$/i.test(word));
    return wrong.length === 0
      ? { value: given }
      : { problem: `not a numeric address: ${wrong.join(", ")}` };
  },
  write: (value) => value.join(", "),
};

/** Comma-separated words, without surrounding blanks and empty words. */
export const list: Kind<readonly string[]> = {
  hint: "comma-separated list",
  read: (value) => ({ value: words(value) }),
  write: (value) => value.join(", "),
};

/** Retry schedule of sm-notify: the name of a schedule, or pauses in seconds. */
export const retrySchedule: Kind<string> = {
  hint: "linux, bsd, macos, or pauses in seconds separated by commas",
  read(text) {
    const value = text.trim().toLowerCase();
    const isOne = readRetrySchedule(value) !== undefined;
    return isOne ? { value } : { problem: `not a retry schedule: ${text}` };
  },
  write: (value) => value,
};

function words(text: string): readonly string[] {
  return text.split(",").map((word) => word.trim()).filter((word) => word !== "");
}

/** Debug facilities. */
const DEBUG_FACILITIES = ["general", "call", "auth", "parse"] as const;

export type DebugFacility = typeof DEBUG_FACILITIES[number];

/** List of debug facilities; `all` and `1` mean all of them, `0` none. */
export const debug: Kind<readonly DebugFacility[]> = {
  hint: `comma-separated list of ${DEBUG_FACILITIES.join(", ")}, all; 0 is none, 1 is all`,
  read(text) {
    const given = words(text.toLowerCase());
    const all = given.includes("all") || given.includes("1");
    const value = DEBUG_FACILITIES.filter((facility) => all || given.includes(facility));
    const known: readonly string[] = [...DEBUG_FACILITIES, "all", "0", "1"];
    const unknown = given.filter((word) => !known.includes(word));
    return unknown.length === 0
      ? { value }
      : { value, problem: `Invalid debug facility: ${unknown.join(", ")}` };
  },
  write: (value) => value.length === 0 ? "0" : value.join(", "),
};

/**
 * Existing directory whose parent is not relative to the working directory: `tmp` and `./tmp` are
 * refused, `tmp/nfs` is not. It is made absolute at once, because a daemon leaves the working
 * directory (B11).
 *
 * Source: observed of rpc.statd and sm-notify 2.6.2.
 */
export const directory: Kind<string> = {
  hint: "absolute path of an existing directory",
  fatal: true,
  read(path, files) {
    const fault = files.statFault(path);
    if (fault !== undefined) return { problem: `Failed to stat ${path}: ${fault}` };
    const bare = path.replace(/(?<=.)\/+$/, "");
    const relative = !bare.includes("/") || bare.startsWith(".");
    if (relative) return { problem: `Unusable directory ${path}` };
    return { value: path.startsWith("/") ? path : files.absolute(path) };
  },
  write: (value) => value,
};
