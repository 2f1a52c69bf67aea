/**
 * Preparation of a run, in the foreground and as root: own names, the move from `sm` to `sm.bak`,
 * the state number, the kernel's files, and last the run-once lock, so that a failed start does not
 * use up the boot's one run.
 *
 * "Nobody is to be told" requires that both lists were read completely, and "already" that a lock
 * of this life was seen whose run is in progress or has finished. In any other case peers are told,
 * or the start fails.
 */

import { identitySections } from "../config/identity_sections.ts";
import { systemFiles } from "../config/ini_file.ts";
import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { NotifyRecord, Resolver } from "../nsm/ports.ts";
import type { Clock } from "../time/clock.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { KernelState, type KernelWrite } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { ownerOf } from "../platform/privileges.ts";
import { type LockOfLife, lockOfLife, RUN_FOLDER } from "../platform/run_once.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { IdentityFile } from "../store/identity_file.ts";
import { type Layout, layoutOf } from "../store/layout.ts";
import { makeMissingLists } from "../store/missing_lists.ts";
import { NotifyRun, type NotifyRunParts } from "../store/notify_run.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { recordsOf } from "./dry_run.ts";
import type { Prepared } from "./run.ts";
import { isFinished, isOncePerBoot, isPartial, lookAt, mayRun, takeLock } from "./once_per_boot.ts";
import { lifeOf, requireOnly } from "./plan.ts";
import { identityNames, withoutIdentities } from "./identity_names.ts";
import { servingMonitor, tellOfMove } from "./moved_files.ts";
import { ownNames, planSources, type SourcePlan } from "./sources.ts";

/** Result of the preparation; a background process loads the records itself. */
export interface ReadyToNotify {
  readonly prepared: Prepared;
  readonly records: readonly NotifyRecord[];
  /** Lock that keeps other processes from starting a run until this one holds its file. */
  readonly starting: Disposable;
}

/** Dependencies of a preparation; tests replace them. */
export interface PreparationParts extends NotifyRunParts {
  readonly kernel: Pick<KernelState, "bootId" | "setLocalState" | "endGrace">;
  /** Run-once lock of a life. */
  readonly lockOfLife: (life: string) => LockOfLife;
  /** Resolver for own names, given by `-v`. */
  readonly resolver: Resolver;
  /** Runs a function with the identity of a directory's owner. */
  readonly asOwner: typeof asOwner;
  readonly clock: Clock;
  /** Identities in nfs.conf: texts by id. */
  readonly configuredIdentities: () => Iterable<readonly [id: string, texts: unknown]>;
  readonly hostName: () => string;
  /** @throws {Error} When this user lacks the rights. */
  readonly requireRights: (layout: Layout) => void;
  /** Creates missing lists. */
  readonly makeMissingLists: typeof makeMissingLists;
  readonly servingMonitor: typeof servingMonitor;
  /** State directory, instead of the configured one. */
  readonly directory?: string;
}

/** Dependencies on this host. */
function thisMachine(): PreparationParts {
  return {
    kernel: new KernelState(),
    lockOfLife: (life) => lockOfLife(RUN_FOLDER, life),
    resolver: ownNames({ addressesOfName, nameOfAddress }, systemClock),
    asOwner,
    clock: systemClock,
    configuredIdentities: () =>
      [...identitySections(Deno.env, systemFiles)].map(([id, settings]) =>
        [id, Object.fromEntries([...settings].map(([key, { value }]) => [key, value]))] as const
      ),
    hostName: Deno.hostname,
    requireRights,
    makeMissingLists,
    servingMonitor,
  };
}

/**
 * Prepares a run; returns an exit status if there is no peer to notify. `tell` shows the reason to
 * the user who started the program.
 */
export async function prepareToNotify(
  settings: SmNotifySettings,
  log: Log,
  tell: (message: string) => void,
  parts: PreparationParts = thisMachine(),
): Promise<ReadyToNotify | number> {
  const { kernel, clock } = parts;
  const { directory = settings.stateDirectoryPath } = parts;
  const layout = layoutOf(directory);
  const made = parts.makeMissingLists(layout);
  if (made.length > 0) log.notice(`Created missing directories: ${made.map(quote).join(", ")}`);
  parts.requireRights(layout);
  const life = lifeOf(settings, kernel.bootId());
  const lock = isOncePerBoot(settings) ? parts.lockOfLife(life) : undefined;
  const run = new NotifyRun(directory, life, log, parts);
  const starting = await run.startAlone();
  if (!mayRun(settings, run, lock, log, tell)) return 0;
  if (settings.only.length > 0) {
    requireOnly(settings, parts.asOwner(layout.monitorList, () => recordsOf(directory, log)), log);
  }
  const identities = new IdentityFile(directory, log, parts.fileSystem);
  const sources = await ownSources(settings, identities, layout, parts, log);
  // Another starting process may have told peers while own names were resolved.
  if (!mayRun(settings, run, lock, log, tell, "again")) return 0;

  const end = run.end();
  const carriedOn = end.kind === "cutShort" && !run.hasNewPeers ? end.stateNumber : undefined;
  // A start that fails after the move leaves no new peers; the next start must not resume the old run.
  if (end.kind !== "none" && carriedOn === undefined && settings.updateState) beginAnew(run, log);
  const store = openNotifyStore(directory, { ...parts, log });
  const preparedAt = clock.wallClock();
  const [moved, records] = parts.asOwner(
    layout.monitorList,
    () => [store.retire(), store.load()] as const,
  );
  tellOfMove(moved, settings.force, () => parts.servingMonitor(directory), log);
  const isMoved = store.faults === 0;
  if (records.length === 0) {
    if (!isMoved) throw new Error("No peer is notified, because not all records could be read");
    // A service that moves to this booting node needs the grace period.
    const isForService = parts.asOwner(layout.monitorList, () => identities.mayHaveSome());
    if (settings.liftGrace && made.length === 0 && !isForService) report(kernel.endGrace(), log);
    takeLock(lock, run, life, true, log);
    run.finish();
    return 0;
  }
  const now = () => parts.asOwner(layout.directory, () => store.stateNumber());
  const isNew = settings.updateState && (carriedOn === undefined || now() !== carriedOn);
  if (isNew) begin(run, log);
  const { stateNumber, isKept } = isNew
    ? newNumber(run, () => parts.asOwner(layout.directory, () => store.advanceStateNumber()), log)
    : { stateNumber: now(), isKept: true };
  if (stateNumber === 0) throw new Error("The state number is 0, which peers treat as unknown");
  report(kernel.setLocalState(stateNumber), log);
  takeLock(lock, run, life, isPartial(settings) && isFinished(lookAt(lock), run), log);
  const unmovedSince = isMoved && isKept ? undefined : latest(preparedAt, records);
  const how = { unmovedSince, isBeside: end.kind === "goingOn" };
  return { prepared: { stateNumber, sources, life, ...how }, records, starting };
}

/** Time at which no record is newer, even if the clock without a battery is behind their times. */
function latest(now: number, records: readonly NotifyRecord[]): number {
  return records.reduce((time, { modifiedAt }) => Math.max(time, modifiedAt), now);
}

/** Sources, without the names of configured or stored identities. */
async function ownSources(
  settings: SmNotifySettings,
  identities: IdentityFile,
  { monitorList }: Layout,
  { resolver, clock, asOwner, configuredIdentities, hostName }: PreparationParts,
  log: Log,
): Promise<SourcePlan[]> {
  const planned = await planSources(settings, resolver, log, clock);
  const known = asOwner(monitorList, () => identities.load());
  const kept = Object.entries(known).map(([id, value]) =>
    [id, (value as { texts?: unknown } | null)?.texts] as const
  );
  const names = identityNames([...configuredIdentities(), ...kept]);
  return withoutIdentities(planned, names, hostName(), log);
}

/** @throws {Error} When this user lacks the rights. */
function requireRights({ monitorList }: Layout): void {
  const [own, { uid }] = [Deno.uid(), ownerOf(monitorList)];
  if (own === 0 || own === uid) return;
  throw new Error(`Only root or the owner of ${quote(monitorList)}, uid ${uid}, can do this`);
}

/** Notes the run, so that it can be resumed with its number. */
function begin(run: NotifyRun, log: Log): void {
  try {
    run.begin(run.nextStateNumber);
  } catch (error) {
    log.warning(`If this run is interrupted, it cannot be continued: ${reasonOf(error)}`);
  }
}

/** Replaces the note of an earlier run, or at least removes it. @throws {StoreError} No number is known. */
function beginAnew(run: NotifyRun, log: Log): void {
  const next = run.nextStateNumber; // without a number no peer can be notified, and the earlier note stays
  try {
    run.begin(next);
  } catch {
    try {
      run.forget();
    } catch (error) {
      log.warning(`A later start may continue an earlier run: ${reasonOf(error)}`);
    }
  }
}

/** Advances the state number; if that fails, peers are told the number anyway. */
function newNumber(
  run: NotifyRun,
  advance: () => number,
  log: Log,
): { stateNumber: number; isKept: boolean } {
  const next = run.nextStateNumber;
  try {
    return { stateNumber: advance(), isKept: true };
  } catch (error) {
    log.error(
      `${reasonOf(error)}; peers are still told the number ${next}, and the next boot will have ` +
        "it again: they may not believe it",
    );
    return { stateNumber: next, isKept: false };
  }
}

/** Logs a failed write. An absent file means no lock manager in the kernel, which may be loaded later. */
function report(write: KernelWrite, log: Log): void {
  if (write.outcome === "failed") log.warning(`Cannot write "${write.path}": ${write.reason}`);
  if (write.outcome === "absent") log.debug(() => `There is no "${write.path}"`);
}
