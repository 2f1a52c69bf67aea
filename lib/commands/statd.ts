/**
 * rpc.statd: reads its settings, daemonizes if configured, and serves until it is stopped.
 *
 * Source: rpc.statd(8).
 */

import { loaderInputs } from "./loader_inputs.ts";
import project from "../../deno.json" with { type: "json" };
import { loadStatdSettings } from "../config/load.ts";
import { goToBackground, isInBackground, leaveTerminal } from "../platform/daemonize.ts";
import { closeInheritedDescriptors } from "../platform/descriptors.ts";
import type { Invocation } from "../platform/role.ts";
import { type SelfCommand, selfCommand } from "../platform/self_command.ts";
import { releaseSignals } from "../platform/signals.ts";
import { openLog } from "./logging.ts";
import { notifyArguments } from "../statd/run_sm_notify.ts";
import { listingArguments } from "../nsmctl/macos_arguments.ts";
import { findRunningStatd } from "../control/running_statd.ts";
import { calloutAdvice } from "../statd/ha_callout.ts";
import { systemFiles } from "../config/ini_file.ts";
import { identityFaults, identityReport } from "../nsmctl/identity_settings.ts";
import { serveNsm } from "../statd/serve.ts";
import { complain, print } from "../platform/standard_streams.ts";
import { reasonOf } from "../reason.ts";

/** Runs the daemon to its end; returns the exit status. */
export async function statd(invocation: Invocation): Promise<number> {
  const { programName, args, calledAs } = invocation;
  const listing = listingArguments(args);
  if (listing !== undefined) {
    releaseSignals();
    // Imported lazily, to save memory in the daemon.
    const { nsmctl } = await import("./nsmctl.ts");
    return await nsmctl({ ...invocation, args: listing });
  }
  const folder = workingDirectory();
  const more = () => identityReport(Deno.env, systemFiles);
  const loaded = loadStatdSettings({ ...loaderInputs(invocation), more });
  if (loaded.kind === "exit") return print(loaded);
  closeInheritedDescriptors();
  const { settings, warnings } = loaded;
  let isBackground = isInBackground();
  if (isBackground) leaveTerminal();
  else {
    const running = await findRunningStatd();
    if (running !== undefined) {
      complain(`${programName}: Statd service already running! ${running}`);
      return 1;
    }
    if (settings.notifyMode) {
      complain(`${programName}: -N is deprecated, run sm-notify instead`);
      // Imported lazily, to save memory in the daemon.
      const { smNotify } = await import("./sm_notify.ts");
      const debug = settings.foreground && settings.noSyslog ? ["-d"] : [];
      return await smNotify({ ...invocation, args: [...debug, ...notifyArguments(settings)] });
    }
    if (!settings.foreground) {
      const advice = calloutAdvice(settings.haCallout);
      if (advice !== undefined) complain(`${programName}: ${advice}`);
      const status = await begin(programName, () => selfCommand("statd", args, calledAs));
      if (status !== undefined) return status;
      isBackground = true;
    }
  }
  const isToStderr = settings.foreground && settings.noSyslog;
  const log = openLog(programName, { ...settings, isToStderr });
  log.notice(`Version ${project.version} starting`);
  for (const warning of warnings) log.warning(warning.message);
  for (const { message } of identityFaults(Deno.env, systemFiles)) log.warning(message);
  try {
    const logVariables = log.forChildren;
    await serveNsm({ invocation, settings, folder, isBackground, log, logVariables });
    return 0;
  } catch (error) {
    log.error(reasonOf(error));
    if (!log.isOnStderr) complain(`${programName}: ${reasonOf(error)}`);
    return 1;
  }
}

/**
 * Becomes the daemon in a forked process, or starts it; a failure is reported in one line. Returns the exit
 * status; undefined in the daemon.
 */
async function begin(programName: string, command: () => SelfCommand): Promise<number | undefined> {
  try {
    return await goToBackground(command);
  } catch (error) {
    complain(`${programName}: ${reasonOf(error)}`);
    return 1;
  }
}

/** Base of relative paths on the command line; the root if the directory is gone. */
function workingDirectory(): string {
  try {
    return Deno.cwd();
  } catch {
    return "/";
  }
}
