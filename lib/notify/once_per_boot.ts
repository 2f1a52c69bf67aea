/**
 * Run-once rule: one run of sm-notify in each life of the host, which may be continued if it was cut
 * short.
 */

import { DEFAULT_STATE_DIRECTORY, type SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { type LockOfLife, type LockState, RUN_FOLDER } from "../platform/run_once.ts";
import { reasonOf } from "../reason.ts";
import type { NotifyRun } from "../store/notify_run.ts";

/** Whether the rule concerns a run: one of the default state directory, as in nfs-utils. */
export function isOncePerBoot({ stateDirectoryPath }: SmNotifySettings): boolean {
  return stateDirectoryPath === DEFAULT_STATE_DIRECTORY;
}

/**
 * State of the lock. One that is hidden from this user counts as that of a finished run: rpc.statd,
 * which starts a run without root on SIGUSR1, has started the boot's own run as root.
 */
export function lookAt(lock: LockOfLife | undefined): LockState | undefined {
  const found = lock?.look();
  if (found?.kind !== "unknown" || found.isHidden !== true) return found;
  return { kind: "taken", since: undefined, run: "finished" };
}

/** Applies the run-once rule; says its decision once. */
export function mayRun(
  settings: SmNotifySettings,
  run: NotifyRun,
  lock: LockOfLife | undefined,
  log: Log,
  tell: (message: string) => void,
  asked: "first" | "again" = "first",
): boolean {
  const found = lookAt(lock);
  if (found === undefined || settings.force || !settings.updateState) return true;
  if (found.kind === "unknown" && asked === "first") {
    log.warning(`Cannot tell from the lock whether peers were told in this boot: ${found.reason}`);
  }
  const noted = found.kind === "taken" ? found : run.marked;
  if (noted === undefined) return true;
  const end = run.end();
  if (end.kind === "unknown") return true;
  const isGoingOn = end.kind === "goingOn" || found.kind === "taken" && found.run === "goingOn";
  // The disk may have had no room for the note of the run.
  if (!isGoingOn && (end.kind === "cutShort" || !isFinished(found, run))) {
    if (asked === "first") log.notice("Continuing an interrupted run");
    return true;
  }
  const { since } = noted;
  const when = since === undefined ? "" : ` since ${localTime(since)}`;
  const reason = "Already notifying clients; Exiting! " +
    (isGoingOn
      ? `A run is in progress${when}`
      : `Peers were told in this boot${when.replace("since", "at")}; -f tells them again`);
  log.notice(reason);
  tell(reason);
  return false;
}

/** Whether a run tells only some peers, or beside the boot's own: it is no continuation of that one. */
export function isPartial({ updateState, only }: SmNotifySettings): boolean {
  return !updateState || only.length > 0;
}

/** Whether a finished run of this life was noted. */
export function isFinished(found: LockState | undefined, run: NotifyRun): boolean {
  return found?.kind === "taken" ? found.run === "finished" : run.marked?.isFinished === true;
}

/**
 * Notes that this life has its run, and whether that is finished already; if that fails, another
 * start tells peers again.
 */
export function takeLock(
  lock: LockOfLife | undefined,
  run: NotifyRun,
  life: string,
  isFinished: boolean,
  log: Log,
): void {
  const fault = lock?.take(isFinished);
  if (fault === undefined) return;
  try {
    if (life === "") throw new Error("the kernel's boot id cannot be read");
    run.mark(isFinished);
    log.warning(
      `Cannot note in ${RUN_FOLDER} that peers are told: ${fault}; sm.bak has the note`,
    );
  } catch (error) {
    log.warning(
      `Cannot note that peers are told; another start would tell them again: ${fault}; ` +
        reasonOf(error),
    );
  }
}

/** Local time for display: 2026-11-26 12:59:03. */
function localTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
