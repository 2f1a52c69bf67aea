/**
 * What sm-notify does before it goes to the background, as root: own names, the move from `sm` to
 * `sm.bak`, the state number, the kernel's files, and at last the run-once lock: a start that fails does
 * not use up the one run of a boot.
 *
 * "Nobody is to be told" is only said when both lists were read whole, and "already" only when a lock of
 * this life was seen. All else is told, or ends with an error.
 */

import { identitySections } from "../config/identity_sections.ts";
import { systemFiles } from "../config/ini_file.ts";
import { DEFAULT_STATE_DIRECTORY, type SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { type NotifyRecord, reasonOf, type Resolver } from "../nsm/ports.ts";
import type { Clock } from "../time/clock.ts";
import { asOwner } from "../platform/as_owner.ts";
import { systemClock } from "../platform/clock.ts";
import { KernelState, type KernelWrite } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { ownerOf } from "../platform/privileges.ts";
import { type LockOfLife, lockOfLife } from "../platform/run_once.ts";
import { quote } from "../quote.ts";
import { IdentityFile } from "../store/identity_file.ts";
import { type Layout, layoutOf } from "../store/layout.ts";
import { makeMissingLists } from "../store/missing_lists.ts";
import { NotifyRun, type NotifyRunParts } from "../store/notify_run.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { recordsOf } from "./dry_run.ts";
import type { Prepared } from "./run.ts";
import { lifeOf, requireOnly } from "./plan.ts";
import { identityNames, withoutIdentities } from "./identity_names.ts";
import { servingMonitor, tellOfMove } from "./moved_files.ts";
import { ownNames, planSources, type SourcePlan } from "./sources.ts";

/** Folder of the run-once lock; a tmpfs on most systems. */
const RUN_DIRECTORY = "/run";

/** Preparation that is handed to the run; the background reads the records anew. */
export interface ReadyToNotify {
  readonly prepared: Prepared;
  readonly records: readonly NotifyRecord[];
  /** Keeps other processes from starting a run until this one is known by its file. */
  readonly starting: Disposable;
}

/** Machine of a preparation, for tests to replace. */
export interface PreparationParts extends NotifyRunParts {
  readonly kernel: Pick<KernelState, "bootId" | "setLocalState" | "endGrace">;
  /** The run-once lock of a life. */
  readonly lockOfLife: (life: string) => LockOfLife;
  /** Own names, as `-v` gives them. */
  readonly resolver: Resolver;
  /** Does something as the owner of a directory. */
  readonly asOwner: typeof asOwner;
  readonly clock: Clock;
  /** The identities in nfs.conf: texts by id. */
  readonly configuredIdentities: () => Iterable<readonly [id: string, texts: unknown]>;
  readonly hostName: () => string;
  /** @throws {Error} When this user has no business here. */
  readonly requireRights: (layout: Layout) => void;
  /** Makes what is missing of both lists. */
  readonly makeMissingLists: typeof makeMissingLists;
  readonly servingMonitor: typeof servingMonitor;
  /** State directory, in place of the setting. */
  readonly directory?: string;
}

/** The machine that this is. */
function thisMachine(): PreparationParts {
  return {
    kernel: new KernelState(),
    lockOfLife: (life) => lockOfLife(RUN_DIRECTORY, life),
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

/** Does all that comes before notifying; an exit status when nobody is to be notified. */
export async function prepareToNotify(
  settings: SmNotifySettings,
  log: Log,
  parts: PreparationParts = thisMachine(),
): Promise<ReadyToNotify | number> {
  const { kernel, clock } = parts;
  const { directory = settings.stateDirectoryPath } = parts;
  const isDefault = settings.stateDirectoryPath === DEFAULT_STATE_DIRECTORY;
  const layout = layoutOf(directory);
  const made = parts.makeMissingLists(layout);
  if (made.length > 0) log.notice(`Made what was missing: ${made.map(quote).join(", ")}`);
  parts.requireRights(layout);
  const life = lifeOf(settings, kernel.bootId());
  const lock = isDefault ? parts.lockOfLife(life) : undefined;
  const run = new NotifyRun(directory, life, log, parts);
  const starting = await run.startAlone();
  if (!mayRun(settings, run, lock, log)) return 0;
  if (settings.only.length > 0) {
    const records = parts.asOwner(layout.monitorList, () => recordsOf(directory, log));
    requireOnly(settings, records, log);
  }
  const identities = new IdentityFile(directory, log, parts.fileSystem);
  const sources = await ownSources(settings, identities, layout, parts, log);
  // The look-up of own names may outlast the wait of another start, which tells peers meanwhile.
  if (!mayRun(settings, run, lock, log, "again")) return 0;

  const end = run.end();
  const carriedOn = end.kind === "cutShort" && !run.hasNewPeers ? end.stateNumber : undefined;
  // A start that fails behind the move has no new peers any more: the next one must not carry on.
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
    if (!isMoved) throw new Error("Nobody is told, since not all records could be read");
    // A service that arrives while this node boots needs the grace period.
    const isForService = parts.asOwner(layout.monitorList, () => identities.mayHaveSome());
    if (settings.liftGrace && made.length === 0 && !isForService) report(kernel.endGrace(), log);
    takeLock(lock, run, life, log);
    run.finish();
    return 0;
  }
  const now = () => parts.asOwner(layout.directory, () => store.stateNumber());
  const isNew = settings.updateState && (carriedOn === undefined || now() !== carriedOn);
  if (isNew) begin(run, log);
  const { stateNumber, isKept } = isNew
    ? newNumber(run, () => parts.asOwner(layout.directory, () => store.advanceStateNumber()), log)
    : { stateNumber: now(), isKept: true };
  if (stateNumber === 0) throw new Error("The state number is 0, which peers take for none");
  report(kernel.setLocalState(stateNumber), log);
  takeLock(lock, run, life, log);
  const unmovedSince = isMoved && isKept ? undefined : preparedAt;
  const isBeside = end.kind === "goingOn";
  return { prepared: { stateNumber, sources, life, unmovedSince, isBeside }, records, starting };
}

/** The sources that do not announce an identity: one of nfs.conf, or one that is kept here. */
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

/** @throws {Error} When this user has no business here. */
function requireRights({ monitorList }: Layout): void {
  const [own, { uid }] = [Deno.uid(), ownerOf(monitorList)];
  if (own === 0 || own === uid) return;
  throw new Error(`It takes root, or the owner of ${quote(monitorList)}, who has uid ${uid}`);
}

/** Applies the run-once rule, which concerns the default state directory only; the log has it once. */
function mayRun(
  settings: SmNotifySettings,
  run: NotifyRun,
  lock: LockOfLife | undefined,
  log: Log,
  asked: "first" | "again" = "first",
): boolean {
  if (lock === undefined || settings.force || !settings.updateState) return true;
  const found = lock.look();
  if (found.kind === "unknown" && asked === "first") {
    log.warning(`Cannot tell from the lock whether peers were told in this boot: ${found.reason}`);
  }
  const since = found.kind === "taken" ? found.since : run.markedAt;
  if (found.kind !== "taken" && since === undefined) return true;
  const end = run.end();
  if (end.kind === "unknown") return true;
  if (end.kind === "cutShort") {
    if (asked === "first") log.notice("Carrying on a run that was cut short");
    return true;
  }
  const when = since === undefined ? "" : ` since ${localTime(since)}`;
  log.notice(
    "Already notifying clients; Exiting! " +
      (end.kind === "goingOn"
        ? `A run goes on${when}`
        : `Peers were told in this boot${when.replace("since", "at")}; -f tells them again`),
  );
  return false;
}

/** Notes that this life has had its run; where that is not possible, a second start has to tell again. */
function takeLock(lock: LockOfLife | undefined, run: NotifyRun, life: string, log: Log): void {
  const fault = lock?.take();
  if (fault === undefined) return;
  try {
    if (life === "") throw new Error("the kernel's boot id cannot be read");
    run.mark();
    log.warning(
      `Cannot note in ${RUN_DIRECTORY} that peers are told: ${fault}; sm.bak has the note`,
    );
  } catch (error) {
    log.warning(
      `Cannot note that peers are told, so that another start tells them again: ${fault}; ` +
        reasonOf(error),
    );
  }
}

/** Notes the run, so that it can be carried on with its number. */
function begin(run: NotifyRun, log: Log): void {
  try {
    run.begin(run.nextStateNumber);
  } catch (error) {
    log.warning(`A run that is cut short cannot be carried on: ${reasonOf(error)}`);
  }
}

/** Notes the run in place of an earlier one, or takes away the note of that one. */
function beginAnew(run: NotifyRun, log: Log): void {
  try {
    run.begin(run.nextStateNumber);
  } catch {
    try {
      run.forget();
    } catch (error) {
      log.warning(`A later start may carry on an earlier run: ${reasonOf(error)}`);
    }
  }
}

/** Advances the state number; where that is not possible, peers are told the one that it would have. */
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
      `${reasonOf(error)}; peers are told the number ${next} all the same, and the next boot has ` +
        "the same one: they may not believe it",
    );
    return { stateNumber: next, isKept: false };
  }
}

/** An absent file means that the kernel has no lock manager, which may come later. */
function report(write: KernelWrite, log: Log): void {
  if (write.outcome === "failed") log.warning(`Cannot write "${write.path}": ${write.reason}`);
  if (write.outcome === "absent") log.debug(() => `There is no "${write.path}"`);
}

/** A time for people, in their zone: 2026-11-26 12:59:03. */
function localTime(time: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join("-");
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":")}`;
}
