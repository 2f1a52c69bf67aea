/** Definition of a setting: where it can be given, and its values. The settings are in settings.ts. */

import { atoi, type Kind, number } from "./kinds.ts";

/** Setting: places where it can be given, kind of value, and default. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  /** One sentence for `--help` and the sample nfs.conf, with the unit. */
  readonly help: string;
  readonly file?: FileKey;
  readonly option?: Option<T>;
  /** Environment variable that sets a boolean when it holds a positive number. */
  readonly environment?: string;
  /** Takes effect on SIGHUP; absent: after a restart. */
  readonly isLive?: true;
  /** Setting whose value is used while this one is zero and not in the file. */
  readonly follows?: string;
}

/** Place of a setting in nfs.conf. */
export interface FileKey {
  readonly section: "statd" | "lockd" | "sm-notify" | "rpcbind";
  readonly key: string;
  /** Spelling of macOS, outside any section. */
  readonly flat?: string;
}

/** Option on the command line: a switch, or with an argument. */
export type Option<T> =
  /** Help of its own, for an option that means the opposite of the setting. */
  & { readonly short?: string; readonly long: string; readonly help?: string }
  & (
    | { readonly sets: T }
    /** Name of the argument in `--help`, and its kind if different from the file's. */
    | {
      readonly argument: string;
      readonly kind?: Kind<T>;
      /** The value is a list, to which repetitions append. */
      readonly isRepeatable?: true;
    }
  );

/** Settings of one program, by property name. */
export type Table = Readonly<Record<string, Setting<unknown>>>;

/** Settings object of a table. */
export type SettingsOf<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Setting<infer Value> ? Value : never;
};

const PORT_MAX = 65535;

/** Minutes whose seconds still fit in 31 bits. */
const MINUTES_MAX = 35_791_394;

/** Longest deadline, one week: longer than any wait for a grace period. */
export const DEADLINE_MAX_SECONDS = 604_800;

export const port = number(0, PORT_MAX, "port number");
/** Longest callout, one hour: the caller has long given up. */
const CALLOUT_SECONDS_MAX = 3600;

export const seconds = number(1, CALLOUT_SECONDS_MAX, "number of seconds", " seconds");
export const minutes = number(0, MINUTES_MAX, "number of minutes", " minutes");

/** Port on statd's command line, where 0 is an error. */
export const givenPort = (called: string) => number(1, PORT_MAX, called);

/** Minutes on sm-notify's command line, where an invalid or negative number is 0. */
export const givenMinutes: Kind<number> = {
  ...minutes,
  read: (given, files) => minutes.read(`${Math.max(0, atoi(given) ?? 0)}`, files),
};

/** Lets the compiler infer a row's type from its kind. */
export function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}
