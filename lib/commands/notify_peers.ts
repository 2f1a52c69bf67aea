/** What sm-notify does in the background: sockets, the privilege drop, and the run itself. */

import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { hostResolver } from "../net/resolver.ts";
import { Notifier } from "../nsm/notifier.ts";
import { announcementsOf } from "../nsm/notify_list.ts";
import { RETRY_SCHEDULES } from "../nsm/retry_schedule.ts";
import { systemClock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { dropPrivileges } from "../platform/privileges.ts";
import { onSignals } from "../platform/signals.ts";
import { layoutOf } from "../store/layout.ts";
import { NotifyRun } from "../store/notify_run.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { SourceOpener, type SourcePlan } from "./notify_sources.ts";

/** What was found out and done before. */
export interface Prepared {
  readonly stateNumber: number;
  readonly sources: readonly SourcePlan[];
  /** The life of the host that the run belongs to. */
  readonly life: string;
}

const MINUTE_MS = 60_000;
/** What the program leaves of a file's permissions, as nfs-utils sets it: nothing for others. */
const UMASK = 0o007;

/** Notifies everybody on the list; returns the exit status. */
export async function notifyPeers(
  settings: SmNotifySettings,
  { stateNumber, sources, life }: Prepared,
  isInBackground: boolean,
  log: Log,
): Promise<number> {
  const { stateDirectoryPath, outgoingPort, retryTime } = settings;
  const run = new NotifyRun(stateDirectoryPath, life, log);
  run.hold();
  const opener = new SourceOpener(outgoingPort, log);
  const calls = sources.map((source) => opener.open(source));
  Deno.umask(UMASK);
  const drop = dropPrivileges(layoutOf(stateDirectoryPath).monitorList);
  for (const warning of drop.warnings) log.warning(warning);
  if (isInBackground) tellReady();

  const abort = new AbortController();
  onSignals({ stop: () => abort.abort() }, abort.signal);
  const names = sources.flatMap(({ name }) => name === undefined ? [] : [name]);
  const schedule = RETRY_SCHEDULES["linux"]!;
  const store = openNotifyStore(stateDirectoryPath, { log });
  const notifier = new Notifier(
    {
      clock: systemClock,
      resolver: hostResolver({ addressesOfName, nameOfAddress }, systemClock),
      store,
      memory: openPeerMemory(stateDirectoryPath, { log, mayCompact: false }),
      sources: calls,
      log,
      random: Math.random,
    },
    {
      stateNumber,
      schedule,
      totalMs: retryTime === 0 ? Infinity : retryTime * MINUTE_MS,
      announcements: (record) => announcementsOf(names.length > 0 ? names : [record.myName]),
      preferTcp: settings.sendUsingTcp,
      peerPort: 0,
    },
    store.load(),
  );
  const counts = await notifier.run(abort.signal);
  if (!abort.signal.aborted) run.finish();
  return counts.gaveUp === 0 ? 0 : 1;
}
