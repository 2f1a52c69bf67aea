/**
 * start-statd: what mount.nfs calls when a mount needs locks and no status monitor answers. It returns
 * when one serves.
 *
 * Source: behaviour of nfs-utils' script of that name.
 */

import project from "../../deno.json" with { type: "json" };
import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { reasonOf } from "../nsm/ports.ts";
import { startInBackground } from "../platform/daemonize.ts";
import type { Invocation } from "../platform/role.ts";
import { selfCommand } from "../platform/self_command.ts";
import { reachDaemon } from "../control/client.ts";
import { findRunningStatd } from "../control/running_statd.ts";
import { systemClock } from "../platform/clock.ts";
import { complain, print } from "../platform/standard_streams.ts";
import { quote } from "../quote.ts";
import { sleep } from "../time/clock.ts";
import { exists } from "../platform/small_files.ts";

/** Several mounts at once must start one daemon. */
const LOCK_FILE = "/run/rpc.statd.lock";
/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD_FOLDER = "/run/systemd/system";
/** Paths of systemctl; mount.nfs hands on no PATH. */
const SYSTEMCTL = ["/usr/bin/systemctl", "/bin/systemctl"];
const UNIT = "rpc-statd.service";
/** Wants the unit as long as network file systems may be mounted. */
const MOUNTS_TARGET = "remote-fs.target";
/** Arguments of the daemon. */
const ARGUMENTS = ["--no-notify"];
/** Limit on the registration of a daemon, in ms: a mount waits for it. */
const REGISTER_TIMEOUT_MS = 5_000;

/** Limit on another start-statd, in ms, and the interval of looks at it. */
const LOCK_TIMEOUT_MS = 60_000;
const LOCK_LOOK_MS = 100;

const USAGE = `usage: start-statd
  -h, --help     Print this help and exit.
  -V, --version  Print the version and exit.
Starts rpc.statd unless it serves; mount.nfs calls it when a mount needs locks.
`;

/** Has the daemon started unless it serves; returns the exit status. */
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
    using _lock = await takeLock();
    if (await findRunningStatd() !== undefined || await hasRegistered(programName)) return 0;
    if (exists(SYSTEMD_FOLDER) && await startUnit()) return 0;
    Deno.chdir("/");
    return await startInBackground(selfCommand("statd", ARGUMENTS, calledAs));
  } catch (error) {
    complain(`${programName}: Cannot start statd: ${reasonOf(error)}`);
    return 1;
  }
}

const SUCCESS = { kind: "exit", status: 0, stdout: "", stderr: "" } as const;

/** Keeps further starts out; where no file can be made, the daemon's own lock has to do. */
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
      throw new Error(`another start-statd has had ${LOCK_FILE} for a minute`);
    }
    await sleep(startTimer, LOCK_LOOK_MS);
  }
  return file;
}

/**
 * Has a daemon register that serves already, whose registration somebody took from rpcbind, and that
 * neither systemd nor we can start again; whether one did.
 */
async function hasRegistered(programName: string): Promise<boolean> {
  const loaded = loadStatdSettings({
    programName,
    args: ARGUMENTS,
    env: Deno.env,
    files: systemFiles,
  });
  if (loaded.kind === "exit") return false; // the daemon that we start will say why
  const reached = await reachDaemon(loaded.settings.stateDirectoryPath, REGISTER_TIMEOUT_MS);
  if (reached.outcome !== "reached") return false;
  using daemon = reached.daemon;
  try {
    await daemon.ask({ command: "register" });
  } catch (error) {
    // It serves, as was asked for; but without rpcbind no mount finds it.
    complain(
      `${programName}: rpc.statd runs, but is not registered: ${reasonOf(error)}; ` +
        "start rpcbind (systemctl start rpcbind)",
    );
  }
  return true;
}

/** Starts the unit and waits until it is up; whether that succeeded. */
async function startUnit(): Promise<boolean> {
  const program = SYSTEMCTL.find(exists);
  if (program === undefined) return false;
  const systemctl = async (...args: string[]) => {
    const options = { args, stdin: "null", stdout: "null", stderr: "inherit" } as const;
    return (await new Deno.Command(program, options).spawn().status).success;
  };
  if (!await systemctl("start", UNIT)) return false;
  // Else an isolate would stop it under mounts; that it is refused does not matter to this one.
  await systemctl("add-wants", "--runtime", MOUNTS_TARGET, UNIT);
  return true;
}
