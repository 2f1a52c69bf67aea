/**
 * Life of the daemon: {@link acquire} does what may need root, privileges are dropped, calls are
 * served, and the stop list undoes the start in reverse. After the drop nothing needs a privilege
 * other than CAP_NET_BIND_SERVICE, the environment, or a file of /proc.
 *
 * Source: rpc.statd(8); the order of visible effects is nfs-utils'.
 */

import { serveCalls } from "../net/serve_calls.ts";
import { nameKey } from "../nsm/host_name.ts";
import { RPCBIND_SOCKET } from "../protocol/rpcbind.ts";
import type { StatdSettings } from "../config/settings.ts";
import type { AdjustableLog } from "../log.ts";
import { limited, type LimitedLog } from "../log_limits.ts";
import { LoopbackCalls, PeerCalls } from "../net/peer_calls.ts";
import { connectStream, connectUnix } from "../net/tcp.ts";
import { LOCK_MANAGER_ADDRESS } from "../nsm/lock_manager.ts";
import { RpcbindRegistrar } from "../nsm/registration.ts";
import { randomNumbers, systemClock as clock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
import { giveBackMemory, unmapperOfCode } from "../platform/memory.ts";
import { revokePermissions } from "../platform/permissions.ts";
import { dropPrivileges } from "../platform/privileges.ts";
import type { Invocation } from "../platform/role.ts";
import { ServiceManager } from "../platform/sd_notify.ts";
import { onHeldStop, onSignals } from "../platform/signals.ts";
import { NO_THREAD_ADVICE, whenThreadRefused } from "../platform/threads.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import { StreamClient } from "../rpc/stream_client.ts";
import { layoutOf } from "../store/layout.ts";
import { coarseTimers } from "../time/coarse_timers.ts";
import { QuietTime } from "../time/quiet_time.ts";
import { acquire, type Acquired } from "./acquire.ts";
import { haCallout } from "./ha_callout.ts";
import { LiveSettings } from "./live_settings.ts";
import { makeMonitor, type Monitor } from "./monitor.ts";
import { startIdentities } from "./identities.ts";
import { keepRecords } from "./moved_records.ts";
import { steer } from "./steer.ts";
import { History } from "./history.ts";
import { runRpcbind } from "./run_rpcbind.ts";
import { runSmNotify } from "./run_sm_notify.ts";
import { type RecentProblems, remembering } from "./recent_problems.ts";
import { limitHooks, toBeRegistered } from "./sockets.ts";
import { StopList } from "./stop_list.ts";

/** Delay before the first garbage collection, in ms: start-up work is done and first callers are answered. */
const SETTLING_MS = 100;

/** Arguments of a start. */
export interface DaemonParts {
  readonly invocation: Invocation;
  readonly settings: StatdSettings;
  /** Working directory of the start, for relative paths on the command line. */
  readonly folder: string;
  /** Whether a foreground process waits for our readiness. */
  readonly isBackground: boolean;
  readonly log: AdjustableLog;
  /** Variables that make a started program log where we do. */
  readonly logVariables: Readonly<Record<string, string>>;
}

/** Objects shared by all parts of the daemon. */
interface Daemon extends DaemonParts {
  readonly environment: Readonly<Record<string, string>>;
  readonly recent: RecentProblems;
  readonly tell: LimitedLog;
  readonly history: History;
  readonly stops: StopList;
  /** Aborted when the stop begins. */
  readonly stopping: AbortController;
  readonly mayRunPrograms: boolean;
  readonly unmapCode: () => void;
  readonly runRpcbind: () => Promise<void>;
  readonly notifyPeers: () => Promise<void>;
  /** Settles when every sm-notify that the daemon has started has moved its records, or failed. */
  readonly retired: () => Promise<void>;
  readonly clientParts: { startTimer: typeof clock.startTimer; randomXid: () => number };
  readonly connectRpcbind: () => Promise<StreamClient>;
}

/** Thrown when a signal asks us to stop during the start. */
class StoppedEarly extends Error {}

/**
 * Runs the daemon until a signal stops it, at any point of the start.
 *
 * @throws {Error} When the daemon cannot be started.
 */
export async function serveNsm(parts: DaemonParts): Promise<void> {
  const recent = remembering(parts.log, clock.wallClock);
  await using stops = new StopList(clock, recent.log);
  const daemon = makeDaemon({ ...parts, log: recent.log }, recent, stops);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<void>();
  const early = stopped.then(() => {
    throw new StoppedEarly();
  });
  early.catch(() => {}); // awaited during the start only
  const unlessStopped = <T>(step: Promise<T>) => Promise.race([step, early]);
  onHeldStop(stop);
  try {
    const acquired = await acquire({ ...daemon, note: daemon.history.note, unlessStopped });
    dropRoot(daemon, acquired);
    await serve(daemon, acquired, stop, unlessStopped);
  } catch (error) {
    if (error instanceof StoppedEarly) return;
    throw error;
  }
  await stopped;
}

function makeDaemon(parts: DaemonParts, recent: RecentProblems, stops: StopList): Daemon {
  const { settings, invocation: { calledAs }, logVariables, log } = parts;
  const environment = Deno.env.toObject();
  const children = { settings, calledAs, environment, logVariables, log };
  const tell = limited(log, clock);
  const clientParts = { startTimer: clock.startTimer, randomXid: randomNumbers() };
  let retiring = Promise.resolve();
  whenThreadRefused(() =>
    tell("warning", "no thread", () => `Working without a thread: ${NO_THREAD_ADVICE}`)
  );
  return {
    ...parts,
    environment,
    recent,
    tell,
    history: new History(settings, clock, log),
    stops,
    stopping: new AbortController(),
    mayRunPrograms: !settings.noNotify || settings.haCallout !== undefined ||
      settings.eventsProgram !== undefined,
    unmapCode: unmapperOfCode(),
    clientParts,
    connectRpcbind: async () => new StreamClient(await connectUnix(RPCBIND_SOCKET), clientParts),
    runRpcbind: () =>
      runRpcbind({ ...children, mode: settings.rpcbindMode, socketPath: RPCBIND_SOCKET }),
    notifyPeers() {
      if (settings.noNotify) return Promise.resolve();
      return retiring = Promise.all([retiring, runSmNotify(children)]).then(() => {});
    },
    retired: () => retiring,
  };
}

/** Switches to the owner of the monitor list. */
function dropRoot(
  { settings, mayRunPrograms, log }: Daemon,
  { hosts, startFaults }: Acquired,
): void {
  const drop = dropPrivileges(layoutOf(settings.stateDirectoryPath).monitorList);
  for (const warning of drop.warnings) startFaults.add(warning);
  const revoked = revokePermissions({ mayRunPrograms });
  hosts.recheck(); // reports files that this user cannot read
  log.debug(() => `Gave up the permissions of the runtime: ${revoked.join(" ")}`);
}

/** Serves calls, registers with rpcbind, opens the operator interfaces, and reports readiness. */
async function serve(
  daemon: Daemon,
  acquired: Acquired,
  stop: () => void,
  unlessStopped: <T>(step: Promise<T>) => Promise<T>,
): Promise<void> {
  const { settings, stops, stopping: { signal }, history, log } = daemon;
  const { server, socket } = acquired;
  history.begin(acquired.volatile === undefined);
  stops.add("the history", () => history.close());
  const callPeer = new PeerCalls(socket, connectStream, {
    ...daemon.clientParts,
    startTimer: coarseTimers(clock),
  });
  stops.add("calls to peers", () => callPeer.close());
  const live = new LiveSettings(settings, {
    ...daemon,
    environment: new Map(Object.entries(daemon.environment)),
  });
  const quietTime = new QuietTime(clock, giveBackMemory);
  const worked = () => quietTime.worked();
  const monitor = monitorOf(daemon, acquired, live, callPeer, worked);
  stops.add("the monitor", () => monitor.stop());
  stops.add("identities", () => acquired.identities.stop());
  void monitor.loaded.then(() => startIdentities(acquired.identities, monitor, worked));
  const kept = keepRecords({ ...daemon, ...acquired, ...monitor, signal });
  stops.add("the records that were moved", () => kept.ended);
  const { respond, counters } = monitor;
  const serving = serveCalls(server, { respond, log, signal, ...limitHooks(counters) });
  stops.add("calls under way", () => {
    daemon.stopping.abort(); // done already, unless the start is cut short
    return serving;
  });

  const registrar = new RpcbindRegistrar({
    connect: daemon.connectRpcbind,
    callPeer: new LoopbackCalls(callPeer, daemon.clientParts),
    portmapper: { address: LOCK_MANAGER_ADDRESS, port: PMAP_PORT },
    owner: String(Deno.uid()),
    clock,
    log,
    changed: (reason) =>
      history.note({ event: reason === undefined ? "registered" : "unregistered", reason }),
  }, toBeRegistered(server.bound));
  await unlessStopped(registrar.register());
  const registered = registrar.keep(signal);
  stops.add("the registration with rpcbind", () => registered);
  stops.add("the files of records that could not be read", () => monitor.whole);
  const steering = monitor.loaded.then(() =>
    steer({ ...daemon, acquired, monitor, registrar, callPeer, kept })
  );
  stops.add("the control socket and metrics", async () => (await steering).close());

  announce(daemon, acquired, registrar.fault, stop, () => {
    live.reload();
    void registrar.review();
    void kept.writeMissing();
  });
  void monitor.loaded.then(() => settleIn(daemon));
}

/** Gives back the memory that the start alone needed. */
function settleIn({ unmapCode }: Daemon): void {
  clock.startTimer(SETTLING_MS, () => {
    giveBackMemory();
    unmapCode();
  });
}

function monitorOf(
  daemon: Daemon,
  acquired: Acquired,
  live: LiveSettings,
  callPeer: PeerCalls,
  worked: () => void,
): Monitor {
  const { tell, log, stopping: { signal } } = daemon;
  const settings = () => live.current;
  const toBeNotified = fileNames(layoutOf(daemon.settings.stateDirectoryPath).notifyList);
  return makeMonitor({
    ...acquired,
    settings,
    memory: acquired.peers,
    callPeer,
    clock,
    log,
    tell,
    isToBeNotified: (peer) => toBeNotified.has(peer),
    callout: haCallout({ settings, clock, log, tell }),
    note: daemon.history.note,
    worked,
    signal,
  });
}

/** Enables signals; reports readiness to the log, the service manager and the parent in the foreground. */
function announce(
  { environment, stopping, stops, settings, isBackground, history, log }: Daemon,
  { server, notifyPeers, volatile }: Acquired,
  unregistered: string | undefined,
  stop: () => void,
  reload: () => void,
): void {
  const manager = new ServiceManager(environment["NOTIFY_SOCKET"]);
  const ends = toBeRegistered(server.bound).map(({ netid, port }) => `${netid} ${port}`);
  const serves = `Serving program 100024 on ${ends.join(", ")}`;
  const status = volatile === undefined ? serves : `${serves}. ${volatile}`;
  onSignals({
    stop(signal) {
      log.notice(`Stopping: ${signal}`);
      history.note({ event: "stopped", reason: signal });
      stop();
    },
    user1: () => void notifyPeers(),
    user2: () => log.threshold = "notice",
    hangUp() {
      manager.reloading();
      reload();
      manager.ready(status);
    },
  }, stopping.signal);
  stops.add("work, which begins to stop", () => {
    manager.stopping();
    stopping.abort();
  });
  manager.ready(status);
  log.notice(`Ready. ${serves}; state directory ${settings.stateDirectoryPath}`);
  if (isBackground) tellReady(unregistered);
}

/** Comparison keys of the file names in a directory; empty if it cannot be read. */
function fileNames(directory: string): Set<string> {
  try {
    return new Set([...Deno.readDirSync(directory)].map(({ name }) => nameKey(name)));
  } catch {
    return new Set(); // sm-notify reports the reason
  }
}
