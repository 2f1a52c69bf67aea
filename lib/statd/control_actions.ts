/** Actions of the control socket, and the status report. */

import project from "../../deno.json" with { type: "json" };
import type { NoteEvent } from "../nsm/events.ts";
import type { Monitored } from "../nsm/monitor_list.ts";
import type { TransportAddress } from "../rpc/transport.ts";
import { type HealthFacts, judgeHealth } from "../control/health.ts";
import type { Identities } from "../cluster/identities.ts";
import { type ListEntry, NO_SUCH_HOST } from "../control/protocol.ts";
import type { ControlActions } from "./control_server.ts";
import type { HealthLook } from "./health_look.ts";
import type { HostsFiles } from "../hosts/hosts_files.ts";
import { actOnIdentity } from "./identity_actions.ts";
import type { Monitor } from "./monitor.ts";
import type { RecentProblems } from "./recent_problems.ts";
import type { StatusReport } from "../control/status_report.ts";
import { reasonOf } from "../reason.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Registrations per page of a list: about one millisecond of work, which delays calls. The event
 * loop runs freely between pages, which takes two milliseconds.
 */
const PAGE_ENTRIES = 384;
/** Longest wait for callbacks after a declaration, in ms; callbacks continue after that. */
const DECLARATION_MS = 10_000;

/** Sources of the status report beside the monitor. */
export interface DaemonFacts {
  readonly monitor: Monitor;
  readonly clock: Clock;
  readonly stateDirectoryPath: string;
  readonly stateNumber: () => number;
  /** Boot id from the kernel; undefined if it is not available. */
  readonly bootId: string | undefined;
  readonly networkNamespace: string | undefined;
  readonly bound: readonly TransportAddress[];
  /** Datagrams dropped by the kernel: our socket buffers were full, or they were broadcast. */
  readonly droppedDatagrams: () => number;
  /** Number of events dropped for the events program. */
  readonly droppedEvents: () => number;
  /** Why we are not registered with rpcbind; undefined while we are. */
  readonly registrationFault: () => string | undefined;
  readonly hosts: Pick<HostsFiles, "checked">;
  readonly identities: Identities;
  /** Checks our registration with rpcbind, and renews it if it is gone. */
  readonly reviewRegistration: () => Promise<void>;
  /** Faults of the start that reduce the service, as texts. */
  readonly startFaults: { readonly texts: readonly string[] };
  readonly healthLook: HealthLook;
  /** Sink of history events. */
  readonly note: NoteEvent;
  readonly recent: RecentProblems;
}

/** Makes the actions of this daemon's control socket. */
export function controlActions(
  facts: DaemonFacts,
  report: () => StatusReport,
): ControlActions {
  const { monitor } = facts;
  return {
    *list() {
      let page: ListEntry[] = [];
      for (const monitored of monitor.list.all()) {
        page.push(entryOf(monitored, monitor));
        if (page.length < PAGE_ENTRIES) continue;
        yield page;
        page = [];
      }
      yield page;
    },
    async answer(request) {
      monitor.counters.control_requests++;
      switch (request.command) {
        case "status":
          await (request.look ? facts.healthLook.look() : facts.healthLook.lookAtDisk());
          return { ok: true, status: report() };
        case "register": {
          await facts.reviewRegistration();
          const reason = facts.registrationFault();
          return reason === undefined ? { ok: true } : { ok: false, reason };
        }
        case "forget":
          return { ok: true, count: await forget(facts, request.peers, request.by) };
        case "declareRebooted":
          return await declare(facts, request.peer, request.by);
        case "identity":
          return await actOnIdentity(facts.identities, request, facts.note);
      }
    },
  };
}

/** Makes the function that reports the status. */
export function statusReporter(facts: DaemonFacts): () => StatusReport {
  const { monitor, clock, recent } = facts;
  const { list, directory, announcer } = monitor;
  const began = clock.now();
  const startedAt = new Date(clock.wallClock()).toISOString();
  return () => {
    const degraded = [
      ...facts.startFaults.texts,
      ...facts.hosts.checked(),
      ...facts.identities.faults,
    ];
    const { unread } = monitor.store;
    if (unread > 0) {
      degraded.push(`files of records that cannot be read, peers not monitored: ${unread}`);
    }
    monitor.store.recheck();
    const storeFault = monitor.store.fault ?? facts.healthLook.writingFault;
    degraded.push(...seenFaults(facts.healthLook, storeFault), ...outsideFaults(monitor));
    const storeFaults = storeFault === undefined ? [] : [storeFault];
    let stateNumber = -1;
    try {
      stateNumber = facts.stateNumber();
    } catch (error) {
      storeFaults.push(`The state number cannot be read: ${reasonOf(error)}`);
    }
    const fault = facts.healthLook.registrationFault;
    const verdict = judgeHealth(healthFacts(facts, storeFaults, degraded));
    degraded.push(...storeFaults);
    return {
      version: project.version,
      pid: Deno.pid,
      uid: Deno.uid() ?? 0,
      startedAt,
      uptimeSeconds: Math.floor((clock.now() - began) / 1000),
      residentBytes: Deno.memoryUsage().rss,
      stateNumber,
      ...(facts.bootId === undefined ? {} : { bootId: facts.bootId }),
      stateDirectory: facts.stateDirectoryPath,
      ...(facts.networkNamespace === undefined ? {} : { networkNamespace: facts.networkNamespace }),
      transports: facts.bound.map(({ netid, address, port }) => ({ netid, address, port })),
      ...verdict,
      ...(fault === undefined ? {} : { registrationFault: fault }),
      peers: list.peers,
      registrations: list.size,
      unresolvedPeers: directory.withoutAddress,
      keptNotices: monitor.notices.kept,
      toBeNotified: facts.healthLook.toBeNotified,
      callbacks: { pending: announcer.pending },
      counters: {
        ...monitor.counters,
        datagrams_dropped: facts.droppedDatagrams(),
        events_dropped: facts.droppedEvents(),
        log_errors: recent.counts.error,
        log_warnings: recent.counts.warning,
      },
      degraded,
      problems: recent.problems,
    };
  };
}

/** Faults found by the periodic look at this host. */
function seenFaults(look: HealthLook, storeFault: string | undefined): string[] {
  const { addressFault, recordsMissing, notifyListFault, notifyWritingFault } = look;
  return [
    ...(notifyWritingFault === undefined || (notifyListFault ?? storeFault) !== undefined
      ? []
      : [`told peers stay on the notify list: ${notifyWritingFault}`]),
    ...(addressFault === undefined ? [] : [addressFault]),
    ...(recordsMissing === 0
      ? []
      : [`records that were taken from the disk: ${recordsMissing}; SIGHUP writes them`]),
  ];
}

/** Faults of the daemon's dependencies: the callout and the name service. */
function outsideFaults({ callout, directory, resolver }: Monitor): string[] {
  const calloutFault = callout()?.fault;
  const unanswered = directory.unresolved - directory.absent;
  const isNameless = unanswered > 0 && resolver.fault !== undefined;
  const names = `names of peers, ${unanswered} in number, cannot be looked up: ${resolver.fault}`;
  return [
    ...(calloutFault === undefined ? [] : [calloutFault]),
    ...(isNameless ? [names] : []),
  ];
}

function healthFacts(
  { monitor, clock, healthLook }: DaemonFacts,
  storeFaults: readonly string[],
  degraded: readonly string[],
): HealthFacts {
  const { announcer, counters, lastTimes } = monitor;
  const ago = (at: number | undefined) => at === undefined ? undefined : clock.now() - at;
  return {
    registrationFault: healthLook.registrationFault,
    ownFault: healthLook.ownFault,
    storeFaults: [...storeFaults],
    lockManagerFault: healthLook.lockManagerFault,
    degraded: [...degraded],
    callbacks: {
      pending: announcer.pending,
      waitingMs: ago(announcer.waitingSince),
      fault: announcer.lastFault,
    },
    keptNotices: monitor.notices.unanswered,
    peersNotTold: healthLook.peersNotTold,
    isBootUntold: healthLook.isBootUntold,
    notifyListFault: healthLook.notifyListFault,
    doubted: { count: counters.notices_doubted, agoMs: ago(monitor.notices.doubtedAt) },
    denied: { count: counters.calls_denied, agoMs: ago(lastTimes.denied) },
  };
}

function entryOf(monitored: Monitored, monitor: Monitor): ListEntry {
  const { record, lastState } = monitored;
  const { monName, myName, myProg, myVers, myProc } = record;
  const since = monitored.since ?? 0;
  const heardAt = monitored.heardAt ?? 0;
  const known = monitor.directory.aliasesOf(monName);
  const isAbsent = known.length === 0 && monitor.directory.isAbsent(monName);
  const aliases = isAbsent ? [NO_SUCH_HOST] : known;
  return [monName, myName, myProg, myVers, myProc, since, lastState, heardAt, ...aliases];
}

async function forget({ monitor, note }: DaemonFacts, peers: readonly string[], by: string) {
  const monitored = peers.filter((peer) => monitor.list.has(peer));
  const count = await monitor.administration.forget(peers, by);
  for (const peer of monitored) note({ event: "forgotten", peer, by });
  return count;
}

/** Declares a peer rebooted, and waits for the first callback attempts. */
async function declare({ monitor, clock, note }: DaemonFacts, peer: string, by: string) {
  const failed: string[] = [];
  let told = 0;
  const settled = Promise.withResolvers<void>();
  const waiting = new Set<Monitored>();
  const stopWatching = monitor.announcer.watch((monitored, outcome, fault) => {
    if (!waiting.delete(monitored)) return;
    if (outcome === "done") told++;
    else failed.push(fault);
    if (waiting.size === 0) settled.resolve();
  });
  const cancel = clock.startTimer(DECLARATION_MS, settled.resolve);
  try {
    const concerned = monitor.administration.declareRebooted(peer, by);
    for (const monitored of concerned) waiting.add(monitored);
    const [{ lastState: state } = {}] = concerned;
    if (concerned.length > 0) note({ event: "declared", peer, state, by });
    if (concerned.length > 0) await settled.promise;
    return { ok: true, count: concerned.length, told, failed } as const;
  } finally {
    cancel();
    stopWatching();
  }
}
