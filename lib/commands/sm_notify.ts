/**
 * sm-notify: notifies the peers that were monitored before the last boot, once per boot. What needs
 * root is done first, in the foreground; then it daemonizes, drops root, and notifies.
 *
 * Source: sm-notify(8); the order of visible effects is nfs-utils'.
 */

import { loaderInputs } from "./loader_inputs.ts";
import project from "../../deno.json" with { type: "json" };
import { loadSmNotifySettings } from "../config/load.ts";
import type { SmNotifySettings } from "../config/settings.ts";
import { goToBackground, isInBackground, leaveTerminal } from "../platform/daemonize.ts";
import { closeInheritedDescriptors } from "../platform/descriptors.ts";
import type { Invocation } from "../platform/role.ts";
import { type SelfCommand, selfCommand } from "../platform/self_command.ts";
import { type OpenLog, openLog } from "./logging.ts";
import { showWhatWouldBeNotified } from "../notify/dry_run.ts";
import { notifyPeers, type Prepared } from "../notify/run.ts";
import { prepareToNotify, type ReadyToNotify } from "../notify/prepare.ts";
import { totalMsOf } from "../notify/plan.ts";
import { complain, print } from "../platform/standard_streams.ts";
import { reasonOf } from "../reason.ts";

/** Variable that passes the preparation to the background, as JSON. */
const PREPARED_VARIABLE = "NSM_PREPARED";
/** Umask while root, as with nfs-utils. */
const ROOT_UMASK = 0o022;

/** Runs the program to its end; returns the exit status. */
export async function smNotify(invocation: Invocation): Promise<number> {
  const { programName, args, calledAs } = invocation;
  const loaded = loadSmNotifySettings(loaderInputs(invocation));
  if (loaded.kind === "exit") return print(loaded);
  closeInheritedDescriptors();
  const { settings, origins, warnings } = loaded;
  const forIdentity = identityArguments(settings);
  if (forIdentity !== undefined) {
    // Imported lazily, to save memory in a long run.
    const { nsmctl } = await import("./nsmctl.ts");
    return await nsmctl({ ...invocation, args: forIdentity });
  }
  const totalMs = totalMsOf(settings, origins.retryTime !== "default");
  const isTransportSet = origins.sendUsingTcp !== "default";
  const parts = { settings, totalMs, isTransportSet };
  const open = () => openOwnLog(programName, settings);
  return await reporting(programName, open(), async (log) => {
    const prepared = preparedInForeground();
    if (isInBackground() && prepared !== undefined) {
      leaveTerminal();
      return await notifyPeers({ ...parts, log, prepared, isInBackground: true });
    }
    for (const warning of warnings) log.warning(warning.message);
    if (settings.dryRun) return showWhatWouldBeNotified(settings, log);
    Deno.umask(ROOT_UMASK);
    log.notice(`Version ${project.version} starting`);
    const isSeen = log.isOnStderr || isInBackground();
    const tell = (message: string) => isSeen ? undefined : complain(`${programName}: ${message}`);
    const outcome = await prepareToNotify(settings, log, tell);
    if (typeof outcome === "number") return outcome;
    if (isInBackground()) { // started there by rpc.statd
      leaveTerminal();
      return await notifyPeers({ ...parts, ...outcome, log, isInBackground: true });
    }
    if (settings.noSyslog || settings.json) {
      return await notifyPeers({ ...parts, ...outcome, log, isInBackground: false });
    }
    log.notice("Backgrounding to notify hosts...");
    const status = await begin(selfCommand("sm-notify", args, calledAs), outcome, log);
    if (status !== undefined) return status;
    // The log of a process in the background is another one.
    return await reporting(
      programName,
      open(),
      (log) => notifyPeers({ ...parts, ...outcome, log, isInBackground: true }),
    );
  });
}

/** Log of a run or a dry run. */
function openOwnLog(programName: string, settings: SmNotifySettings): OpenLog {
  return openLog(programName, { ...settings, isToStderr: settings.noSyslog || settings.dryRun });
}

/** Exit status of an action; an error is logged, and also printed unless the log is on standard error. */
async function reporting(
  programName: string,
  log: OpenLog,
  action: (log: OpenLog) => Promise<number> | number,
): Promise<number> {
  try {
    return await action(log);
  } catch (error) {
    log.error(reasonOf(error));
    if (!log.isOnStderr) complain(`${programName}: ${reasonOf(error)}`);
    return 1;
  }
}

/** Goes to the background; returns the exit status of this process, undefined in the background. */
async function begin(
  command: SelfCommand,
  { prepared, starting }: ReadyToNotify,
  log: OpenLog,
): Promise<number | undefined> {
  const status = await goToBackground(() => ({
    ...command,
    env: { ...command.env, ...log.forChildren, [PREPARED_VARIABLE]: JSON.stringify(prepared) },
  }));
  if (status === undefined) return undefined;
  starting[Symbol.dispose]();
  // The background process continues; the exit status says that some peers cannot be notified.
  return status === 0 && prepared.unmovedSince !== undefined ? 1 : status;
}

function preparedInForeground(): Prepared | undefined {
  const text = Deno.env.get(PREPARED_VARIABLE);
  Deno.env.delete(PREPARED_VARIABLE);
  return text === undefined ? undefined : JSON.parse(text);
}

/** Arguments of nsmctl for a run of an identity; undefined for a run of the host. */
function identityArguments(
  { identity, deadline, json, stateDirectoryPath }: SmNotifySettings,
): string[] | undefined {
  if (identity === undefined) return undefined;
  return [
    ...["identity", "notify", identity, "-P", stateDirectoryPath],
    ...(deadline === undefined ? [] : ["--deadline", `${deadline}`]),
    ...(json ? ["--json"] : []),
  ];
}
