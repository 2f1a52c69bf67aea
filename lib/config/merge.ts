/**
 * Merging of the layers of settings: options override the environment, the environment overrides
 * nfs.conf, and nfs.conf overrides defaults. Source: statd(8), nfs.conf(5).
 */

import { ConfigError } from "./errors.ts";
import { type Assignment, type Environment, lookUp, type NfsConf } from "./ini_file.ts";
import { atoi } from "./kinds.ts";
import type { ReadFiles } from "./read_files.ts";
import type { FileKey, Setting, SettingsOf, Table } from "./settings.ts";

/** Value and its origin. */
export interface Given {
  readonly value: unknown;
  /** `FILE:LINE`, `option -p`, `environment NAME` or `default`. */
  readonly origin: string;
}

/** Values of one layer, by the name of the setting. */
export type Layer = ReadonlyMap<string, Given>;

export interface Layers {
  readonly file: Layer;
  readonly environment: Layer;
  readonly options: Layer;
}

/** Settings in effect, with their origins. */
export interface Merged<T extends Table> {
  readonly settings: SettingsOf<T>;
  readonly origins: Readonly<Record<keyof T, string>>;
}

/** Takes each setting from the highest layer that has it; the result is frozen. */
export function merge<T extends Table>(table: T, layers: Layers): Merged<T> {
  const given = Object.entries(table).map(([name, row]) =>
    [name, pick(name, row, layers)] as const
  );
  const settings = Object.fromEntries(given.map(([name, { value }]) => [name, value]));
  const origins = Object.fromEntries(given.map(([name, { origin }]) => [name, origin]));
  return Object.freeze({
    settings: Object.freeze(settings) as SettingsOf<T>,
    origins: Object.freeze(origins) as Record<keyof T, string>,
  });
}

/** A setting that follows another takes its option's value, unless it has a value of its own. */
function pick(name: string, row: Setting<unknown>, layers: Layers): Given {
  const own = layers.options.get(name) ?? layers.environment.get(name) ?? layers.file.get(name) ??
    { value: row.default, origin: "default" };
  if (row.follows === undefined || own.value !== row.default) return own;
  return layers.options.get(row.follows) ?? own;
}

/** Environment layer: a variable counts when it holds a positive number. */
export function environmentLayer(table: Table, env: Environment): Layer {
  const layer = new Map<string, Given>();
  for (const [name, { environment }] of Object.entries(table)) {
    if (environment !== undefined && (atoi(env.get(environment) ?? "") ?? 0) > 0) {
      layer.set(name, { value: true, origin: `environment ${environment}` });
    }
  }
  return layer;
}

/**
 * nfs.conf layer. An unusable value causes a warning and is omitted.
 *
 * @throws {ConfigError} If a value is unusable and the setting's kind is fatal.
 */
export function fileLayer(
  table: Table,
  conf: NfsConf,
  env: Environment,
  files: ReadFiles,
): { readonly layer: Layer; readonly warnings: readonly ConfigError[] } {
  const layer = new Map<string, Given>();
  const warnings: ConfigError[] = [];
  for (const [name, row] of Object.entries(table)) {
    const { file, follows = "" } = row;
    const at = file && lookUp(conf, env, (assignment) => isAbout(assignment, file));
    const { value, problem } = at === undefined ? {} : row.kind.read(numberOrText(at, row), files);
    if (at !== undefined && problem !== undefined) {
      const error = new ConfigError(at.source, at.key, problem);
      if (row.kind.fatal) throw error;
      warnings.push(error);
    }
    const given = at !== undefined && value !== undefined
      ? { value, origin: at.source }
      : layer.get(follows);
    if (given !== undefined) layer.set(name, given);
  }
  return { layer, warnings };
}

/** Whether an assignment sets a setting, in its section or in the macOS spelling. */
export function isAbout({ section, arg, key }: Assignment, file: FileKey): boolean {
  return section === undefined
    ? key === file.flat
    : section === file.section && arg === undefined && key === file.key;
}

/**
 * Text of a value: macOS keys hold numbers in C notation (`0x10`, `020`), of which any but zero
 * means yes. Source: macOS nfs.conf(5).
 */
function numberOrText({ section, value }: Assignment, row: Setting<unknown>): string {
  const number = section === undefined && /^(?:0x([0-9a-f]+)|0([0-7]+)|([0-9]+))$/i.exec(value);
  if (!number) return value;
  const [, hex, octal, decimal] = number;
  const digits = hex ?? octal ?? decimal ?? "";
  const amount = parseInt(digits, hex !== undefined ? 16 : octal !== undefined ? 8 : 10);
  return String(typeof row.default === "boolean" ? Math.sign(amount) : amount);
}
