/** Simulated sm-notify: the real preparation and notifier, composed as in the program. */

import type { SmNotifySettings } from "../../lib/config/settings.ts";
import { loadSmNotifySettings } from "../../lib/config/load.ts";
import type { Log } from "../../lib/log.ts";
import { hostResolver } from "../../lib/net/resolver.ts";
import { Notifier } from "../../lib/nsm/notify/notifier.ts";
import { announcementsOf } from "../../lib/nsm/notify/notify_list.ts";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import {
  type PreparationParts,
  prepareToNotify,
  type ReadyToNotify,
} from "../../lib/notify/prepare.ts";
import type { LockOfLife } from "../../lib/platform/run_once.ts";
import { scheduleOf, totalMsOf } from "../../lib/notify/plan.ts";
import { NotifyRun, type NotifyRunParts } from "../../lib/store/notify_run.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import type { NameService } from "./names.ts";
import type { FileLocks, Process } from "./process.ts";
import { STATE_DIRECTORY } from "./statd.ts";

/** Duration of the start in the background, in ms. */
const FORK_MS = 100;

/** Cache of settings by arguments. */
const known = new Map<string, SmNotifySettings>();

export function smNotifySettings(...args: string[]): SmNotifySettings {
  const before = known.get(args.join(" "));
  if (before !== undefined) return before;
  const loaded = loadSmNotifySettings({
    programName: "sm-notify",
    args,
    env: { get: () => undefined },
    files: new MemoryFiles({ [`${STATE_DIRECTORY}/sm`]: "" }),
  });
  if (loaded.kind === "exit") throw new Error(loaded.stderr);
  known.set(args.join(" "), loaded.settings);
  return loaded.settings;
}

export interface SmNotifyParts {
  readonly disk: FragileDisk;
  readonly settings: SmNotifySettings;
  readonly names: NameService;
  readonly locks: FileLocks;
  readonly callPeer: CallPeer;
  readonly bootId: string;
  /** Run-once lock of this boot. */
  readonly lock: LockOfLife;
  readonly random: () => number;
  readonly log: Log;
}

/** Runs the foreground part; returns an exit status if that was all. */
export async function prepare(
  process: Process,
  { disk, settings, names, locks, bootId, lock, log }: SmNotifyParts,
): Promise<ReadyToNotify | number> {
  const parts: PreparationParts = {
    kernel: {
      bootId: () => bootId,
      setLocalState: () => ({ outcome: "absent", path: "" }),
      endGrace: () => ({ outcome: "absent", path: "" }),
    },
    lockOfLife: () => lock,
    resolver: hostResolver(names.functionsFor(process), process.clock),
    clock: process.clock,
    requireRights() {},
    configuredIdentities: () => [],
    hostName: () => "nodea",
    makeMissingLists: () => [],
    servingMonitor: () => undefined,
    ...runParts(process, disk, locks),
  };
  return await prepareToNotify(settings, log, () => {}, parts);
}

/** Outcome of a run in the background. */
export interface Ended {
  readonly status: number;
  /** True if every record was read, and removed once its peer was told. */
  readonly isWhole: boolean;
}

/** Runs the background part. */
export async function notify(
  process: Process,
  { prepared, starting }: ReadyToNotify,
  { disk, settings, names, locks, callPeer, lock, random, log }: SmNotifyParts,
): Promise<Ended> {
  const { clock } = process;
  await new Promise<void>((resolve) => clock.startTimer(FORK_MS, resolve));
  const fileSystem = process.files(disk);
  const run = new NotifyRun(STATE_DIRECTORY, prepared.life, log, runParts(process, disk, locks));
  run.hold();
  const held = lock.hold();
  starting[Symbol.dispose]();
  const store = openNotifyStore(STATE_DIRECTORY, { log, fileSystem });
  const own = prepared.sources.flatMap(({ name }) => name === undefined ? [] : [name]);
  const notifier = new Notifier(
    {
      clock,
      resolver: hostResolver(names.functionsFor(process), clock),
      store: {
        remove: (record) => store.remove(record),
        has: (record) => store.has(record) || !run.isAlone,
      },
      memory: openPeerMemory(STATE_DIRECTORY, { log, mayCompact: false, clock, fileSystem }),
      sources: prepared.sources.map(() => callPeer),
      log,
      random,
    },
    {
      stateNumber: prepared.stateNumber,
      schedule: scheduleOf(settings),
      totalMs: totalMsOf(settings, false),
      announcements: ({ myName }) => announcementsOf(own.length > 0 ? own : [myName]),
      preferTcp: false,
      peerPort: 0,
    },
    store.load(prepared.unmovedSince),
  );
  const { gaveUp } = await notifier.run();
  const isWhole = prepared.unmovedSince === undefined && store.faults === 0 &&
    notifier.unremoved === 0;
  if (isWhole) {
    held?.finish();
    run.finish();
  }
  return { status: gaveUp === 0 && isWhole ? 0 : 1, isWhole };
}

function runParts(
  process: Process,
  disk: FragileDisk,
  locks: FileLocks,
): Required<NotifyRunParts> {
  return {
    fileSystem: process.files(disk),
    openToLock: locks.openFor(process),
    startTimer: process.clock.startTimer,
    asOwner: (_directory, action) => action(),
  };
}
