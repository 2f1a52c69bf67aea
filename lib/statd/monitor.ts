/** Puts the status monitor together from its parts, and takes it apart again. */

import type { StatdSettings } from "../config/settings.ts";
import { limited, type LimitedLog } from "../log_limits.ts";
import type { Log } from "../log.ts";
import { accessRule } from "../nsm/access.ts";
import { Administration } from "../nsm/administration.ts";
import {
  type CallbackOutcome,
  type CallbackParts,
  Callbacks,
  lockManagerFinder,
} from "../nsm/callback.ts";
import { counted, type Counters, makeCounters } from "../nsm/counters.ts";
import { nameKey } from "../nsm/host_name.ts";
import { type Monitored, MonitorList } from "../nsm/monitor_list.ts";
import { Notices } from "../nsm/notices.ts";
import { PeerDirectory } from "../nsm/peer_directory.ts";
import {
  type Callout,
  type CallPeer,
  type MonitorStore,
  type PeerMemory,
  reasonOf,
  type Resolver,
  StoreError,
} from "../nsm/ports.ts";
import { nsmService } from "../nsm/service.ts";
import { WatchedStore } from "../nsm/watched_store.ts";
import { dispatcher } from "../rpc/dispatch.ts";
import type { Respond } from "../rpc/transport.ts";
import { denialOf, type HostsFiles } from "./hosts_files.ts";
import { loadList } from "./load_list.ts";
import { PeerTimes } from "./peer_times.ts";
import type { Clock } from "../time/clock.ts";

/** The procedures that are answered before the list is whole. */
const NEED_NO_LIST: ReadonlySet<string> = new Set(["SM_NULL", "SM_STAT"]);

/** What the monitor is made of. */
export interface MonitorParts {
  /** The settings in effect, asked each time. */
  readonly settings: () => StatdSettings;
  readonly store: MonitorStore;
  readonly memory: PeerMemory;
  /** What the store said when it was opened, by somebody who may do more than we. */
  readonly stateNumber: number;
  readonly callPeer: CallPeer;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Log;
  /** Logs what others can cause, within limits; one of its own where none is given. */
  readonly tell?: LimitedLog;
  /** Who may call at all. */
  readonly hosts: Pick<HostsFiles, "admits">;
  /** Whether a peer is on the notify list, so that what is known of it is still of use. */
  readonly isToBeNotified: (peer: string) => boolean;
  /** The administrator's program, asked for each time; undefined where none is set. */
  readonly callout?: () => Callout | undefined;
  /** Runs sm-notify. */
  readonly notifyPeers: () => void;
  /** Told of every call and every look-up. */
  readonly worked: () => void;
  /** Ends the loading of the list; calls that wait for it then have no answer. */
  readonly signal: AbortSignal;
}

type CallbackWatcher = NonNullable<CallbackParts["attempted"]>;

/** A status monitor that waits for calls. */
export interface Monitor {
  readonly respond: Respond;
  /** Settles when the list is whole. What needs it is answered then. */
  readonly loaded: Promise<void>;
  readonly list: MonitorList;
  readonly store: WatchedStore;
  readonly directory: PeerDirectory;
  readonly callbacks: Callbacks;
  readonly administration: Administration;
  readonly counters: Counters;
  readonly times: PeerTimes;
  /** Tells of every attempt of a callback, until the function that it returns is called. */
  watchCallbacks(watcher: CallbackWatcher): () => void;
  stop(): void;
}

/**
 * Makes what answers calls, and loads the monitor list.
 *
 * @throws {StoreError} When the list cannot be read.
 */
export function makeMonitor(parts: MonitorParts): Monitor {
  const { settings, memory, callPeer, clock, log, hosts, worked, signal } = parts;
  const resolver = telling(parts.resolver, worked);
  const tell = parts.tell ?? limited(log, clock);
  const list = new MonitorList();
  const counters = makeCounters();
  const times = new PeerTimes(() => clock.wallClock());
  const store = new WatchedStore(timing(parts.store, times), {
    clock,
    log,
    tell,
    isUnused: () => list.size === 0,
  });
  const directory = new PeerDirectory({ resolver, memory, clock, log, tell });
  const findLockManager = lockManagerFinder(callPeer, () => settings().sendUsingTcp);
  const watchers = new Set<CallbackWatcher>();
  /** Once nobody waits for news of a peer any more, a restart does not have to tell it again. */
  const notePassedOn = (monitored: Monitored) => {
    const peer = nameKey(monitored.record.monName);
    for (const other of list.about(peer)) if (callbacks.isPending(other)) return;
    if (list.has(peer)) memory.note(peer, { passedOn: monitored.lastState });
  };
  const attempted: CallbackWatcher = (...attempt) => {
    countAttempt(counters, attempt[1]);
    notePassedOn(attempt[0]);
    for (const watcher of watchers) watcher(...attempt);
  };
  const callbacks = new Callbacks({ callPeer, findLockManager, clock, log, attempted });
  const callBack = (monitored: Monitored, state: number) => {
    counters.callbacks_queued++;
    callbacks.add(monitored, state);
  };
  const notices = new Notices({
    list,
    directory,
    callBack(monitored, state) {
      // First, since a lock manager waits for it; who sent the notice waits for what is noted too.
      callBack(monitored, state);
      times.heard(monitored);
      const heardAt = clock.wallClock();
      memory.note(nameKey(monitored.record.monName), { lastState: state, heardAt });
      memory.flush();
    },
    sourceCheck: () => settings().notifySourceCheck,
    clock,
    counters,
    tell,
  });
  const callout = parts.callout ?? (() => undefined);
  const service = nsmService({
    list,
    store,
    directory,
    notices,
    callout,
    refused: (message, error) => store.refused(message, error),
    simulateCrash: parts.notifyPeers,
    stateNumber: parts.stateNumber,
    log,
    tell,
  });
  let loading: Promise<void> | undefined = loadList({ ...parts, store, list, directory, callBack })
    ?.then(() => void (loading = undefined));
  const rule = accessRule({
    settings,
    admits: (address) => hosts.admits(address),
    refused(name, _caller, fault) {
      counters.calls_refused++;
      tell("warning", `${name} refused`, () => `${name} ${fault}`);
    },
    denied({ address }) {
      counters.calls_denied++;
      tell("warning", `connect from ${address} denied`, () => denialOf(address));
    },
  });
  const respond = dispatcher([counted(service, counters)], {
    access(procedure, name, caller) {
      worked();
      const verdict = rule(procedure, name, caller);
      return loading === undefined || NEED_NO_LIST.has(name)
        ? verdict
        : loading.then(() => signal.aborted ? "ignore" : verdict);
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
  });
  return {
    respond,
    loaded: loading ?? Promise.resolve(),
    list,
    store,
    directory,
    callbacks,
    administration: new Administration({ list, store, directory, callout, callBack, log }),
    counters,
    times,
    watchCallbacks(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    stop() {
      store.stop();
      callbacks.stop();
      directory.stop();
    },
  };
}

/** A resolver that tells of every look-up. */
function telling(resolver: Resolver, worked: () => void): Resolver {
  return {
    addressesOf(name) {
      worked();
      return resolver.addressesOf(name);
    },
    nameOf(address) {
      worked();
      return resolver.nameOf(address);
    },
  };
}

/** A store that notes when records were made. */
function timing(store: MonitorStore, times: PeerTimes): MonitorStore {
  return {
    load: () => store.load(),
    otherNames: (monName) => store.otherNames(monName),
    remove: (records) => store.remove(records),
    stateNumber: () => store.stateNumber(),
    check: () => store.check(),
    tidy: () => store.tidy(),
    async put(record, replaced) {
      await store.put(record, replaced);
      times.registered(record);
    },
  };
}

function countAttempt(counters: Counters, outcome: CallbackOutcome): void {
  if (outcome === "done") counters.callbacks_done++;
  else if (outcome === "failed") counters.callbacks_failed++;
  else counters.callbacks_given_up++;
}
