/**
 * Reader of nfs.conf: the files in their order, includes, and values.
 *
 * Only this file reads settings from disk, and imports `@std/ini`. The object that its parser
 * returns keeps only the last of several sections of one name, so assignments are taken from the
 * reviver, which sees them in order.
 *
 * Source: nfs.conf(5); nfs-utils 2.7.1 for `/usr/etc`.
 */

import { parse } from "@std/ini";
import { messageOf } from "../reason.ts";
import { ConfigError } from "./errors.ts";
import { type Section, sectionOf, toIni } from "./grammar.ts";
import type { ReadFiles, ReadOptions } from "./read_files.ts";
import { versionOrder } from "./version_order.ts";

/** Assignment `key = value`, with its place. */
export interface Assignment {
  /** Section, lower case; undefined for a macOS key outside any section. */
  readonly section: string | undefined;
  /** Quoted text of `[section "arg"]`. */
  readonly arg: string | undefined;
  /** Key in lower case. */
  readonly key: string;
  /** Text as written, with `$NAME` not replaced; never empty. */
  readonly value: string;
  /** `FILE:LINE`. */
  readonly source: string;
}

/** Contents of all files; later assignments win. */
export interface NfsConf {
  readonly assignments: readonly Assignment[];
  readonly warnings: readonly ConfigError[];
  /** Whether every file that exists could be read. */
  readonly isWhole: boolean;
}

/** Environment variables, as in `Deno.env`. */
export interface Environment {
  get(name: string): string | undefined;
}

/** Directories with nfs.conf and nfs.conf.d, the distribution's before the administrator's. */
const CONF_FOLDERS = ["/usr/etc", "/etc"] as const;

/** Limit of nested includes, against loops. */
const INCLUDE_DEPTH_MAX = 10;

/** Limit of included files: repeated includes grow exponentially with the depth. */
const INCLUDES_MAX = 100;

/**
 * Limit of all files together, in bytes: a thousand identities fit. They are read again while calls wait, some
 * 15 ms for so many.
 */
const CONF_MAX_BYTES = 131_072;

/** Reads the system's settings; an existing main file replaces all earlier ones. */
export function readNfsConf(files: ReadFiles): NfsConf {
  let conf: NfsConf = { assignments: [], warnings: [], isWhole: true };
  for (const folder of CONF_FOLDERS) {
    const path = `${folder}/nfs.conf`;
    const next = readConfFile(path, files);
    const exists = files.statFault(path) === undefined;
    conf = exists ? next : {
      assignments: [...conf.assignments, ...next.assignments],
      warnings: [...conf.warnings, ...next.warnings],
      isWhole: conf.isWhole && next.isWhole,
    };
  }
  return conf;
}

/** Reads one main file, which may be missing, and the drop-in files of its `.d` directory. */
export function readConfFile(path: string, files: ReadFiles): NfsConf {
  const dropIns = files.list(`${path}.d`)
    .filter((name) => name.endsWith(".conf") && !name.startsWith("."))
    .sort(versionOrder);
  const reader = new Reader(files);
  reader.read(path);
  for (const name of dropIns) reader.read(`${path}.d/${name}`);
  return reader;
}

/**
 * Last matching assignment, with `$NAME` replaced; undefined if there is none, or if NAME is
 * neither in the environment nor in section `[environment]`.
 */
export function lookUp(
  conf: NfsConf,
  env: Environment,
  isWanted: (at: Assignment) => boolean,
): Assignment | undefined {
  const found = conf.assignments.findLast(isWanted);
  return found === undefined ? undefined : expand(found, conf, env);
}

/** Replaces a value that starts with `$`; the value of an environment variable is not expanded further. */
function expand(at: Assignment, conf: NfsConf, env: Environment): Assignment | undefined {
  const seen = new Set<string>();
  let { value } = at;
  while (value.startsWith("$")) {
    const name = value.slice(1);
    const variable = env.get(name);
    if (variable !== undefined && variable !== "") return { ...at, value: variable };
    const key = name.toLowerCase();
    const next = conf.assignments.findLast((other) =>
      other.section === "environment" && other.arg === undefined && other.key === key
    );
    if (next === undefined || seen.has(key)) return undefined;
    seen.add(key);
    value = next.value;
  }
  return { ...at, value };
}

/** Collector of the assignments of several files. */
class Reader implements NfsConf {
  readonly assignments: Assignment[] = [];
  readonly warnings: ConfigError[] = [];
  isWhole = true;
  private includes = 0;
  private bytesLeft = CONF_MAX_BYTES;

  constructor(private readonly files: ReadFiles) {}

  /** Reads a file that may be missing; returns whether it exists. */
  read(path: string, within?: Section, depth = 0): boolean {
    const file = this.files.readText(path, { waitsForWriter: true, maxBytes: this.bytesLeft });
    if (file.kind === "missing") return false;
    if (file.kind === "unreadable") {
      this.isWhole = false;
      this.warnings.push(new ConfigError(path, "", `Ignored: ${file.reason}`));
      return true;
    }
    if (file.warning !== undefined) this.warnings.push(new ConfigError(path, "", file.warning));
    this.bytesLeft -= file.text.length;
    const { ini, faults } = toIni(file.text, within);
    for (const { line, reason } of faults) {
      this.warnings.push(new ConfigError(`${path}:${line}`, "", reason));
    }
    parse(ini, {
      reviver: (lineAndKey, quoted, header) => {
        this.assign(path, lineAndKey, String(quoted).slice(1, -1), header, depth);
      },
    });
    return true;
  }

  private assign(
    path: string,
    lineAndKey: string,
    value: string,
    header: string | undefined,
    depth: number,
  ): void {
    const [line, ...words] = lineAndKey.split(" ");
    const key = words.join(" ");
    const source = `${path}:${line}`;
    const within = header === undefined ? undefined : sectionOf(header);
    if (key === "include" && within !== undefined) {
      this.include(path, value, source, within, depth);
    } else {
      this.assignments.push({ section: within?.[0], arg: within?.[1], key, value, source });
    }
  }

  /** Reads another file in place; a leading `-` means that it may be missing. */
  private include(from: string, value: string, source: string, within: Section, depth: number) {
    const optional = value.startsWith("-");
    const name = optional ? value.slice(1) : value;
    const path = name.startsWith("/") ? name : `${from.slice(0, from.lastIndexOf("/") + 1)}${name}`;
    const fault = depth >= INCLUDE_DEPTH_MAX
      ? `more than ${INCLUDE_DEPTH_MAX} files deep`
      : ++this.includes > INCLUDES_MAX
      ? `more than ${INCLUDES_MAX} files are included`
      : !this.read(path, within, depth + 1) && !optional
      ? "no such file"
      : undefined;
    if (fault === undefined) return;
    this.warnings.push(new ConfigError(source, "include", `Cannot read "${path}": ${fault}`));
  }
}

/** Real file system. */
export const systemFiles: ReadFiles = {
  readText(path, { waitsForWriter, maxBytes = Infinity }: ReadOptions = { waitsForWriter: false }) {
    try {
      const { isFile, isDirectory, rdev } = Deno.statSync(path);
      const isReadable = isFile || isDirectory || rdev === NULL_DEVICE; // a directory says so itself
      if (!isReadable) return { kind: "unreadable", reason: NOT_A_FILE };
      if (!waitsForWriter) return { kind: "text", text: Deno.readTextFileSync(path) };
      using file = Deno.openSync(path);
      if (file.statSync().size > maxBytes) return { kind: "unreadable", reason: TOO_LONG };
      const isWhole = waitForWriter(file);
      const text = Deno.readTextFileSync(path);
      return isWhole ? { kind: "text", text } : { kind: "text", text, warning: LOCKED };
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return { kind: "missing" };
      return { kind: "unreadable", reason: systemWords(error) };
    }
  },
  list(folder) {
    try {
      return Array.from(Deno.readDirSync(folder))
        .filter((entry) => entry.isFile || entry.isSymlink)
        .map((entry) => entry.name);
    } catch {
      return []; // A missing or unreadable directory holds no settings.
    }
  },
  statFault(path) {
    try {
      Deno.statSync(path);
      return undefined;
    } catch (error) {
      return systemWords(error);
    }
  },
  absolute: (path) => `${Deno.cwd()}/${path}`,
};

/** Attempts, and the pause between them in ms, before a locked file is read anyway. */
const LOCK_TRIES = 4;
const LOCK_PAUSE_MS = 10;
/** Device number of /dev/null, an empty file; other devices may have no end. Source: null(4). */
const NULL_DEVICE = 0x103;
const NOT_A_FILE = "it is no file";
const TOO_LONG = `longer than ${CONF_MAX_BYTES} bytes, with the files before it`;
const LOCKED = "another process has locked it, perhaps to write it; it is read as it is now";

/**
 * Waits for a writer, to avoid reading a half-written file: nfsconf(8) rewrites it under an
 * exclusive lock. The wait is bounded, because any user that can read a file can lock it.
 *
 * @returns Whether the file is unlocked.
 */
function waitForWriter(file: Deno.FsFile): boolean {
  try {
    for (let left = LOCK_TRIES; !file.tryLockSync(false); left--) {
      if (left === 0) return false;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LOCK_PAUSE_MS);
    }
  } catch {
    // On a file system without locks no process can hold one.
  }
  return true;
}

/** System's error text at the start of Deno's message, such as `Permission denied`. */
function systemWords(error: unknown): string {
  return messageOf(error).replace(/ \(os error.*$/s, "");
}

/**
 * Real file system, with relative paths based on a directory, independently of the working
 * directory.
 */
export function filesFrom(folder: string): ReadFiles {
  const absolute = (path: string) => path.startsWith("/") ? path : `${folder}/${path}`;
  return { ...systemFiles, absolute, statFault: (path) => systemFiles.statFault(absolute(path)) };
}
