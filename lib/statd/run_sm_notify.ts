/** Start of sm-notify as a process of its own, at the start of rpc.statd and on SIGUSR1. */

import { DEFAULT_STATE_DIRECTORY, type StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { runInBackground } from "../platform/daemonize.ts";
import { selfCommand } from "../platform/self_command.ts";
import { reasonOf } from "../reason.ts";

/** Arguments of a start. */
export interface NotifyChildParts {
  readonly settings: StatdSettings;
  /** argv[0] of this process, and its environment. */
  readonly calledAs: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Variables that make sm-notify log where we do. */
  readonly logVariables: Readonly<Record<string, string>>;
  readonly log: Log;
}

/**
 * Command line for sm-notify that matches statd's settings.
 *
 * A default state directory is not passed: naming one switches off sm-notify's rule to run once per
 * boot.
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
 * Starts sm-notify directly as a background process, and settles when it has retired the monitor
 * list. A failure is logged, not thrown: statd serves anyway.
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
