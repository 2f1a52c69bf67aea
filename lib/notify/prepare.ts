/**
 * What sm-notify does before it goes to the background, as root: the run-once lock, own names, the move
 * from `sm` to `sm.bak`, the state number, and the kernel's files.
 */

import { DEFAULT_STATE_DIRECTORY, type SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { NotifyRecord, NotifyStore, Resolver } from "../nsm/ports.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { KernelState, type KernelWrite } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import type { RunOnce } from "../platform/pid_file.ts";
import { takeLockOfLife } from "../platform/run_once.ts";
import { layoutOf } from "../store/layout.ts";
import { NotifyRun, type NotifyRunParts } from "../store/notify_run.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { recordsOf } from "./dry_run.ts";
import type { Prepared } from "./run.ts";
import { lifeOf, requireOnly } from "./plan.ts";
import { ownNames, planSources } from "./sources.ts";

/** Where the run-once lock is; a tmpfs on most systems. */
const RUN_DIRECTORY = "/run";

/** What is handed to the run; the background reads the records anew. */
export interface ReadyToNotify {
  readonly prepared: Prepared;
  readonly records: readonly NotifyRecord[];
}

/** What a preparation needs from the machine; a test puts its own in its place. */
export interface PreparationParts extends NotifyRunParts {
  readonly kernel: Pick<KernelState, "bootId" | "setLocalState" | "endGrace">;
  /** Takes the run-once lock of a life. */
  readonly takeLock: (life: string) => RunOnce;
  /** Own names, as `-v` gives them. */
  readonly resolver: Resolver;
  /** Does something as the owner of a directory. */
  readonly asOwner: typeof asOwner;
}

/** The machine that this is. */
function thisMachine(): PreparationParts {
  return {
    kernel: new KernelState(),
    takeLock: (life) => takeLockOfLife(RUN_DIRECTORY, life),
    resolver: ownNames({ addressesOfName, nameOfAddress }, systemClock),
    asOwner,
  };
}

/** Does all that comes before notifying; an exit status when nobody is to be notified. */
export async function prepareToNotify(
  settings: SmNotifySettings,
  log: Log,
  parts: PreparationParts = thisMachine(),
): Promise<ReadyToNotify | number> {
  const { kernel, resolver } = parts;
  const life = lifeOf(settings, kernel.bootId());
  const { stateDirectoryPath } = settings;
  const run = new NotifyRun(stateDirectoryPath, life, log, parts);
  if (settings.only.length > 0) {
    requireOnly(settings, recordsOf(stateDirectoryPath, log), log);
  }
  if (!mayRun(settings, run, log, () => parts.takeLock(life))) return 0;

  const sources = await planSources(settings.outgoingAddr, resolver, log);

  const unfinished = run.unfinished;
  const isCarriedOn = unfinished !== undefined && !run.hasNewPeers;
  const store = openNotifyStore(stateDirectoryPath, { ...parts, log });
  const records = parts.asOwner(layoutOf(stateDirectoryPath).monitorList, () => {
    store.retire();
    return store.load();
  });
  if (records.length === 0) {
    if (settings.liftGrace) report(kernel.endGrace(), log);
    run.finish();
    return 0;
  }
  const stateNumber = settings.updateState
    ? advance(store, run, isCarriedOn ? unfinished : undefined)
    : store.stateNumber();
  if (stateNumber === 0) throw new Error("The state number is 0, which peers take for none");
  report(kernel.setLocalState(stateNumber), log);
  return { prepared: { stateNumber, sources, life }, records };
}

/** Applies the run-once rule, which concerns the default state directory only. */
function mayRun(
  settings: SmNotifySettings,
  run: NotifyRun,
  log: Log,
  takeLock: () => RunOnce,
): boolean {
  if (settings.stateDirectoryPath !== DEFAULT_STATE_DIRECTORY) return true;
  const lock = takeLock();
  if (lock.isFirst || settings.force || !settings.updateState) return true;
  if (run.unfinished !== undefined && !run.isGoingOn) {
    log.notice("Carrying on a run that was cut short");
    return true;
  }
  log.debug(() => `Cannot take the lock: ${lock.reason}`);
  log.notice("Already notifying clients; Exiting!");
  return false;
}

/** The number to announce: a new one, or that of a run which was cut short. */
function advance(store: NotifyStore, run: NotifyRun, carriedOn: number | undefined): number {
  if (carriedOn !== undefined && store.stateNumber() === carriedOn) return carriedOn;
  run.begin(run.nextStateNumber);
  return store.advanceStateNumber();
}

/** An absent file means that the kernel has no lock manager, which may come later. */
function report(write: KernelWrite, log: Log): void {
  if (write.outcome === "failed") log.warning(`Cannot write "${write.path}": ${write.reason}`);
  if (write.outcome === "absent") log.debug(() => `There is no "${write.path}"`);
}
