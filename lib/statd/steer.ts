/** Assembles the daemon's facts and actions for the control socket and the metrics. */

import { backgroundFiles } from "../platform/background_files.ts";
import { layoutOf } from "../store/layout.ts";
import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { RpcbindRegistrar } from "../nsm/registration.ts";
import type { CallPeer } from "../nsm/ports.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { droppedBy } from "../platform/datagram_drops.ts";
import { reasonOf } from "../reason.ts";
import type { Acquired } from "./acquire.ts";
import type { History } from "./history.ts";
import { HealthLook } from "./health_look.ts";
import type { Monitor } from "./monitor.ts";
import type { KeptRecords } from "./moved_records.ts";
import { startSteering } from "./operations.ts";
import type { RecentProblems } from "./recent_problems.ts";

/** Parts of the daemon that the control socket and the metrics report. */
interface SteeringParts {
  readonly settings: StatdSettings;
  readonly log: Log;
  readonly tell: LimitedLog;
  readonly recent: RecentProblems;
  readonly history: History;
  readonly acquired: Acquired;
  readonly monitor: Monitor;
  readonly registrar: RpcbindRegistrar;
  readonly callPeer: CallPeer;
  readonly kept: KeptRecords;
}

/** Opens the control socket and the metrics server. */
export function steer(parts: SteeringParts) {
  const { acquired, monitor, registrar, callPeer, kept, settings, recent, log, tell, history } =
    parts;
  const layout = layoutOf(settings.stateDirectoryPath);
  const facts = {
    ...acquired,
    monitor,
    clock,
    stateDirectoryPath: settings.stateDirectoryPath,
    stateNumber: () => acquired.store.stateNumber(),
    bound: acquired.server.bound,
    droppedDatagrams: () =>
      acquired.server.datagrams.reduce((sum, { fd }) => sum + droppedBy(fd), 0),
    droppedEvents: history.dropped,
    registrationFault: () => registrar.fault,
    reviewRegistration: () => registrar.review(),
    note: history.note,
    recent,
    healthLook: new HealthLook({
      callPeer,
      list: monitor.list,
      clock,
      log,
      stateDirectoryPath: settings.stateDirectoryPath,
      bootId: acquired.bootId,
      bootedAt: acquired.bootedAt,
      bound: acquired.server.bound,
      countMissing: kept.countMissing,
      writingFault: () => writingFault(acquired.volatile, layout.monitorList),
      notifyWritingFault: () => writingFault(acquired.volatile, layout.notifyList),
      reviewRegistration: () => registrar.review(),
      registrationFault: () => registrar.fault,
    }),
  };
  return startSteering(facts, acquired, settings.metrics, log, tell);
}

/** Why records cannot be written; never rejects. A daemon without a directory says so from its start. */
async function writingFault(volatile: string | undefined, list: string) {
  if (volatile !== undefined) return undefined;
  const reason = await backgroundFiles.writingFault(list).catch(reasonOf);
  return reason === undefined ? undefined : `Cannot write "${list}": ${reason}`;
}
