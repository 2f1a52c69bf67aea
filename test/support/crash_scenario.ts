/**
 * Cuts the power, or kills the process, between any two operations of a scenario, starts again on each
 * disk that may be found then, and checks what was promised: what was acknowledged is there, what was
 * not is there as a whole or not at all, and the rest of the scenario can be made up for.
 */

import { assert, assertEquals } from "@std/assert";
import type { MonitorStore, NotifyStore } from "../../lib/nsm/ports.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { isBlank } from "../../lib/store/record_file.ts";
import type { StartTimer } from "../../lib/time/clock.ts";
import { FragileDisk } from "./fragile_disk.ts";
import { RecordingLog } from "./recording_log.ts";

/** The stores of one life of the program. */
export interface Stores {
  readonly monitor: MonitorStore;
  readonly notify: NotifyStore;
}

/** One call, and what the files hold after it. */
export interface Step {
  readonly run: (stores: Stores) => Promise<void> | void;
  /** Lines by {@link labelOf}; undefined for one that is gone. */
  readonly lines?: Readonly<Record<string, string | undefined>>;
  /** Files that the directories have after it, where their names matter. */
  readonly files?: readonly string[];
}

export interface Scenario {
  /** Files before it. */
  readonly before: Readonly<Record<string, string>>;
  /** Groups of calls; those of a group are made at the same time. */
  readonly groups: readonly (readonly Step[])[];
}

export const STATE_DIRECTORY = "/nsm";
const DIRECTORIES = [STATE_DIRECTORY, `${STATE_DIRECTORY}/sm`, `${STATE_DIRECTORY}/sm.bak`];

/** What a line is known by while its priv changes: the names of a record, or all of another line. */
export function labelOf(line: string): string {
  return line.slice(69) || line;
}

/** A disk with an empty state directory and these files in it. */
export function diskWith(files: Readonly<Record<string, string>>): FragileDisk {
  const paths = Object.entries(files).map(([name, text]) => [`${STATE_DIRECTORY}/${name}`, text]);
  return new FragileDisk(DIRECTORIES, Object.fromEntries(paths));
}

/** Opens the stores of a disk and loads both lists, as a start does. */
export function startOn(
  fileSystem: FragileDisk,
  log = new RecordingLog(),
  timers?: Set<() => void>,
): Stores {
  const startTimer: StartTimer = (_ms, action) => {
    timers!.add(action);
    return () => timers!.delete(action);
  };
  const monitor = openMonitorStore(STATE_DIRECTORY, {
    log,
    fileSystem,
    ...(timers && { startTimer }),
  });
  const notify = openNotifyStore(STATE_DIRECTORY, { log, fileSystem });
  Array.from(monitor.load());
  notify.load();
  return { monitor, notify };
}

/** Runs all of it. Returns the number of disks on which it was started again. */
export async function crashEverywhere(
  scenario: Scenario,
  ignored?: FragileDisk["ignored"],
  { namesWithFiles = false, isLater = false } = {},
): Promise<number> {
  let starts = 0;
  for (let operations = 0;; operations++) {
    const disk = diskWith(scenario.before);
    disk.ignored = ignored;
    disk.namesWithFiles = namesWithFiles;
    const timers = isLater ? new Set<() => void>() : undefined;
    const stores = startOn(disk, new RecordingLog(), timers);
    disk.powerLasts = operations;
    const history = new History(scenario, isLater);
    await history.follow(stores);
    runAll(timers);
    const isWhole = disk.powerLasts >= 0;
    for (const remains of disk.remains()) {
      await restart(remains, history, `power cut after ${disk.journal.join(", ")}`);
      starts++;
    }
    disk.powerLasts = Infinity;
    history.mayComeBack = false;
    await restart(disk, history, `killed after ${disk.journal.join(", ")}`);
    if (isWhole) return starts + 1;
  }
}

async function restart(disk: FragileDisk, before: History, what: string): Promise<void> {
  const history = before.copy();
  const found = JSON.stringify(disk.files);
  history.check(disk, `${what}; found ${found}`);
  const log = new RecordingLog();
  const stores = startOn(disk, log);
  const isBad = (line: string) =>
    /^(error|warning)/.test(line) && !/not a record|it is empty/.test(line);
  assertEquals(log.lines.filter(isBad), [], what);
  history.check(disk, `${what}; start on ${found}`);
  for (const path of Object.keys(disk.files)) {
    assert(!path.includes("/."), `${what}: ${path} stayed`);
  }
  await history.follow(stores);
  assert(history.isWhole, `${what}; not possible any more on ${found}`);
  for (const later of disk.remains()) history.check(later, `${what}; made up for on ${found}`);
}

function runAll(timers: Set<() => void> = new Set()): void {
  for (const action of [...timers]) {
    timers.delete(action);
    action();
  }
}

/** Which steps were begun and which were acknowledged. */
class History {
  readonly #scenario: Scenario;
  /** Every line that may be found. */
  readonly #lines = new Set<string>();
  #begun = new Set<Step>();
  #done = new Set<Step>();

  /** `mayComeBack`: what was removed and acknowledged may be back after a power cut. */
  constructor(scenario: Scenario, public mayComeBack = false) {
    this.#scenario = scenario;
    for (const text of Object.values(scenario.before)) {
      for (const line of linesOf(text)) this.#lines.add(line);
    }
    for (const { lines } of scenario.groups.flat()) {
      for (const line of Object.values(lines ?? {})) {
        if (line !== undefined) this.#lines.add(line);
      }
    }
  }

  get isWhole(): boolean {
    return this.#scenario.groups.flat().every((step) => this.#done.has(step));
  }

  copy(): History {
    const copy = new History(this.#scenario, this.mayComeBack);
    copy.#begun = new Set(this.#begun);
    copy.#done = new Set(this.#done);
    return copy;
  }

  /** Takes the steps that are not done yet, until one fails. */
  async follow(stores: Stores): Promise<void> {
    for (const group of this.#scenario.groups) {
      const missing = group.filter((step) => !this.#done.has(step));
      await Promise.allSettled(missing.map(async (step) => {
        this.#begun.add(step);
        await step.run(stores);
        this.#done.add(step);
      }));
      if (!group.every((step) => this.#done.has(step))) return;
    }
  }

  /** Checks that each file has whole lines only, and each label a line that it may have now. */
  check(disk: FragileDisk, what: string): void {
    const found = new Map<string, Set<string>>();
    const files = Object.entries(disk.files).filter(([path]) => /\/sm(\.bak)?\/[^.]/.test(path));
    for (const [path, text] of files) {
      if (disk.namesWithFiles && isBlank(text)) continue;
      assert(text !== "", `${what}: ${path} is empty`);
      for (const line of linesOf(disk.namesWithFiles ? text.replace(/\0+$/, "") : text)) {
        // A line without its end gets one when another follows.
        const known = this.#lines.has(line) ? line : line.trimEnd();
        const isWhole = this.#lines.has(known);
        assert(isWhole, `${what}: ${path} has a torn line ${JSON.stringify(line)}`);
        const label = labelOf(known);
        found.set(label, (found.get(label) ?? new Set()).add(known));
      }
    }
    for (const label of new Set([...this.#lines].map(labelOf))) {
      const lines = [...found.get(label) ?? []];
      const allowed = this.#allowed(label);
      const isRight = lines.length === 0
        ? allowed.has(undefined)
        : lines.every((line) => allowed.has(line));
      const expected = JSON.stringify([...allowed]);
      assert(
        isRight,
        `${what}: ${label} has ${JSON.stringify(lines)}, expected one of ${expected}`,
      );
    }
    const last = this.#scenario.groups.flat().findLast((step) => this.#begun.has(step));
    if (last?.files !== undefined && this.#done.has(last)) {
      const names = files.map(([path]) => path.slice(STATE_DIRECTORY.length + 1)).toSorted();
      assertEquals(names, last.files, what);
    }
  }

  /** The lines that a label may have, after the last acknowledged step and all that were begun. */
  #allowed(label: string): Set<string | undefined> {
    const before = Object.values(this.#scenario.before).flatMap(linesOf);
    let allowed = new Set([before.find((line) => labelOf(line) === label)]);
    for (const step of this.#scenario.groups.flat()) {
      if (step.lines === undefined || !(label in step.lines)) continue;
      const line = step.lines[label];
      const isLasting = this.#done.has(step) && !(this.mayComeBack && line === undefined);
      if (isLasting) allowed = new Set([line]);
      else if (this.#begun.has(step)) allowed.add(line);
    }
    return allowed;
  }
}

/** The lines of a text with their ends, and what may follow the last end. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
