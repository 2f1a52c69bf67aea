/**
 * start-statd: called by mount.nfs when a mount needs locks and no status monitor answers. It
 * returns when one serves.
 *
 * Source: behaviour of nfs-utils' script of that name.
 */

import { isSystemdBooted } from "../platform/sd_notify.ts";
import project from "../../deno.json" with { type: "json" };
import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { forkToBackground, startInBackground } from "../platform/daemonize.ts";
import { takeName } from "../platform/process_name.ts";
import { type Invocation, parseInvocation } from "../platform/role.ts";
import { type SelfCommand, selfCommand } from "../platform/self_command.ts";
import { reachDaemon } from "../control/client.ts";
import { findRunningStatd } from "../control/running_statd.ts";
import { systemClock } from "../platform/clock.ts";
import { complain, print } from "../platform/standard_streams.ts";
import { quote } from "../quote.ts";
import { sleep } from "../time/clock.ts";
import { exists } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";

/** Lock, so that concurrent mounts start one daemon. */
const LOCK_FILE = "/run/rpc.statd.lock";
/** Paths of systemctl; mount.nfs passes no PATH. */
const SYSTEMCTL = ["/usr/bin/systemctl", "/bin/systemctl"];
const UNIT = "rpc-statd.service";
/** Target that keeps the unit running while network file systems may be mounted. */
const MOUNTS_TARGET = "remote-fs.target";
/** Arguments of the daemon. */
const ARGUMENTS = ["--no-notify"];
/** Timeout of a daemon's registration, in ms: a mount waits for it. */
const REGISTER_TIMEOUT_MS = 5_000;

/** Longest wait for another start-statd, in ms, and its polling interval. */
const LOCK_TIMEOUT_MS = 60_000;
const LOCK_LOOK_MS = 100;

const USAGE = `usage: start-statd
  -h, --help     Print this help and exit.
  -V, --version  Print the version and exit.
Starts rpc.statd unless it is running; mount.nfs runs this when a mount needs locks.
`;

/** Starts the daemon unless one serves; returns the exit status. */
export async function startStatd({ programName, calledAs, args }: Invocation): Promise<number> {
  const [first] = args;
  if (first === "-h" || first === "--help") return print({ ...SUCCESS, stdout: USAGE });
  if (first === "-V" || first === "--version") {
    return print({ ...SUCCESS, stdout: `${programName} version ${project.version}\n` });
  }
  if (first !== undefined) {
    complain(`${programName}: unknown argument ${quote(first)}\nTry: ${programName} --help`);
    return 1;
  }
  try {
    using lock = await takeLock();
    if (await findRunningStatd() !== undefined) return 0;
    // 0 without a registration too, as with nfs-utils: mounts in the background go on trying.
    if (await registerRunning(programName) !== "none runs") return 0;
    if (isSystemdBooted() && await startUnit()) return await statusOfRunning(programName);
    return await start(programName, calledAs, lock);
  } catch (error) {
    complain(`${programName}: Cannot start statd: ${reasonOf(error)}`);
    return 1;
  }
}

const SUCCESS = { kind: "exit", status: 0, stdout: "", stderr: "" } as const;

/** Excludes concurrent starts; if no file can be created, the daemon's own lock has to do. */
async function takeLock(): Promise<Disposable> {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(LOCK_FILE, { write: true, create: true, mode: 0o600 });
  } catch {
    return { [Symbol.dispose]() {} };
  }
  const { startTimer, now } = systemClock;
  const end = now() + LOCK_TIMEOUT_MS;
  while (!file.tryLockSync(true)) {
    if (now() >= end) {
      file.close();
      throw new Error(`another start-statd has held ${LOCK_FILE} for a minute`);
    }
    await sleep(startTimer, LOCK_LOOK_MS);
  }
  return file;
}

/**
 * Becomes the daemon in a forked process, or starts it; returns the exit status. It works in the root
 * directory, so that no mount point is in use.
 */
async function start(programName: string, calledAs: string, lock: Disposable): Promise<number> {
  Deno.chdir("/");
  const command = selfCommand("statd", ARGUMENTS, calledAs);
  const forked = forkToBackground();
  if (forked === undefined) {
    const status = await startInBackground(command);
    return status === 0 ? await statusOfRunning(programName) : status;
  }
  if (forked === "background") {
    lock[Symbol.dispose](); // the parent has it until it ends
    return await serve(command);
  }
  if (forked.fault !== "") complain(unregistered(programName, forked.fault));
  return forked.status === 0 && forked.fault !== "" ? 1 : forked.status;
}

/** The daemon in this process, with its name. */
async function serve({ program, args }: SelfCommand): Promise<number> {
  const invocation = parseInvocation(program, args);
  takeName(invocation.programName, invocation.args);
  // Imported lazily, since mostly a daemon is running.
  return await (await import("./statd.ts")).statd(invocation);
}

/**
 * Exit status beside a daemon that was started now. 1 has mount.nfs look for the monitor for a while, then
 * name the cause; nfs-utils' statd has ended here.
 */
async function statusOfRunning(programName: string): Promise<number> {
  return await registerRunning(programName) === "not registered" ? 1 : 0;
}

/** Warning of a daemon that serves, as requested; but without rpcbind no mount finds it. */
function unregistered(programName: string, reason: string): string {
  return `${programName}: rpc.statd runs, but is not registered: ${reason}; ` +
    "start rpcbind (systemctl start rpcbind)";
}

/**
 * Makes a running daemon register again, after another program removed its registration: neither
 * systemd nor we could start a second one. A warning says why it cannot.
 */
async function registerRunning(
  programName: string,
): Promise<"registered" | "not registered" | "none runs"> {
  const loaded = loadStatdSettings({
    programName,
    args: ARGUMENTS,
    env: Deno.env,
    files: systemFiles,
  });
  if (loaded.kind === "exit") return "none runs"; // the daemon that we start reports the reason
  const reached = await reachDaemon(loaded.settings.stateDirectoryPath, REGISTER_TIMEOUT_MS);
  if (reached.outcome !== "reached") return "none runs";
  using daemon = reached.daemon;
  try {
    await daemon.ask({ command: "register" });
    return "registered";
  } catch (error) {
    complain(unregistered(programName, reasonOf(error)));
    return "not registered";
  }
}

/** Starts the unit and waits until it is up; returns whether that succeeded. */
async function startUnit(): Promise<boolean> {
  const program = SYSTEMCTL.find(exists);
  if (program === undefined) return false;
  const systemctl = async (...args: string[]) => {
    const options = { args, stdin: "null", stdout: "null", stderr: "inherit" } as const;
    return (await new Deno.Command(program, options).spawn().status).success;
  };
  if (!await systemctl("start", UNIT)) return false;
  // Otherwise `systemctl isolate` would stop it under mounts; a failure does not matter here.
  await systemctl("add-wants", "--runtime", MOUNTS_TARGET, UNIT);
  return true;
}
