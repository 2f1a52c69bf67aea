/** What a setting is: where it can be given, and what it holds. The settings are in settings.ts. */

import { atoi, type Kind, number } from "./kinds.ts";

/** One setting: where it can be given, what it holds, and what it is without being given. */
export interface Setting<T> {
  readonly kind: Kind<T>;
  readonly default: T;
  /** One sentence for `--help` and the sample nfs.conf; says the unit. */
  readonly help: string;
  readonly file?: FileKey;
  readonly option?: Option<T>;
  /** Environment variable that sets a boolean when it holds a positive number. */
  readonly environment?: string;
  /** Takes effect when statd reads its settings again, on SIGHUP; without it, after a restart. */
  readonly isLive?: true;
  /** Setting to take the value of while this one is zero and not in the file. */
  readonly follows?: string;
}

/** Where a setting stands in nfs.conf. */
export interface FileKey {
  readonly section: "statd" | "lockd" | "sm-notify" | "rpcbind";
  readonly key: string;
  /** Spelling of macOS, outside any section. */
  readonly flat?: string;
}

/** How a setting is given on the command line: as a switch, or with an argument. */
export type Option<T> =
  /** Help of its own, where the option says the opposite of the setting. */
  & { readonly short?: string; readonly long: string; readonly help?: string }
  & (
    | { readonly sets: T }
    /** Name of the argument in `--help`, and its kind where it differs from the file's. */
    | {
      readonly argument: string;
      readonly kind?: Kind<T>;
      /** The value is a list, to which each further one adds. */
      readonly isRepeatable?: true;
    }
  );

/** Settings of one program by their name in the settings object. */
export type Table = Readonly<Record<string, Setting<unknown>>>;

/** The settings object that a table describes. */
export type SettingsOf<T extends Table> = {
  readonly [Name in keyof T]: T[Name] extends Setting<infer Value> ? Value : never;
};

const PORT_MAX = 65535;

/** Minutes whose seconds still fit in 31 bits. */
const MINUTES_MAX = 35_791_394;

/** A week: nobody waits longer for a grace period to end. */
export const DEADLINE_MAX_SECONDS = 604_800;

export const port = number(0, PORT_MAX, "port number");
/** An hour: a caller that waits for the program's end has long given up. */
const CALLOUT_SECONDS_MAX = 3600;

export const seconds = number(1, CALLOUT_SECONDS_MAX, "number of seconds", " seconds");
export const minutes = number(0, MINUTES_MAX, "number of minutes", " minutes");

/** A port as statd takes it on the command line, where 0 is an error. */
export const givenPort = (called: string) => number(1, PORT_MAX, called);

/** Minutes as sm-notify takes them on the command line: no number, or a negative one, is 0. */
export const givenMinutes: Kind<number> = {
  ...minutes,
  read: (given, files) => minutes.read(`${Math.max(0, atoi(given) ?? 0)}`, files),
};

/** Makes the compiler infer a row's type from its kind. */
export function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}
