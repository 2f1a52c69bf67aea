/** Puts the status monitor together from its parts, and takes it apart again. */

import type { StatdSettings } from "../config/settings.ts";
import { limited } from "../log_limits.ts";
import type { Log } from "../log.ts";
import { accessRule } from "../nsm/access.ts";
import { Callbacks, lockManagerFinder } from "../nsm/callback.ts";
import { MonitorList } from "../nsm/monitor_list.ts";
import { Notices } from "../nsm/notices.ts";
import { PeerDirectory } from "../nsm/peer_directory.ts";
import {
  type CallPeer,
  type Clock,
  type MonitorStore,
  reasonOf,
  type Resolver,
} from "../nsm/ports.ts";
import { nsmService } from "../nsm/service.ts";
import { dispatcher } from "../rpc/dispatch.ts";
import type { Respond } from "../rpc/transport.ts";
import { openPeerMemory } from "../store/peer_memory.ts";
import { haCallout } from "./ha_callout.ts";

/** Lines that strangers can cause, of each kind, in {@link STRANGERS_INTERVAL_MS}. */
const STRANGERS_LINES = 5;
/** One minute, in ms: long enough to keep the log small, short enough to see an attack end. */
const STRANGERS_INTERVAL_MS = 60_000;

/** What the monitor is made of. */
export interface MonitorParts {
  /** The settings in effect, asked each time. */
  readonly settings: () => StatdSettings;
  readonly stateDirectoryPath: string;
  readonly store: MonitorStore;
  readonly callPeer: CallPeer;
  readonly resolver: Resolver;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a peer is on the notify list, so that what is known of it is still of use. */
  readonly isToBeNotified: (peer: string) => boolean;
  /** Runs sm-notify. */
  readonly notifyPeers: () => void;
}

/** A status monitor that waits for calls. */
export interface Monitor {
  readonly respond: Respond;
  readonly list: MonitorList;
  readonly callbacks: Callbacks;
  stop(): void;
}

/** Loads the monitor list and makes what answers calls about it. */
export function makeMonitor(parts: MonitorParts): Monitor {
  const { settings, store, callPeer, resolver, clock, log } = parts;
  const tell = limited(log, clock, STRANGERS_LINES, STRANGERS_INTERVAL_MS);
  const list = new MonitorList();
  const memory = openPeerMemory(parts.stateDirectoryPath, { log, mayCompact: true });
  const directory = new PeerDirectory({ resolver, memory, clock, log });
  const findLockManager = lockManagerFinder(callPeer);
  const callbacks = new Callbacks({ callPeer, findLockManager, clock, log });
  const notices = new Notices({
    list,
    directory,
    callBack: (monitored, state) => callbacks.add(monitored, state),
    tell,
  });
  const service = nsmService({
    list,
    store,
    directory,
    notices,
    callout: () => haCallout(settings(), log),
    simulateCrash: parts.notifyPeers,
    log,
  });
  for (const record of store.load()) {
    if (list.find(record) === undefined) list.add(record);
    directory.add(record.monName);
  }
  directory.retain((peer) => list.has(peer) || parts.isToBeNotified(peer));
  const respond = dispatcher([service], {
    access: accessRule((name, _caller, fault) => {
      tell("warning", `${name} refused`, () => `${name} ${fault}`);
    }, settings),
    handlerFailed(name, { address }, error) {
      log.error(`Cannot answer ${name} from ${address}: ${reasonOf(error)}`);
    },
    garbage(name, { address }, error) {
      log.debug(() => `${name} from ${address} is malformed: ${error.message}`);
    },
  });
  return {
    respond,
    list,
    callbacks,
    stop() {
      callbacks.stop();
      directory.stop();
    },
  };
}
