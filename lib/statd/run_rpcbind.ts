/**
 * Start of our rpcbind where the setting `[rpcbind] mode` asks for it: on a host without one, lockd
 * would not find us. It is a process of its own that outlives us, since other services register
 * with it. It gives way to another rpcbind that is started later (`--stand-in`).
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { openServer } from "../net/server_sockets.ts";
import { connectUnix } from "../net/tcp.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { selfCommand } from "../platform/self_command.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import { reasonOf } from "../reason.ts";

/** Arguments of a start. */
export interface RpcbindChildParts {
  readonly mode: StatdSettings["rpcbindMode"];
  /** Path of rpcbind's socket. */
  readonly socketPath: string;
  /** argv[0] of this process, and its environment. */
  readonly calledAs: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly log: Log;
}

/**
 * Starts rpcbind if none runs, and settles when it serves. A failure is logged, not thrown: statd
 * serves anyway, and registers when an rpcbind appears.
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
    if (code === 0) log.notice("Started rpcbind, because none was running");
    else log.error(`rpcbind could not be started: it ended with status ${code}`);
  } catch (error) {
    log.error(`Cannot run rpcbind: ${reasonOf(error)}`);
  }
}

/** Whether a program listens at the path; a stale socket file does not count. */
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
