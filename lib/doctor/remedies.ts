/**
 * Remedies: command lines for root's shell on this host. With systemd, its services are managed
 * through it.
 */

import { isSystemdBooted } from "../platform/sd_notify.ts";
import {
  directoryOf,
  isContained,
  type Process,
  processOf,
  unitOf,
} from "../platform/processes.ts";
import { readableText } from "../platform/small_files.ts";
import { CONTROLS, printable } from "../quote.ts";

const UNIT = "rpc-statd.service";
/** Read after nfs.conf, and so overrides it. */
const DROP_IN_FOLDER = "/etc/nfs.conf.d";
const FOREGROUND = ["-F", "--foreground", "-d", "--no-syslog"];

/** Quotes a word for a shell if needed; control characters as `$'…'`, since they would reach a terminal. */
export function shellWord(text: string): string {
  if (printable(text) !== text) {
    const escaped = text.replaceAll(/['\\]/g, "\\$&").replaceAll(CONTROLS, (character) => {
      return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
    });
    return `$'${escaped}'`;
  }
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export class Remedies {
  readonly isSystemd = isSystemdBooted();

  /** `directory`: the state directory, unless the settings name it. */
  constructor(private readonly directory?: string) {}

  startStatd(): string[] {
    if (this.isSystemd) return ["systemctl start rpc-statd"];
    return [`rpc.statd --no-notify${this.#directoryOption}`];
  }

  /**
   * Restarts statd with its command line. `meanwhile` runs in between, for changes that a running
   * daemon would undo: as root it writes files of root's until its end.
   */
  restartStatd(pid: number, meanwhile: readonly string[] = []): string[] {
    if (!this.#isOfUnit(pid)) {
      return [...endProcess(pid), ...meanwhile, this.#commandOf(pid)];
    }
    if (meanwhile.length === 0) return ["systemctl restart rpc-statd"];
    return ["systemctl stop rpc-statd", ...meanwhile, "systemctl start rpc-statd"];
  }

  /** Lets the unit of statd write below a path. A daemon of no unit is restarted, and sees our mounts. */
  letStatdWrite(pid: number, path: string): string[] {
    if (!this.#isOfUnit(pid)) return this.restartStatd(pid);
    const folder = `/etc/systemd/system/${UNIT}.d`;
    // Percent signs are specifiers there.
    const line = `ReadWritePaths="-${path.replaceAll("%", "%%")}"`;
    return [
      `mkdir -p ${folder}`,
      `echo '[Service]' >> ${folder}/90-ledgers.conf`,
      `echo ${shellWord(line)} >> ${folder}/90-ledgers.conf`,
      "systemctl daemon-reload",
      ...this.restartStatd(pid),
    ];
  }

  /** Restarts statd so that it sees the mounts of this shell; a unit gets later ones from a shared root. */
  showMounts(pid: number): string[] {
    return this.restartStatd(pid, this.#isOfUnit(pid) ? ["mount --make-rshared /"] : []);
  }

  /** Kills a daemon that ignores other signals, and starts statd. */
  killStatd(pid: number): string[] {
    const start = this.#isOfUnit(pid) ? ["systemctl restart rpc-statd"] : [
      waitFor(pid),
      this.#commandOf(pid),
    ];
    return [`kill -KILL ${pid}`, ...start];
  }

  /** Makes statd reload its settings and register. */
  reloadStatd(pid: number): string[] {
    return [this.#isOfUnit(pid) ? "systemctl reload rpc-statd" : `kill -HUP ${pid}`];
  }

  /** Starts rpcbind with its last registrations. */
  startRpcbind(): string[] {
    return [this.isSystemd ? "systemctl start rpcbind" : "rpcbind -w"];
  }

  /** Tells the peers about this boot. */
  tellPeers(): string[] {
    return this.isSystemd
      ? ["systemctl start rpc-statd-notify"]
      : [`sm-notify${this.#directoryOption}`];
  }

  /** Command of nsmctl for this state directory. */
  nsmctl(...words: string[]): string {
    return `nsmctl ${words.map(shellWord).join(" ")}${this.#directoryOption}`;
  }

  get #directoryOption(): string {
    return this.directory === undefined ? "" : ` -P ${shellWord(this.directory)}`;
  }

  /** Whether a daemon belongs to systemd's service; one started by hand does not. */
  #isOfUnit(pid: number): boolean {
    return this.isSystemd && [undefined, UNIT].includes(unitOf(pid)) && !isContained(pid);
  }

  /** Command line of a daemon, without options that would keep it in the foreground. */
  #commandOf(pid: number): string {
    if (isContained(pid)) return "# and start its container, unless it starts again by itself";
    const process = processOf(pid);
    const [, ...args] = process?.command ?? [];
    if (process === undefined || args.length === 0) return this.startStatd()[0]!;
    const isForeground = args.some((arg) => FOREGROUND.includes(arg));
    const command = ["rpc.statd", ...args.filter((arg) => !FOREGROUND.includes(arg))];
    const note = isForeground ? " # or as it was started: it was in the foreground" : "";
    return `${command.map(shellWord).join(" ")}${note}`;
  }
}

/** Ends a process, and waits for its exit. */
export function endProcess(pid: number): string[] {
  return [`kill ${pid}`, waitFor(pid)];
}

function waitFor(pid: number): string {
  return `tail --pid=${pid} -f /dev/null`;
}

/** Resumes a process that a signal has stopped; otherwise restarts it. */
export function awaken(pid: number, restart: readonly string[]): string[] {
  return processOf(pid)?.state === "T" ? [`kill -CONT ${pid}`] : [...restart];
}

/** Overrides a setting by a drop-in file. */
export function set(section: string, key: string, value: string): string[] {
  const text = `[${section}]\\n${key} = ${value}\\n`;
  return [
    `mkdir -p ${DROP_IN_FOLDER}`,
    `printf '${text}' > ${DROP_IN_FOLDER}/90-${section}-${key}.conf`,
  ];
}

/** Limit of paths in a command line: a longer line cannot be read, and finally not be run. */
const PATHS_MAX = 16;

/** Command for several files; for many, find(1) looks for them by a condition in their folders. */
export function forFiles(command: string, paths: readonly string[], condition: string): string {
  if (paths.length <= PATHS_MAX) return `${command} ${paths.map(shellWord).join(" ")}`;
  const folders = new Set(paths.map((path) => path.slice(0, path.lastIndexOf("/"))));
  const where = [...folders].map(shellWord).join(" ");
  return `find ${where} -maxdepth 1 -type f ${condition} -exec ${command} {} +`;
}

/** Appends a line to a file, whose last line may lack a line feed. */
export function append(line: string, path: string): string[] {
  const isOpen = /[^\n]$/.test(readableText(path) ?? "");
  const to = shellWord(path);
  return [...isOpen ? [`echo >> ${to}`] : [], `echo ${shellWord(line)} >> ${to}`];
}

/** Special characters in a pattern of sed(1), and in its replacement. */
const IN_PATTERN = /[.[\]*^$\\/]/g;
const IN_REPLACEMENT = /[&\\/]/g;

/** Replaces a whole line of a file; the command does nothing without that line. */
export function replaceLine(line: string, by: string, path: string): string {
  const [from, to] = [line.replace(IN_PATTERN, "\\$&"), by.replace(IN_REPLACEMENT, "\\$&")];
  return `sed -i ${shellWord(`s/^${from}$/${to}/`)} ${shellWord(path)}`;
}

/** Replaces the first occurrence of a word, in any letter case, on a line of this number. */
export function replaceWord(line: string, word: string, by: string, path: string): string {
  const [from, to] = [word.replace(IN_PATTERN, "\\$&"), by.replace(IN_REPLACEMENT, "\\$&")];
  return `sed -i ${shellWord(`${line}s/${from}/${to}/i`)} ${shellWord(path)}`;
}

/** Describes a process, with its working directory. */
export function whoIs({ pid, name, program }: Process): string {
  const directory = directoryOf(pid);
  const where = directory === undefined || directory === "/" ? "" : ` in ${directory}`;
  return `process ${pid} (${program ?? name})${where}`;
}
