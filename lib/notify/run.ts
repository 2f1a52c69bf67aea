/** Run of sm-notify, possibly in the background: sockets, the privilege drop, and the notifier. */

import { isIpv6 } from "../rpc/address.ts";
import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { hostsFileFirst, systemNameFiles } from "../net/hosts_file.ts";
import { DnsClient } from "../net/dns_client.ts";
import { QuickDns } from "../net/quick_dns.ts";
import { hostResolver } from "../net/resolver.ts";
import { type ResolverRules, resolverRules } from "../net/resolver_rules.ts";
import { openUdpSocket } from "../net/udp.ts";
import { Notifier, type NotifierParts } from "../nsm/notify/notifier.ts";
import type { NotifyCounts, NotifyReport } from "../nsm/notify/notify_outcome.ts";
import { type Announcement, announcementsOf } from "../nsm/notify/notify_list.ts";
import type { NotifyRecord, Resolver } from "../nsm/ports.ts";
import { randomNumbers, systemClock as clock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { revokePermissions } from "../platform/permissions.ts";
import { DAEMON_UMASK, dropPrivileges } from "../platform/privileges.ts";
import { isOncePerBoot } from "./once_per_boot.ts";
import { lockOfLife, RUN_FOLDER } from "../platform/run_once.ts";
import { onSignals } from "../platform/signals.ts";
import { layoutOf } from "../store/layout.ts";
import { NotifyRun } from "../store/notify_run.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { LiveLine, logAbove } from "./live_line.ts";
import { ProgressReport, reportLine, summaryLine } from "./report.ts";
import { isSelected, scheduleOf } from "./plan.ts";
import { RunWatcher } from "./watch_run.ts";
import { SourceOpener, type SourcePlan } from "./sources.ts";
import { printOut, terminalColumns, write } from "../platform/standard_streams.ts";
import { refusedSyncs } from "../platform/sync_calls.ts";

/** Results of the preparation. */
export interface Prepared {
  readonly stateNumber: number;
  readonly sources: readonly SourcePlan[];
  /** Life of the host that the run belongs to. */
  readonly life: string;
  /** Time of the move, in ms since 1970, if not all records could be moved. */
  readonly unmovedSince?: number | undefined;
  /** Whether another run was in progress at the start, which may tell peers from another address. */
  readonly isBeside: boolean;
}

/** Arguments of a run. */
export interface RunParts {
  readonly settings: SmNotifySettings;
  readonly prepared: Prepared;
  /** Lock of the starting process, released when the run holds its file. */
  readonly starting?: Disposable;
  /** Records of the notify list, if loaded already. */
  readonly records?: readonly NotifyRecord[];
  /** Time limit, in ms; Infinity: none. */
  readonly totalMs: number;
  /** The transport was configured explicitly. */
  readonly isTransportSet: boolean;
  readonly isInBackground: boolean;
  readonly log: Log;
}

/**
 * Look-up queue: its length, and the longest wait in it, in ms. A peer with a slow name has nothing
 * better to do.
 */
const LOOKUPS = { lineMax: 100_000, timeLimitMs: 60_000 };

const DNS_PORT = 53;

type Sources = ReturnType<SourceOpener["open"]>;

/** Runs to the end; returns the exit status. */
export async function notifyPeers(parts: RunParts): Promise<number> {
  const { settings, prepared, isInBackground, log } = parts;
  const { stateDirectoryPath } = settings;
  const run = new NotifyRun(stateDirectoryPath, prepared.life, log);
  run.hold();
  // Opened as root.
  const lock = isOncePerBoot(settings) ? lockOfLife(RUN_FOLDER, prepared.life) : undefined;
  const held = lock?.hold();
  parts.starting?.[Symbol.dispose]();
  const opener = new SourceOpener(settings.outgoingPort, log);
  const sources = opener.open(prepared.sources);
  Deno.umask(DAEMON_UMASK);
  const isResolverSet = ["LOCALDOMAIN", "RES_OPTIONS", "HOSTALIASES"].some((name) =>
    Deno.env.get(name) !== undefined
  );
  const notDurable = refusedSyncs();
  if (notDurable !== undefined) log.warning(notDurable);
  const drop = dropPrivileges(layoutOf(stateDirectoryPath).monitorList);
  for (const warning of drop.warnings) log.warning(warning);
  revokePermissions({ mayRunPrograms: false });
  if (isInBackground) tellReady();

  const stop = new AbortController();
  onSignals({ stop: () => stop.abort() }, stop.signal);
  const output = new JsonOutput(settings.json);
  const running = { ...parts, output };
  const { counts, isWhole } = await runNotifier(running, run, sources, isResolverSet, stop.signal);
  output.print(() => summaryLine(counts, prepared.stateNumber));
  // A run that was stopped, or restricted to some peers, is not complete.
  if (!stop.signal.aborted && isWhole && settings.only.length === 0) {
    const fault = held?.finish();
    if (fault !== undefined) log.warning(`A later start tells the peers again: ${fault}`);
    run.finish();
  }
  return counts.gaveUp === 0 && isWhole && output.isWhole ? 0 : 1;
}

/** JSON lines on standard output, if requested, up to the first write error. */
class JsonOutput {
  isWhole = true;

  constructor(readonly isWanted: boolean) {}

  print(line: () => string): void {
    if (this.isWanted && this.isWhole) this.isWhole = printOut(line());
  }
}

async function runNotifier(
  parts: RunParts & { readonly output: JsonOutput },
  run: NotifyRun,
  sources: Sources,
  isResolverSet: boolean,
  signal: AbortSignal,
): Promise<{ counts: NotifyCounts; isWhole: boolean }> {
  const { settings, prepared: { stateNumber, unmovedSince, isBeside }, totalMs } = parts;
  const line = parts.isInBackground ? undefined : liveLine();
  const log = line !== undefined && settings.noSyslog ? logAbove(line, parts.log) : parts.log;
  const store = openNotifyStore(settings.stateDirectoryPath, { log });
  const onSettled = (report: NotifyReport) => {
    progress.settled(report);
    watcher.settled(report);
    if (settings.json && Deno.stdout.isTerminal()) line?.hide();
    parts.output.print(() => reportLine(report));
  };
  const notifier = makeNotifier({ ...parts, log }, {
    store: {
      remove: (record) => store.remove(record),
      // Another run may have removed the record; peers still have to be told from our address.
      has: (record) => store.has(record) || isBeside || !run.isAlone,
    },
    resolver: onDemand(() => namesForMany(isResolverSet)),
    sources,
    onSettled,
    onFailed: (failure) => watcher.failed(failure),
  }, parts.records ?? store.load(unmovedSince));
  const progress = new ProgressReport({
    counts: () => notifier.counts,
    clock,
    log,
    totalMs,
    nextTryMs: () => notifier.nextTryMs,
    line,
  });
  const watcher = new RunWatcher({
    settings,
    stateNumber,
    totalMs,
    counts: () => notifier.counts,
    clock,
    log,
  });
  progress.start(stateNumber);
  watcher.start();
  const counts = await notifier.run(signal);
  progress.end();
  watcher.end(signal.aborted ? "it was stopped" : undefined);
  const isWhole = unmovedSince === undefined && store.faults === 0 && notifier.unremoved === 0;
  return { counts, isWhole };
}

/** Makes the notifier, for the records that the settings select. */
function makeNotifier(
  { settings, prepared, totalMs, isTransportSet, log }: RunParts,
  parts: Pick<NotifierParts, "store" | "resolver" | "sources" | "onSettled" | "onFailed">,
  records: readonly NotifyRecord[],
): Notifier {
  const names = prepared.sources.flatMap(({ name }) => name === undefined ? [] : [name]);
  const memory = openPeerMemory(settings.stateDirectoryPath, { log, mayCompact: false, clock });
  return new Notifier(
    { ...parts, memory, clock, log, random: Math.random },
    {
      stateNumber: prepared.stateNumber,
      schedule: scheduleOf(settings),
      totalMs,
      announcements: announcementsByName(names),
      preferTcp: settings.sendUsingTcp,
      isTransportSet,
      peerPort: settings.peerPort,
    },
    records.filter((record) => isSelected(settings, record)),
  );
}

/** Live line, if stderr is a terminal. */
function liveLine(): LiveLine | undefined {
  if (!Deno.stderr.isTerminal()) return undefined;
  return new LiveLine((text) => write(Deno.stderr, text), terminalColumns);
}

/**
 * Makes the function for a record's announcements: own names or, without any, the record's my_name.
 * Results are shared by thousands of records.
 */
function announcementsByName(names: readonly string[]) {
  const known = new Map<string, Announcement[]>();
  return ({ myName }: NotifyRecord): Announcement[] => {
    let announcements = known.get(myName);
    if (announcements === undefined) {
      announcements = announcementsOf(names.length > 0 ? names : [myName]);
      known.set(myName, announcements);
    }
    return announcements;
  };
}

/** Lazy resolver: most lists contain only addresses. */
function onDemand(make: () => Resolver): Resolver {
  let made: Resolver | undefined;
  const resolver = () => made ??= make();
  return {
    addressesOf: (name) => resolver().addressesOf(name),
    nameOf: (address) => resolver().nameOf(address),
  };
}

/**
 * Resolver for thousands of names at once: the hosts file, then DNS without threads where that is
 * equivalent to the C library, then the C library.
 */
function namesForMany(isChangedByEnvironment: boolean): Resolver {
  const complete = hostResolver({ addressesOfName, nameOfAddress }, clock, LOOKUPS);
  const rules = resolverRules({
    nsswitch: systemNameFiles.nsswitch(),
    resolvConf: systemNameFiles.resolvConf(),
    isChangedByEnvironment,
  });
  return hostsFileFirst(rules === undefined ? complete : quickly(complete, rules), systemNameFiles);
}

/** Puts quick DNS in front of a resolver; unchanged if no socket can be opened. */
function quickly(complete: Resolver, rules: ResolverRules): Resolver {
  const address = isIpv6(rules.server) ? "::" : "0.0.0.0";
  const open = () => openUdpSocket({ address, port: 0 }, clock.startTimer);
  try {
    const client = new DnsClient({ address: rules.server, port: DNS_PORT }, {
      open,
      random: randomNumbers(),
    });
    return new QuickDns(complete, rules, (...question) => client.ask(...question), clock);
  } catch {
    return complete;
  }
}
