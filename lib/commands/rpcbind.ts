/**
 * rpcbind: reads its settings, daemonizes if configured, and serves until it is stopped.
 *
 * Source: rpcbind(8).
 */

import { loaderInputs } from "./loader_inputs.ts";
import project from "../../deno.json" with { type: "json" };
import { loadRpcbindSettings } from "../config/load.ts";
import { goToBackground, isInBackground, leaveTerminal } from "../platform/daemonize.ts";
import { closeInheritedDescriptors } from "../platform/descriptors.ts";
import { type HandedOver, takeHandedOver } from "../platform/handed_over.ts";
import type { Invocation } from "../platform/role.ts";
import { selfCommand } from "../platform/self_command.ts";
import { complain, print } from "../platform/standard_streams.ts";
import { reasonOf } from "../reason.ts";
import { serveRpcbind } from "../rpcbind/serve.ts";
import { openLog } from "./logging.ts";

/** Runs the daemon to its end; returns the exit status. */
export async function rpcbind(invocation: Invocation): Promise<number> {
  const { programName, args, calledAs } = invocation;
  const loaded = loadRpcbindSettings(loaderInputs(invocation));
  if (loaded.kind === "exit") return print(loaded);
  const { settings, warnings } = loaded;
  let isBackground = isInBackground();
  let handedOver: readonly HandedOver[];
  try {
    handedOver = takeHandedOver(Deno.env);
  } catch (error) {
    complain(`${programName}: ${reasonOf(error)}`);
    return 1;
  }
  closeInheritedDescriptors();
  if (isBackground) leaveTerminal();
  else if (!settings.foreground && !settings.debug) {
    if (handedOver.length > 0) {
      complain(
        `${programName}: Sockets passed by a service manager work only in the foreground: add -f`,
      );
      return 1;
    }
    const status = await goToBackground(() => selfCommand("rpcbind", args, calledAs));
    if (status !== undefined) return status;
    isBackground = true;
  }
  const isToStderr = settings.debug;
  const log = openLog(programName, { ...settings, debug: [], isToStderr });
  log.notice(`Version ${project.version} starting`);
  for (const warning of warnings) log.warning(warning.message);
  if (settings.remoteCalls) {
    log.warning("Option -r has no effect: this rpcbind never forwards calls");
  }
  try {
    return await serveRpcbind({ settings, isBackground, handedOver, log });
  } catch (error) {
    log.error(reasonOf(error));
    if (!log.isOnStderr) complain(`${programName}: ${reasonOf(error)}`);
    return 1;
  }
}
