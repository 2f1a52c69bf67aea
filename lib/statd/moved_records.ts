/**
 * Moved records: `sm-notify -f` of either implementation, or a script, renames files of the monitor
 * list into the notify list while the daemon runs. Their peers are still monitored, and a restart
 * would forget them, so the records are written again. A file deleted outright, as by CTDB's
 * callout, stays deleted until SIGHUP: nothing appears in the notify list then.
 *
 * inotify watches the notify list, not the monitor list, in which every call writes. So neither an
 * idle daemon nor one that serves calls is woken.
 */

import { isMissing } from "../platform/small_files.ts";
import type { Log } from "../log.ts";
import type { Monitored, MonitorList } from "../nsm/monitor_list.ts";
import type { MonitorStore } from "../nsm/ports.ts";
import { backgroundFiles } from "../platform/background_files.ts";
import { systemClock } from "../platform/clock.ts";
import { lockOfLife } from "../platform/run_once.ts";
import { watchDirectories } from "../platform/watch.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { fileNameFault, type Layout, layoutOf } from "../store/layout.ts";
import { type Clock, sleep } from "../time/clock.ts";

/**
 * Debounce: delay between the first change and the rewrite, in ms. A daemon that is killed meanwhile
 * loses the records, so it is shorter than the start of sm-notify.
 */
const DEBOUNCE_MS = 20;
/** Registrations checked between two yields to the event loop. */
const SLICE = 512;
/** Maximum number of records checked again one by one; the remaining ones count as missing. */
const LOOKED_FOR_MAX = 128;
/** Records per batch: one group commit. */
const TOGETHER_MAX = 128;

interface MovedRecordsParts {
  readonly layout: Pick<Layout, "monitorList" | "notifyList" | "events">;
  readonly list: MonitorList;
  readonly store: Pick<MonitorStore, "put" | "otherNames">;
  /**
   * Whether the loaded records belong to this boot. Before peers were told of the boot they do not,
   * and its first sm-notify takes them away legitimately.
   */
  readonly keepsLoaded: boolean;
  /** Settles when every sm-notify that the daemon has started has moved its records, or failed. */
  readonly retired: () => Promise<void>;
  readonly clock: Pick<Clock, "startTimer">;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Keeper of a daemon's records. */
export interface KeptRecords {
  /** Settles after the stop, or at once if inotify is not available. */
  readonly ended: Promise<void>;
  /** Writes all records again that are missing on disk, on demand. */
  writeMissing(): Promise<void>;
  /**
   * Counts monitored peers without a record on disk; undefined if the directory cannot be listed. A
   * call during another one shares its result: a stalled disk is asked once.
   */
  countMissing(): Promise<number | undefined>;
}

/** Starts the keeper; a no-op for a daemon without a directory. */
export function keepRecords(
  { settings, volatile, loaded, ...given }:
    & Omit<
      MovedRecordsParts,
      "layout" | "keepsLoaded" | "clock"
    >
    & {
      /** Settles when the list is complete; before that, missing records cannot be determined. */
      readonly loaded: Promise<void>;
      readonly settings: { readonly stateDirectoryPath: string };
      readonly volatile?: string;
    },
): KeptRecords {
  if (volatile !== undefined) {
    const nothing = () => Promise.resolve();
    return { ended: nothing(), writeMissing: nothing, countMissing: () => Promise.resolve(0) };
  }
  const layout = layoutOf(settings.stateDirectoryPath);
  const whole = loaded.then((): MovedRecordsParts => {
    const keepsLoaded = lockOfLife("/run", "").look().kind === "taken";
    return { ...given, layout, keepsLoaded, clock: systemClock };
  });
  let counting: Promise<number | undefined> | undefined;
  return {
    ended: whole.then(keepMovedRecords),
    async writeMissing() {
      const parts = await whole;
      await writeAgain(namesOf(parts.list), parts);
    },
    countMissing() {
      counting ??= whole.then(countMissing).finally(() => counting = undefined);
      return counting;
    },
  };
}

/**
 * The directory is listed once; a file missing in the listing may have been written since, and is
 * checked again.
 */
async function countMissing(parts: MovedRecordsParts): Promise<number | undefined> {
  const { layout: { monitorList }, list, store, clock, signal } = parts;
  let files = new Set<string>();
  try {
    files = new Set(await backgroundFiles.names(monitorList));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) return undefined;
  }
  const absent = new Set<string>();
  let looked = 0;
  for (const monitored of list.all()) {
    const { monName } = monitored.record;
    if (!files.has(monName) && isKept(monitored, parts)) absent.add(monName);
    if (++looked % SLICE === 0) await sleep(clock.startTimer, 0, signal);
  }
  let count = Math.max(0, absent.size - LOOKED_FOR_MAX);
  for (const name of [...absent].slice(0, LOOKED_FOR_MAX)) {
    const isStillMissing = [name, ...store.otherNames(name)].every((one) => hasNoFile(one, parts));
    if (isStillMissing && [...list.about(name)].some((it) => isKept(it, parts))) count++;
  }
  return count;
}

/**
 * Rewrites moved records until the signal is aborted. Settles then, or at once if directories
 * cannot be watched.
 *
 * A file that leaves the notify list is looked for as well: sm-notify removes its source only after
 * the merged file is durable, which may be long after that file appeared.
 */
async function keepMovedRecords(parts: MovedRecordsParts): Promise<void> {
  const { layout: { notifyList, events }, list, retired, log, signal } = parts;
  if (signal.aborted) return;
  const moved = new Set<string>();
  let writing: Promise<void> | undefined;
  /** Change of the directory that the last look has seen. */
  let seen = changedAt(notifyList);
  /** One look at a time; names that come meanwhile are for the next one. */
  const write = async () => {
    do {
      await soon(parts);
      if (!signal.aborted) seen = changedAt(notifyList);
      // A file that was there before and holds the record too causes no event; the run itself does.
      const isOfRun = [...moved].some((name) => name.startsWith("."));
      const names = new Set([...moved, ...(isOfRun ? namesIn(notifyList) : [])]);
      moved.clear();
      await writeAgain([...names], parts);
    } while (moved.size > 0 && !signal.aborted);
    writing = undefined;
  };
  try {
    using watcher = watchDirectories([notifyList]);
    signal.addEventListener("abort", () => watcher.close(), { once: true });
    for await (const { kind, paths } of watcher) {
      // The history is written all the time; only its name is a change of the directory.
      const isOther = (path: string) => kind !== "modify" || path !== events;
      const changed = kind === "access" ? [] : paths.filter(isOther);
      if (changed.length === 0) continue;
      for (const path of changed) moved.add(path.slice(path.lastIndexOf("/") + 1));
      writing ??= write();
    }
  } catch (error) {
    log.warning(`Removed records are not restored from now on: ${reasonOf(error)}`);
  }
  await writing;
  await retired();
  // Events of the last moments before the stop do not arrive.
  if (changedAt(notifyList) !== seen) await writeAgain(namesOf(list), parts);
}

/** Time of the last change of a directory, in ms since 1970; undefined if it is unknown. */
function changedAt(directory: string): number | undefined {
  try {
    return Deno.statSync(directory).mtime?.getTime();
  } catch {
    return undefined;
  }
}

function namesOf(list: MonitorList): string[] {
  return [...new Set(Array.from(list.all(), ({ record }) => record.monName))];
}

/** Settles after the debounce, or at the stop, so that late moves are still handled. */
function soon({ clock, signal }: MovedRecordsParts): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = clock.startTimer(DEBOUNCE_MS, end);
    signal.addEventListener("abort", end);
  });
}

/** Writes the records of peers again whose files are missing from the monitor list. */
async function writeAgain(
  names: readonly string[],
  parts: MovedRecordsParts,
): Promise<void> {
  const { layout: { monitorList }, list, store, clock, signal, log } = parts;
  let count = 0;
  for (let at = 0; at < names.length; at += TOGETHER_MAX) {
    if (at > 0) await sleep(clock.startTimer, 0, signal); // answers callers in between
    const missing = names.slice(at, at + TOGETHER_MAX)
      .filter((name) => [name, ...store.otherNames(name)].every((one) => hasNoFile(one, parts)))
      .flatMap((name) => [...list.about(name)])
      .filter((monitored) => isKept(monitored, parts));
    const results = await Promise.allSettled(missing.map(({ record }) => store.put(record)));
    for (const result of results) {
      if (result.status === "fulfilled") count++;
      else log.warning(`Cannot write a moved record again: ${reasonOf(result.reason)}`);
    }
  }
  if (count > 0) {
    log.notice(`Restored ${count} records that were removed from ${quote(monitorList)}`);
  }
}

/** Whether a record is to be on disk; a change in progress writes it anyway. */
function isKept({ record, stored, since }: Monitored, { keepsLoaded }: MovedRecordsParts): boolean {
  return stored === record && (keepsLoaded || since !== undefined);
}

function namesIn(directory: string): string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch {
    return []; // the names from inotify are still handled
  }
}

function hasNoFile(name: string, { layout: { monitorList } }: MovedRecordsParts): boolean {
  return fileNameFault(name) === undefined && isMissing(`${monitorList}/${name}`);
}
