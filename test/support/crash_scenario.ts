/**
 * Crash test: cuts the power or kills the process between any two operations of a scenario,
 * restarts on every disk that may result, and checks the guarantees. Acknowledged changes are
 * durable, unacknowledged changes are atomic, and the rest of the scenario can be completed.
 */

import { assert, assertEquals } from "@std/assert";
import type { MonitorStore, NotifyStore } from "../../lib/nsm/ports.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { isBlank } from "../../lib/store/record_file.ts";
import type { StartTimer } from "../../lib/time/clock.ts";
import { FakeClock } from "./fake_clock.ts";
import { FragileDisk } from "./fragile_disk.ts";
import { RecordingLog } from "./recording_log.ts";

/** Stores of one run of the program. */
export interface Stores {
  readonly monitor: MonitorStore;
  readonly notify: NotifyStore;
}

/** A call, and the expected files after it. */
export interface Step {
  readonly run: (stores: Stores) => Promise<void> | void;
  /** Lines by {@link labelOf}; undefined for a removed line. */
  readonly lines?: Readonly<Record<string, string | undefined>>;
  /** Files in the directories afterwards, where their names matter. */
  readonly files?: readonly string[];
}

export interface Scenario {
  /** Files before the scenario. */
  readonly before: Readonly<Record<string, string>>;
  /** Groups of calls; calls of a group are concurrent. */
  readonly groups: readonly (readonly Step[])[];
}

export const STATE_DIRECTORY = "/nsm";
const DIRECTORIES = [STATE_DIRECTORY, `${STATE_DIRECTORY}/sm`, `${STATE_DIRECTORY}/sm.bak`];

/** Label of a line, independent of its priv: the names of a record, or the whole of any other line. */
export function labelOf(line: string): string {
  return line.slice(69) || line;
}

/** Disk with an empty state directory and these files. */
export function diskWith(files: Readonly<Record<string, string>>): FragileDisk {
  const paths = Object.entries(files).map(([name, text]) => [`${STATE_DIRECTORY}/${name}`, text]);
  return new FragileDisk(DIRECTORIES, Object.fromEntries(paths));
}

/** Opens the stores of a disk and loads both lists, like a start. */
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
    ...(timers && { clock: Object.assign(new FakeClock(), { startTimer }) }),
  });
  const notify = openNotifyStore(STATE_DIRECTORY, { log, fileSystem });
  Array.from(monitor.load());
  notify.load();
  return { monitor, notify };
}

/** Runs the scenario with a crash at each operation. Returns the number of restarts. */
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

/** Steps begun and steps acknowledged. */
class History {
  readonly #scenario: Scenario;
  /** Every line that may be found. */
  readonly #lines = new Set<string>();
  #begun = new Set<Step>();
  #done = new Set<Step>();

  /** `mayComeBack`: an acknowledged removal may be undone by a power cut. */
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

  /** Runs the remaining steps until one fails. */
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

  /** Checks that files have whole lines only, and each label an allowed line. */
  check(disk: FragileDisk, what: string): void {
    const found = new Map<string, Set<string>>();
    const files = Object.entries(disk.files).filter(([path]) => /\/sm(\.bak)?\/[^.]/.test(path));
    for (const [path, text] of files) {
      if (disk.namesWithFiles && isBlank(text)) continue;
      assert(text !== "", `${what}: ${path} is empty`);
      for (const line of linesOf(disk.namesWithFiles ? text.replace(/\0+$/, "") : text)) {
        // The store completes a last line without line feed when it adds a line.
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

  /** Allowed lines of a label: of its last acknowledged step, and of all steps begun since. */
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

/** Lines of a text with their line feeds, and the rest behind the last one. */
function linesOf(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}
