/**
 * start-statd: what mount.nfs calls when a mount needs locks and no status monitor answers. It returns
 * when one serves.
 *
 * Source: behaviour of nfs-utils' script of that name.
 */

import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { reasonOf } from "../nsm/ports.ts";
import { startInBackground } from "../platform/daemonize.ts";
import type { Invocation } from "../platform/role.ts";
import { selfCommand } from "../platform/self_command.ts";
import { reachDaemon } from "../control/client.ts";
import { findRunningStatd } from "../control/running_statd.ts";
import { complain } from "../platform/standard_streams.ts";

/** Several mounts at once must start one daemon. */
const LOCK_FILE = "/run/rpc.statd.lock";
/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD_FOLDER = "/run/systemd/system";
/** Where systemctl may be; mount.nfs hands on no PATH. */
const SYSTEMCTL = ["/usr/bin/systemctl", "/bin/systemctl"];
const UNIT = "rpc-statd.service";
/** What the daemon is started with here. */
const ARGUMENTS = ["--no-notify"];
/** How long a daemon that is not registered may take to be so, in ms: a mount waits for it. */
const REGISTER_TIMEOUT_MS = 5_000;

/** Has the daemon started unless it serves; returns the exit status. */
export async function startStatd({ programName, calledAs }: Invocation): Promise<number> {
  try {
    using lock = Deno.openSync(LOCK_FILE, { write: true, create: true, mode: 0o600 });
    lock.lockSync(true);
    if (await findRunningStatd() !== undefined || await hasRegistered(programName)) return 0;
    if (exists(SYSTEMD_FOLDER) && await startUnit()) return 0;
    Deno.chdir("/");
    return await startInBackground(selfCommand("statd", ARGUMENTS, calledAs));
  } catch (error) {
    complain(`${programName}: Cannot start statd: ${reasonOf(error)}`);
    return 1;
  }
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
    return true;
  } catch {
    return false; // rpcbind refuses or is not there; the start will say so
  }
}

/** Starts the unit and waits until it is up; whether that succeeded. */
async function startUnit(): Promise<boolean> {
  const program = SYSTEMCTL.find(exists);
  if (program === undefined) return false;
  const command = new Deno.Command(program, {
    args: ["start", UNIT],
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  return (await command.spawn().status).success;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false; // whatever the reason, it is not to be had
  }
}
