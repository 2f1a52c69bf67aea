/**
 * Running rpcbind as a program of its own where the setting `[rpcbind] mode` says so: for hosts that have
 * none, on which lockd would look for us in vain. It outlives us, as other services are registered with
 * it, and gives way to another rpcbind that is started later (`--stand-in`).
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { openServer } from "../net/server_sockets.ts";
import { connectUnix } from "../net/tcp.ts";
import { reasonOf } from "../nsm/ports.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { selfCommand } from "../platform/self_command.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";

/** Arguments for a start of rpcbind. */
export interface RpcbindChildParts {
  readonly mode: StatdSettings["rpcbindMode"];
  /** The path at which an rpcbind is found. */
  readonly socketPath: string;
  /** The name that this process was called by, and its environment. */
  readonly calledAs: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
}

/**
 * Starts rpcbind where none is there, and settles when it serves. A failure is logged, not thrown: statd
 * serves all the same, and registers when an rpcbind comes.
 */
export async function runRpcbind(parts: RpcbindChildParts): Promise<void> {
  const { mode, socketPath, calledAs, environment, log } = parts;
  if (mode === "no" || await isAnswered(socketPath)) return;
  if (mode === "auto" && !isPortFree()) {
    log.notice(`Not starting rpcbind: port ${PMAP_PORT} is in use`);
    return;
  }
  try {
    const given = ["-w", "--stand-in"];
    const { program, args, env } = selfCommand("rpcbind", given, calledAs, environment);
    const child = new Deno.Command(program, {
      args: [...args],
      env: { ...env },
      clearEnv: true,
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const { code } = await child.status;
    if (code === 0) log.notice("Started rpcbind, as there was none");
    else log.error(`rpcbind could not be started: it ended with status ${code}`);
  } catch (error) {
    log.error(`Cannot run rpcbind: ${reasonOf(error)}`);
  }
}

/** True if a program listens at the path; a file that an rpcbind has left there does not count. */
async function isAnswered(path: string): Promise<boolean> {
  try {
    (await connectUnix(path)).close();
    return true;
  } catch {
    return false;
  }
}

function isPortFree(): boolean {
  try {
    const { startTimer } = clock;
    openServer({ port: PMAP_PORT, udp: true, tcp: true, startTimer }).close();
    return true;
  } catch {
    return false;
  }
}
