/**
 * start-statd: what mount.nfs calls when a mount needs locks and no status monitor answers. It returns
 * when one serves.
 *
 * Source: behaviour of nfs-utils' script of that name.
 */

import { reasonOf } from "../nsm/ports.ts";
import { startInBackground } from "../platform/daemonize.ts";
import type { Invocation } from "../platform/role.ts";
import { selfCommand } from "../platform/self_command.ts";
import { findRunningStatd } from "./running_statd.ts";
import { complain } from "./standard_streams.ts";

/** Several mounts at once must start one daemon. */
const LOCK_FILE = "/run/rpc.statd.lock";
/** There while systemd is the service manager (sd_booted(3)). */
const SYSTEMD_FOLDER = "/run/systemd/system";
/** Where systemctl may be; mount.nfs hands on no PATH. */
const SYSTEMCTL = ["/usr/bin/systemctl", "/bin/systemctl"];
const UNIT = "rpc-statd.service";

/** Has the daemon started unless it serves; returns the exit status. */
export async function startStatd({ programName, calledAs }: Invocation): Promise<number> {
  try {
    using lock = Deno.openSync(LOCK_FILE, { write: true, create: true, mode: 0o600 });
    lock.lockSync(true);
    if (await findRunningStatd() !== undefined) return 0;
    if (exists(SYSTEMD_FOLDER) && await startUnit()) return 0;
    Deno.chdir("/");
    return await startInBackground(selfCommand("statd", ["--no-notify"], calledAs));
  } catch (error) {
    complain(`${programName}: Cannot start statd: ${reasonOf(error)}`);
    return 1;
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
