/** Report of `--check-config`. */

import { ConfigError } from "./errors.ts";
import { quoteValue } from "./grammar.ts";
import type { Assignment, NfsConf } from "./ini_file.ts";
import { isAbout, type Merged } from "./merge.ts";
import { didYouMean, nearest } from "./nearest.ts";
import { RPCBIND, type Setting, SM_NOTIFY, STATD, type Table } from "./settings.ts";

/** Column of the origins. */
const ORIGIN_COLUMN = 40;

/**
 * Settings in effect in nfs.conf's syntax, each with its origin, followed by warnings, and by notes
 * about unknown keys in our sections or among the macOS keys.
 */
export function checkConfig<T extends Table>(
  table: T,
  { settings, origins }: Merged<T>,
  warnings: readonly ConfigError[],
  conf: NfsConf,
): string {
  const sections = new Map<string, string[]>();
  for (const [name, row] of Object.entries(table)) {
    const section = row.file === undefined ? "# command line only" : `[${row.file.section}]`;
    const line = setting(row, settings[name]).padEnd(ORIGIN_COLUMN);
    const lines = sections.get(section) ?? [];
    sections.set(section, [...lines, `${line} # ${origins[name]}`]);
  }
  const remarks = [
    ...warnings.map(({ message }) => `# warning: ${message}`),
    ...unknownKeys(conf).map(({ error: { message } }) => `# note: ${message}`),
    ...misspeltSections(conf).map(({ message }) => `# note: ${message}`),
  ];
  const parts = [...Array.from(sections, ([section, lines]) => [section, ...lines]), remarks];
  return parts.filter((part) => part.length > 0).map((part) => `${part.join("\n")}\n`).join("\n");
}

/** Line of a setting; a comment if it has no value, or no key in nfs.conf. */
function setting(row: Setting<unknown>, value: unknown): string {
  const text = value === undefined ? "" : quoteValue(row.kind.write(value));
  if (row.file === undefined) return `# --${row.option?.long}: ${text}`;
  return text === "" ? `# ${row.file.key} =` : `${row.file.key} = ${text}`;
}

/** Unknown key, with its place and the probably intended key. */
export interface UnknownKey {
  readonly at: Assignment;
  readonly meant: string | undefined;
  readonly error: ConfigError;
}

/** Unknown keys in our sections, except `[lockd]`, whose keys also belong to the kernel. */
export function unknownKeys(conf: NfsConf): readonly UnknownKey[] {
  const rows: readonly Setting<unknown>[] = [STATD, SM_NOTIFY, RPCBIND]
    .flatMap((table) => Object.values<Setting<unknown>>(table));
  const known = rows.flatMap(({ file }) => file === undefined ? [] : [file]);
  return conf.assignments
    .filter(({ section, key }) =>
      section === "statd" || section === "sm-notify" || section === "rpcbind" ||
      section === undefined && key.startsWith("nfs.statd.")
    )
    .filter((at) => !known.some((file) => isAbout(at, file)))
    .map((at) => {
      const { section, arg, key, source } = at;
      const header = arg === undefined ? section : `${section} "${arg}"`;
      const where = section === undefined ? "" : ` in [${header}]`;
      const keys = known.flatMap((file) =>
        section === undefined ? file.flat ?? [] : file.section === section ? file.key : []
      );
      const reason = `no such setting${where}${keys.includes(key) ? "" : didYouMean(key, keys)}`;
      return { at, meant: nearest(key, keys), error: new ConfigError(source, key, reason) };
    });
}

/** Our sections. */
const OURS = ["statd", "sm-notify", "rpcbind", "lockd", "identity", "etcd"];
/** Sections of nfs-utils that resemble ours. Source: nfs.conf(5). */
const OTHERS = ["mountd", "nfsd", "gssd", "svcgssd", "exportd", "nfsdcld"];

/** Section that is none, and the one probably meant. */
export interface MisspeltSection {
  readonly section: string;
  readonly meant: string;
  /** `FILE:LINE` of its first setting. */
  readonly source: string;
  readonly message: string;
}

/** Sections with settings whose names resemble ours. */
export function misspeltSections(conf: NfsConf): readonly MisspeltSection[] {
  const found = new Map<string, MisspeltSection>();
  for (const { section, source, key } of conf.assignments) {
    if (section === undefined || found.has(section)) continue;
    if (OURS.includes(section) || OTHERS.includes(section)) continue;
    const meant = nearest(section, OURS);
    if (meant === undefined) continue;
    const { message } = new ConfigError(
      source,
      key,
      `there is no section [${section}]${didYouMean(section, OURS)}`,
    );
    found.set(section, { section, meant, source, message });
  }
  return [...found.values()];
}
