/** Assembly of the status monitor from its parts. */

import type { StatdSettings } from "../config/settings.ts";
import { limited, type LimitedLog } from "../log_limits.ts";
import type { Log } from "../log.ts";
import { Administration } from "../nsm/administration.ts";
import { Announcer } from "../nsm/announcer.ts";
import { Callbacks } from "../nsm/callback.ts";
import { lockManagerFinder } from "../nsm/lock_manager.ts";
import { counted, type Counters, makeCounters } from "../nsm/counters.ts";
import type { NoteEvent } from "../nsm/events.ts";
import { type Monitored, MonitorList } from "../nsm/monitor_list.ts";
import { Notices } from "../nsm/notices.ts";
import { PeerDirectory } from "../nsm/peer_directory.ts";
import {
  type Callout,
  type CallPeer,
  type MonitorStore,
  type NoticeMemory,
  type PeerMemory,
  type Resolver,
  StoreError,
} from "../nsm/ports.ts";
import { nsmService } from "../nsm/service.ts";
import { WatchedResolver } from "../nsm/watched_resolver.ts";
import { WatchedStore } from "../nsm/watched_store.ts";
import { accessRule } from "../protocol/nsm.ts";
import { quote } from "../quote.ts";
import { dispatcher, type DispatchHooks, type Service } from "../rpc/dispatch.ts";
import type { Respond } from "../rpc/transport.ts";
import { denialOf, type HostsFiles } from "../hosts/hosts_files.ts";
import { reasonOf } from "../reason.ts";
import { noteCallbacks, notingReboots, notingRefusals } from "./history.ts";
import { loadList, readUnreadFiles } from "./load_list.ts";
import type { Clock } from "../time/clock.ts";

/** Procedures that are answered before the list is complete. */
const NEED_NO_LIST: ReadonlySet<string> = new Set(["SM_NULL", "SM_STAT"]);

/** Dependencies of the monitor. */
export interface MonitorParts {
  /** Settings in effect; called for each use. */
  readonly settings: () => StatdSettings;
  readonly store: MonitorStore;
  readonly memory: PeerMemory;
  /** Storage of kept notices. */
  readonly noticeMemory?: NoticeMemory;
  /** State number that root read when the store was opened. */
  readonly stateNumber: number;
  readonly callPeer: CallPeer;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Log;
  /** Rate-limited log, for lines that callers can cause; created if absent. */
  readonly tell?: LimitedLog;
  /** Access rules of hosts.allow and hosts.deny. */
  readonly hosts: Pick<HostsFiles, "admits">;
  /** Whether a peer is on the notify list, so that its facts are still needed. */
  readonly isToBeNotified: (peer: string) => boolean;
  /** Callout configured now; undefined if there is none. */
  readonly callout?: () => Callout | undefined;
  /** Sink of history events. */
  readonly note?: NoteEvent;
  /** Runs sm-notify. */
  readonly notifyPeers: () => void;
  /** Called for every RPC call and every look-up. */
  readonly worked: () => void;
  /** Aborts the loading of the list; calls that wait for it then get no reply. */
  readonly signal: AbortSignal;
}

/** A running status monitor. */
export interface Monitor {
  readonly respond: Respond;
  /** Settles when the list is complete; calls that need the list are answered then. */
  readonly loaded: Promise<void>;
  /** Settles when every file of records was read, or at the stop. */
  readonly whole: Promise<void>;
  readonly list: MonitorList;
  readonly store: WatchedStore;
  readonly directory: PeerDirectory;
  readonly resolver: Pick<WatchedResolver, "fault">;
  /** Callout configured now; undefined if there is none. */
  readonly callout: () => Callout | undefined;
  readonly announcer: Announcer;
  readonly notices: Notices;
  readonly administration: Administration;
  readonly counters: Counters;
  /** Monotonic time of the last such event. */
  readonly lastTimes: { denied?: number };
  stop(): void;
}

/** Objects behind the procedures. */
interface Core extends Omit<Monitor, "respond" | "loaded" | "whole" | "stop"> {
  readonly tell: LimitedLog;
  readonly suspend: Announcer["suspend"];
}

/**
 * Assembles the monitor and loads the list.
 *
 * @throws {StoreError} When the list cannot be read.
 */
export function makeMonitor(parts: MonitorParts): Monitor {
  const core = makeCore(parts);
  const { store, list, directory, announcer, notices } = core;
  const load = {
    ...parts,
    store,
    list,
    directory,
    announcer,
    listed: (monitored: Monitored) => notices.loaded(monitored),
    loaded() {
      parts.log.notice(`Monitoring ${list.peers} peers, as ${list.size} requests want`);
      notices.restore();
    },
  };
  const loading = loadList(load);
  const loaded = loading ?? Promise.resolve();
  return {
    ...core,
    respond: dispatcher([makeService(parts, core)], dispatchHooks(parts, core, loading)),
    loaded,
    whole: loaded.then(() => readUnreadFiles(load), () => {}),
    stop() {
      store.stop();
      notices.stop();
      announcer.stop();
      directory.stop();
    },
  };
}

function makeCore(parts: MonitorParts): Core {
  const { settings, memory, callPeer, clock, log, worked } = parts;
  const { note = noHistory } = parts;
  const tell = parts.tell ?? limited(log, clock);
  const refuse = notingRefusals(tell, note);
  const list = new MonitorList();
  const counters = makeCounters();
  const lastTimes: Core["lastTimes"] = {};
  const isUnused = () => list.size === 0;
  const store = new WatchedStore(parts.store, { clock, log, tell, isUnused });
  const resolver = new WatchedResolver(parts.resolver, worked);
  const directory = new PeerDirectory({
    resolver,
    isListWhole: () => store.unread === 0,
    memory,
    clock,
    log,
    tell,
  });
  const findLockManager = lockManagerFinder(callPeer, () => settings().sendUsingTcp);
  const announcer = new Announcer(
    { list, memory, counters, clock, isUnread: (peer) => store.isUnread(peer) },
    (attempted) => new Callbacks({ callPeer, findLockManager, clock, log, tell, attempted }),
  );
  noteCallbacks(announcer, clock, note);
  announcer.watch((monitored, outcome) => {
    if (outcome === "done") tellReboot(monitored, clock, tell);
  });
  const { announce } = announcer;
  const suspend = suspending(announcer, (monitored) => notices.loaded(monitored));
  const callout = parts.callout ?? noCallout;
  const administration = new Administration({
    list,
    store,
    directory,
    callout,
    suspend,
    announce,
    arrived: () => notices.arrived(),
    log,
  });
  const notices = new Notices({
    list,
    directory,
    announce: notingReboots(announcer, note),
    catchUp: announcer.catchUp,
    flush: () => announcer.flush(),
    callPeer,
    callout,
    ...(parts.noticeMemory && { memory: parts.noticeMemory }),
    sourceCheck: () => settings().notifySourceCheck,
    stateCheck: () => settings().notifyStateCheck,
    clock,
    counters,
    tell: refuse,
  });
  const judges = { list, store, directory, resolver, callout, announcer, notices, administration };
  return { ...judges, counters, lastTimes, tell: refuse, suspend };
}

/** {@link Announcer.suspend}; `stays` is called for a registration whose removal has failed. */
function suspending(
  announcer: Announcer,
  stays: (monitored: Monitored) => void,
): Announcer["suspend"] {
  return (monitored) => {
    const resume = announcer.suspend(monitored);
    return () => {
      resume();
      stays(monitored);
    };
  };
}

function makeService(parts: MonitorParts, core: Core): Service {
  const { clock, log, note = noHistory } = parts;
  const { list, store, directory, announcer, suspend, notices, counters, tell } = core;
  const service = nsmService({
    list,
    store,
    directory,
    notices,
    callout: core.callout,
    registered: ({ monName: peer, myName: by }) => note({ event: "monitored", peer, by }),
    removed(monitored) {
      announcer.forget(monitored);
      const { monName: peer, myName: by } = monitored.record;
      note({ event: "unmonitored", peer, by });
    },
    suspend,
    refused: (message, error) => store.refused(message, error),
    simulateCrash: parts.notifyPeers,
    stateNumber: parts.stateNumber,
    clock,
    log,
    tell,
  });
  return counted(service, counters);
}

/** Dispatch hooks: access decisions, counters, and logs of failures. */
function dispatchHooks(
  { settings, hosts, worked, log, signal, clock }: MonitorParts,
  { store, counters, lastTimes, tell }: Core,
  loading: Promise<void> | undefined,
): DispatchHooks {
  let isLoading = loading !== undefined;
  // A failure is reported through `loaded`.
  loading?.then(() => isLoading = false, () => {});
  const rule = accessRule({
    settings,
    admits: (caller) => hosts.admits(caller),
    refused(name, _caller, fault) {
      counters.calls_refused++;
      tell("warning", `${name} refused`, () => `${name} ${fault}`);
    },
    denied({ address }) {
      counters.calls_denied++;
      lastTimes.denied = clock.now();
      tell("warning", `connect from ${address} denied`, () => denialOf(address));
    },
  });
  return {
    access(procedure, name, caller) {
      worked();
      const verdict = rule(procedure, name, caller);
      return isLoading && !NEED_NO_LIST.has(name)
        ? loading!.then(() => signal.aborted ? "ignore" : verdict)
        : verdict;
    },
    handlerFailed(name, { address }, error) {
      counters.calls_failed++;
      const failure = `Cannot answer ${name} from ${address}: ${reasonOf(error)}`;
      if (error instanceof StoreError) store.refused(failure, error);
      else tell("error", `cannot answer ${name}`, () => failure);
    },
    garbage(name, { address }, error) {
      counters.calls_malformed++;
      log.debug(() => `${name} from ${address} is malformed: ${error.message}`);
    },
  };
}

/** Logs that a peer has rebooted and that its lock manager was told. */
function tellReboot(monitored: Monitored, clock: Pick<Clock, "now">, tell: LimitedLog): void {
  const { record: { monName }, lastState, heard } = monitored;
  if (heard === undefined) return; // a declaration, which has a log line of its own
  delete monitored.heard;
  const ms = Math.round(clock.now() - heard.at);
  const peer = quote(monName);
  tell("notice", `peer ${peer} rebooted`, () => {
    return `Peer ${peer} rebooted (state ${lastState}, from ${heard.from}); ` +
      `lock manager told in ${ms} ms`;
  });
}

function noCallout(): undefined {}

function noHistory(): void {}
