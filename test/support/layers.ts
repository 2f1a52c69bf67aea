/**
 * The layout and its import rule as data, and the check of one file against them. Imports point down
 * or right; statd/, notify/, nsmctl/ and rpcbind/ never import each other, and doctor/ is the one
 * command of nsmctl that has a room of its own, above the others:
 *
 * ```
 * main.ts -> commands/ -> doctor/ -> nsmctl/
 *                      -> statd/, nsmctl/ -> control/ -> store/, net/ -> platform/
 *                      -> notify/, rpcbind/ -----------> store/, net/ -> platform/
 *                      -> config/, log.ts                                leaves
 * statd/, nsmctl/      -> cluster/ -> nsm/
 * statd/, control/     -> nsm/ -> protocol/ -> rpc/ -> xdr/, time/
 * notify/, nsmctl/     -> nsm/notify/ -> nsm/
 * ```
 */

import { codeOf, functionsOf, importsOf, lineAt, topLevelOf } from "./module_text.ts";

/** Maximum length of a file, in lines. */
const LINES_MAX = 300;

/** Maximum length of a function, in lines. */
const FUNCTION_LINES_MAX = 60;

/** Maximum share of lib/'s lines in one of its folders. */
export const FOLDER_SHARE_MAX = 0.18;

interface Part {
  /** Folders and files of lib/ and `deno.json` that the part may import, besides itself. */
  readonly values: readonly string[];
  /** Folders and files of which the part may import types only. */
  readonly types?: readonly string[];
  /** Whether all files, or which files, may use `Deno`. */
  readonly deno?: boolean | readonly string[];
  /** True for parts testable without a clock, chance or network. */
  readonly isPure?: boolean;
}

/** Interfaces: log.ts is a type, so that tests can record; ports.ts declares the needs of nsm/. */
const INTERFACES = ["log.ts", "nsm/ports.ts"];

/** Parts below the programs, and the files beside them. */
const BASE = [
  "config",
  "platform",
  "store",
  "net",
  "hosts",
  "cluster",
  "nsm",
  "protocol",
  "rpc",
  "xdr",
  "time",
];
/** Formatting of received text, and of errors. */
const TEXTS = ["quote.ts", "reason.ts"];
const FILES = ["log.ts", "log_limits.ts", ...TEXTS, "json_object.ts", "deno.json"];

const PARTS: Readonly<Record<string, Part>> = {
  xdr: { values: [], isPure: true },
  rpc: { values: ["xdr", "time"], isPure: true },
  protocol: { values: ["rpc", "xdr"], isPure: true },
  time: { values: [], isPure: true },
  nsm: {
    values: ["protocol", "rpc", "xdr", "time", ...TEXTS],
    types: ["log.ts", "log_limits.ts"],
    isPure: true,
  },
  "nsm/notify": {
    values: ["nsm", "protocol", "rpc", "xdr", "time", ...TEXTS],
    types: ["log.ts", "log_limits.ts"],
    isPure: true,
  },
  // Reasons: ports.ts has the errors that a Store throws, too; the rule for the file `state` exists
  // once; the C library's calls read thousands of files three times as fast.
  store: {
    values: [
      "nsm/ports.ts",
      "nsm/host_name.ts",
      "nsm/registration_key.ts",
      "nsm/state_number.ts",
      "nsm/events.ts",
      "platform",
      "time",
      ...TEXTS,
      "json_object.ts",
    ],
    types: [...INTERFACES, "nsm/notify/notify_outcome.ts"],
    deno: true,
  },
  // Calls of a ledger's file system, which may hang, are in platform/ and passed in.
  cluster: {
    values: [
      "nsm/ports.ts",
      "nsm/host_name.ts",
      "nsm/registration_key.ts",
      "nsm/state_number.ts",
      "rpc/address.ts",
      "time",
      ...TEXTS,
      "json_object.ts",
    ],
    types: INTERFACES,
    isPure: true,
  },
  net: {
    values: ["rpc", "platform", "time", ...TEXTS],
    types: INTERFACES,
    deno: true,
  },
  // Retry schedules have one grammar.
  config: {
    values: [...TEXTS, "deno.json", "nsm/notify/retry_schedule.ts"],
    types: INTERFACES,
    deno: ["ini_file.ts"],
  },
  platform: {
    values: ["time", ...TEXTS],
    types: [...INTERFACES, "config/load.ts"],
    deno: true,
  },
  "log.ts": { values: ["quote.ts"], deno: true },
  "log_limits.ts": { values: [], types: ["log.ts", "time"], isPure: true },
  "quote.ts": { values: [], isPure: true },
  "reason.ts": { values: [], isPure: true },
  "json_object.ts": { values: [], isPure: true },
  hosts: {
    values: ["net", "nsm", "rpc", "time", ...TEXTS],
    types: INTERFACES,
    deno: true,
  },
  control: {
    values: [
      "cluster",
      "store",
      "net",
      "platform",
      "nsm",
      "protocol",
      "rpc",
      "time",
      ...TEXTS,
    ],
    types: [...INTERFACES, "config/etcd_settings.ts"],
    deno: true,
  },
  statd: { values: ["control", ...BASE, ...FILES], deno: true },
  notify: { values: ["nsm/notify", ...BASE, ...FILES], deno: true },
  nsmctl: { values: ["control", "nsm/notify", ...BASE, ...FILES], deno: true },
  doctor: { values: ["nsmctl", "control", ...BASE, ...FILES], deno: true },
  rpcbind: { values: [...BASE, ...FILES], deno: true },
  commands: {
    values: [
      "statd",
      "notify",
      "nsmctl",
      "doctor",
      "rpcbind",
      "control",
      "nsm/notify",
      ...BASE,
      ...FILES,
    ],
    deno: true,
  },
  "main.ts": { values: ["commands", "config", "platform"], deno: true },
};

/** Files that may import an outside package. */
const DOORS: Readonly<Record<string, RegExp>> = {
  "@std/ini": /^lib\/config\/ini_file\.ts$/,
  "@std/cli": /^lib\/nsmctl\/command\.ts$/,
  "@std/log": /^lib\/log\.ts$/,
  "@std/path": /^lib\/(?:store|commands|statd|notify|nsmctl|rpcbind|control)\//,
  "@std/assert": /^test\//,
};

/** Allowed beginnings of a top-level line; deno fmt indents all others, except effects. */
const DECLARATION =
  /^(?:\s|$|(?:import|export|const|function|class|interface|type|enum|declare)\b|(?:async function|abstract class)\b|[)\]}>`])/;

const AMBIENT =
  /\b(?:setTimeout|setInterval|performance|crypto|fetch|console|Math\.random|AbortSignal\.timeout|Date\.now|new Date\(\))/g;

interface Fault {
  readonly line: number;
  /** Violation and remedy. */
  readonly fault: string;
}

/**
 * Violations of a file, a message each, with file, line and remedy.
 *
 * `path` is relative to the project; `text` is the file's content.
 */
export function breachesOf(path: string, text: string): string[] {
  const code = codeOf(text);
  const faults = [...nameFaults(path), ...importFaults(path, text, code)];
  if (!path.startsWith("test/")) faults.push(...partFaults(path, text, code));
  if (path.startsWith("lib/")) faults.push(...effects(path, code));
  return faults.sort((a, b) => a.line - b.line).map(({ line, fault }) =>
    `${path}:${line} ${fault}`
  );
}

function* nameFaults(path: string): Generator<Fault> {
  for (const name of path.split("/")) {
    if (/^[a-z0-9]+(?:_[a-z0-9]+)*(?:\.ts)?$/.test(name)) continue;
    yield { line: 1, fault: `is named "${name}": name files and folders in snake_case` };
  }
}

function* importFaults(path: string, text: string, code: string): Generator<Fault> {
  for (const { specifier, isTypeOnly, line } of importsOf(text, code)) {
    const reason = importFault(path, specifier, isTypeOnly);
    const what = specifier === undefined ? "a computed path" : `"${specifier}"`;
    if (reason !== undefined) yield { line, fault: `imports ${what}: ${reason}` };
  }
}

/** Violations of the rules for the file's part. */
function* partFaults(path: string, text: string, code: string): Generator<Fault> {
  const part = PARTS[partOf(path)];
  const lines = text.split("\n").length - 1;
  if (path.endsWith("/mod.ts")) {
    yield { line: 1, fault: "is a barrel: let others import the files that have the things" };
  }
  if (part === undefined) {
    const where = "put it where the layout has a place for it, or add it to test/support/layers.ts";
    yield { line: 1, fault: `is no part of the layout: ${where}` };
  }
  if (lines > LINES_MAX) {
    yield { line: LINES_MAX, fault: `has ${lines} lines: split it, ${LINES_MAX} are the most` };
  }
  for (const { line, lines } of functionsOf(code)) {
    if (lines <= FUNCTION_LINES_MAX) continue;
    const fault = `has a function of ${lines} lines: ${FUNCTION_LINES_MAX} are the most`;
    yield { line, fault };
  }
  if (!mayUseDeno(part, path)) {
    for (const { index } of code.matchAll(/\bDeno\b/g)) {
      const fault = "uses Deno: move that behind an interface, into net/, store/ or platform/";
      yield { line: lineAt(code, index), fault };
    }
  }
  if (part?.isPure) {
    for (const { index, 0: name } of code.matchAll(AMBIENT)) {
      const fault = `uses ${name}: take the clock, chance or network as a parameter`;
      yield { line: lineAt(code, index), fault };
    }
  }
}

/**
 * Part of a file: `xdr` for lib/xdr/types.ts, `log.ts` for lib/log.ts; `main.ts` and `deno.json`
 * are their own.
 */
function partOf(path: string): string {
  if (path.startsWith("lib/nsm/notify/")) return "nsm/notify";
  return path.replace(/^lib\//, "").split("/")[0]!;
}

function mayUseDeno(part: Part | undefined, path: string): boolean {
  const { deno = false } = part ?? {};
  return typeof deno === "boolean" ? deno : deno.some((name) => path.endsWith(`/${name}`));
}

/** Reason why a file may not import a specifier; undefined if it may. */
function importFault(
  path: string,
  specifier: string | undefined,
  isTypeOnly: boolean,
): string | undefined {
  if (specifier === undefined) return "write the path as plain text, so that it can be checked";
  if (!/^\.{1,2}\//.test(specifier)) return packageFault(path, specifier);
  if (specifier.endsWith("/mod.ts")) return "import the file that has the thing";
  if (path.startsWith("test/")) return undefined;
  const target = new URL(specifier, `file:///${path}`).pathname.slice(1);
  return directionFault(partOf(path), target, isTypeOnly);
}

function packageFault(path: string, specifier: string): string | undefined {
  const name = /^@[^/]+\/[^/]+/.exec(specifier)?.[0] ?? specifier;
  const door = DOORS[name];
  if (door !== undefined) {
    const files = door.source.replaceAll(/[\\^$]/g, "");
    return door.test(path) ? undefined : `only ${files} may import ${name}`;
  }
  if (!specifier.startsWith("node:")) return "a new package needs a reason and a door of its own";
  return path.startsWith("test/") ? undefined : "use Deno's own interfaces";
}

function directionFault(from: string, target: string, isTypeOnly: boolean): string | undefined {
  if (target.startsWith("test/")) return "tests use the program, not the other way round";
  const to = partOf(target);
  const part = PARTS[from];
  if (from === to || part === undefined) return undefined;
  const isOneOf = (names: readonly string[]) =>
    names.includes(to) || names.includes(target.replace(/^lib\//, ""));
  if (isOneOf(part.values)) return undefined;
  if (isOneOf(part.types ?? [])) {
    return isTypeOnly ? undefined : "say `import type`, or have the thing passed in";
  }
  const allowed = part.values.length > 0
    ? `imports from ${part.values.join(", ")} only`
    : "imports none of ours";
  return `${from} ${allowed}; declare an interface where it is needed and have the thing passed in`;
}

/** Effects of loading a module. */
function* effects(path: string, code: string): Generator<Fault> {
  const topLevel = topLevelOf(code);
  for (const [index, line] of topLevel.split("\n").entries()) {
    if (/^(?:export\s+)?(?:let|var)\b/.test(line)) {
      // platform/ may cache what is opened once per process, such as the C library.
      if (path.startsWith("lib/platform/") && !line.startsWith("export")) continue;
      yield { line: index + 1, fault: "has a variable: keep state in an object that is passed on" };
    } else if (!DECLARATION.test(line)) {
      yield { line: index + 1, fault: "does something when imported: do it in a function" };
    }
  }
  let offset = 0;
  for (const statement of topLevel.split(";")) {
    const effect = /\bDeno(?:\.\w+)+\s*\(|\bawait\b/.exec(statement.split("=>")[0]!);
    if (effect !== null) {
      const line = lineAt(topLevel, offset + effect.index);
      yield { line, fault: "does something when imported: do it in a function" };
    }
    offset += statement.length + 1;
  }
}
