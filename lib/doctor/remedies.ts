/**
 * Command lines that mend something on this host. They are for root's shell, and differ with the service
 * manager: where systemd runs, what it started is left to it.
 */

import { directoryOf, type Process, processOf } from "../platform/processes.ts";
import { exists } from "../platform/small_files.ts";

/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD_FOLDER = "/run/systemd/system";
/** Read after nfs.conf, and so counts. */
const DROP_IN_FOLDER = "/etc/nfs.conf.d";
const FOREGROUND = ["-F", "--foreground", "-d", "--no-syslog"];

/** A word for a shell, in quotes where that is needed. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

export class Remedies {
  readonly isSystemd = exists(SYSTEMD_FOLDER);

  /** `directory` is the state directory, unless the settings name it anyway. */
  constructor(private readonly directory?: string) {}

  /** Starts statd. */
  startStatd(): string[] {
    if (this.isSystemd) return ["systemctl start rpc-statd"];
    return [`rpc.statd --no-notify${this.#directoryOption}`];
  }

  /**
   * Ends the process `pid`, and starts statd as it was started. `meanwhile` is for what a daemon that runs
   * would undo: one that is root writes files of root's until its end.
   */
  restartStatd(pid: number, meanwhile: readonly string[] = []): string[] {
    if (!this.isSystemd) {
      return [...endProcess(pid), ...meanwhile, this.#commandOf(processOf(pid))];
    }
    if (meanwhile.length === 0) return ["systemctl restart rpc-statd"];
    return ["systemctl stop rpc-statd", ...meanwhile, "systemctl start rpc-statd"];
  }

  /** Ends a process that takes no signal but this one, and starts statd. */
  killStatd(pid: number): string[] {
    const start = this.isSystemd ? ["systemctl restart rpc-statd"] : [
      waitFor(pid),
      this.#commandOf(processOf(pid)),
    ];
    return [`kill -KILL ${pid}`, ...start];
  }

  /** Has statd read its settings again, and register. */
  reloadStatd(pid: number): string[] {
    return [this.isSystemd ? "systemctl reload rpc-statd" : `kill -HUP ${pid}`];
  }

  /** Starts rpcbind; it takes its last registrations over. */
  startRpcbind(): string[] {
    return [this.isSystemd ? "systemctl start rpcbind" : "rpcbind -w"];
  }

  /** Tells the peers of this boot. */
  tellPeers(): string[] {
    return this.isSystemd
      ? ["systemctl start rpc-statd-notify"]
      : [`sm-notify${this.#directoryOption}`];
  }

  /** A command of nsmctl for this state directory. */
  nsmctl(...words: string[]): string {
    return `nsmctl ${words.map(shellWord).join(" ")}${this.#directoryOption}`;
  }

  get #directoryOption(): string {
    return this.directory === undefined ? "" : ` -P ${shellWord(this.directory)}`;
  }

  /** How a daemon was called; what kept it in the foreground does not hold up a shell. */
  #commandOf(process: Process | undefined): string {
    const [, ...args] = process?.command ?? [];
    if (process === undefined || args.length === 0) return this.startStatd()[0]!;
    const isForeground = args.some((arg) => FOREGROUND.includes(arg));
    const command = ["rpc.statd", ...args.filter((arg) => !FOREGROUND.includes(arg))];
    const note = isForeground ? " # or as it was started: it was in the foreground" : "";
    return `${command.map(shellWord).join(" ")}${note}`;
  }
}

/** Ends a process, and waits until it is gone. */
export function endProcess(pid: number): string[] {
  return [`kill ${pid}`, waitFor(pid)];
}

function waitFor(pid: number): string {
  return `tail --pid=${pid} -f /dev/null`;
}

/** Lets a process go on that a signal has stopped, or has it ended and started again. */
export function awaken(pid: number, restart: readonly string[]): string[] {
  return processOf(pid)?.state === "T" ? [`kill -CONT ${pid}`] : [...restart];
}

/** Puts a setting in place of what the files say. */
export function set(section: string, key: string, value: string): string[] {
  const text = `[${section}]\\n${key} = ${value}\\n`;
  return [
    `mkdir -p ${DROP_IN_FOLDER}`,
    `printf '${text}' > ${DROP_IN_FOLDER}/90-${section}-${key}.conf`,
  ];
}

/** Adds a line to a file. */
export function append(line: string, path: string): string {
  return `echo ${shellWord(line)} >> ${shellWord(path)}`;
}

/** Whether a process works for a state directory, for people. */
export function whoIs({ pid, name, program }: Process): string {
  const directory = directoryOf(pid);
  const where = directory === undefined || directory === "/" ? "" : ` in ${directory}`;
  return `process ${pid} (${program ?? name})${where}`;
}
