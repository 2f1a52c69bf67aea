/** Running sm-notify as a program of its own, as rpc.statd does at its start and on SIGUSR1. */

import { DEFAULT_STATE_DIRECTORY, type StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";
import { runInBackground } from "../platform/daemonize.ts";
import { selfCommand } from "../platform/self_command.ts";

/** Arguments for a start of sm-notify. */
export interface NotifyChildParts {
  readonly settings: StatdSettings;
  /** The name that this process was called by, and its environment. */
  readonly calledAs: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Variables by which it logs to our log. */
  readonly logVariables: Readonly<Record<string, string>>;
  readonly log: Log;
}

/**
 * The arguments with which sm-notify does what statd's settings say.
 *
 * The state directory is handed over only where it is not the default one, because naming it switches
 * off sm-notify's rule to run once in the life of the system.
 */
export function notifyArguments(settings: StatdSettings): string[] {
  const { stateDirectoryPath, outgoingPort, name } = settings;
  return [
    ...(stateDirectoryPath === DEFAULT_STATE_DIRECTORY ? [] : ["-P", stateDirectoryPath]),
    ...(outgoingPort === 0 ? [] : [`-p${outgoingPort}`]),
    ...(name === undefined ? [] : ["-v", name]),
  ];
}

/**
 * Starts sm-notify as a process in the background at once, without one that starts another, and settles when it has retired the monitor list and gone to the background. A
 * failure is logged, not thrown: statd serves all the same.
 */
export async function runSmNotify(
  { settings, calledAs, environment, logVariables, log }: NotifyChildParts,
): Promise<void> {
  try {
    const given = notifyArguments(settings);
    const { program, args, env } = selfCommand("sm-notify", given, calledAs, environment);
    const code = await runInBackground({
      program,
      args,
      env: { ...env, ...logVariables },
    });
    if (code !== 0) log.warning(`sm-notify ended with status ${code}`);
  } catch (error) {
    log.error(`Cannot run sm-notify: ${reasonOf(error)}`);
  }
}
