/**
 * The life of the daemon, as a list: everything that needs root, the privilege drop, serving, and the
 * stop in reverse order. Nothing after the drop needs a privilege but CAP_NET_BIND_SERVICE, the
 * environment, or a file of /proc.
 *
 * Source: rpc.statd(8); the order is that of nfs-utils where others can see it.
 */

import { systemFiles } from "../config/ini_file.ts";
import type { StatdSettings } from "../config/settings.ts";
import type { AdjustableLog, Log } from "../log.ts";
import { limited } from "../log_limits.ts";
import { openReservedSocket } from "../net/reserved_port.ts";
import { ACCESS_LIMITS, hostResolver } from "../net/resolver.ts";
import { parsePortBlacklist, parseServices, servicePort } from "../net/services.ts";
import { connectStream, connectUnix } from "../net/tcp.ts";
import { LOCK_MANAGER_ADDRESS } from "../nsm/callback.ts";
import { coarseTimers } from "../time/coarse_timers.ts";
import { nameKey } from "../nsm/host_name.ts";
import { reasonOf } from "../nsm/ports.ts";
import { Registrar, removeOldRegistrations } from "../nsm/registration.ts";
import { QuietTime } from "../time/quiet_time.ts";
import { randomNumbers, systemClock as clock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
import { DatagramDrops } from "../platform/datagram_drops.ts";
import { KernelState } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { giveBackMemory } from "../platform/memory.ts";
import { netgroups } from "../platform/netgroup.ts";
import { hostNetworkNamespace, ownNetworkNamespace } from "../platform/network_namespace.ts";
import { revokePermissions } from "../platform/permissions.ts";
import { AlreadyRunningError, PidFile, statdPidFile } from "../platform/pid_file.ts";
import { dropPrivileges, type Identity, ownerOf } from "../platform/privileges.ts";
import type { Invocation } from "../platform/role.ts";
import { ServiceManager } from "../platform/sd_notify.ts";
import { onSignals } from "../platform/signals.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import { StreamClient } from "../rpc/stream_client.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import { CONTROL_SOCKET, layoutOf, VOLATILE_CONTROL_SOCKET } from "../store/layout.ts";
import { haCallout } from "./ha_callout.ts";
import { HostsFiles } from "./hosts_files.ts";
import { LiveSettings } from "./live_settings.ts";
import { makeMonitor } from "./monitor.ts";
import { runRpcbind } from "./run_rpcbind.ts";
import { runSmNotify } from "./run_sm_notify.ts";
import { addressesToServe, openNsmServer, serveCalls, toBeRegistered } from "./sockets.ts";
import { PeerCalls } from "../net/peer_calls.ts";
import { remembering } from "./recent_problems.ts";
import { openControl, startSteering } from "./operations.ts";
import { openUdpSocket } from "../net/udp_socket.ts";
import { firstStateNumber, openMemory } from "./open_state.ts";

const RPCBIND_SOCKET = "/run/rpcbind.sock";
/** What root's files lose of their permissions: others have to read the state number. */
const ROOT_UMASK = 0o022;
/** The same after the privilege drop, as nfs-utils sets it: nothing for others. */
const UMASK = 0o007;
/** Time after which everything has run that a start needs, in ms; who waited for it has been answered. */
const SETTLING_MS = 100;
/** How long rpcbind may take to let us go at the end, in ms. */
const STOP_TIMEOUT_MS = 3_000;

/** What the daemon is started with. */
export interface DaemonParts {
  readonly invocation: Invocation;
  readonly settings: StatdSettings;
  /** Somebody waits for us to say that we are ready. */
  readonly isBackground: boolean;
  readonly log: AdjustableLog;
}

/**
 * Starts the daemon, and settles when it was stopped by a signal.
 *
 * @throws {Error} When it cannot be started.
 */
export async function serveNsm({ invocation, settings, isBackground, ...parts }: DaemonParts) {
  const { stateDirectoryPath } = settings;
  const environment = Deno.env.toObject();
  const recent = remembering(parts.log, clock.wallClock);
  const { log } = recent;
  const tell = limited(log, clock);
  const layout = layoutOf(stateDirectoryPath);
  const stopping = new AbortController();
  const randomNumber = randomNumbers();
  const clientParts = { startTimer: clock.startTimer, randomXid: randomNumber };
  const connectRpcbind = async () =>
    new StreamClient(await connectUnix(RPCBIND_SOCKET), clientParts);
  const notifyPeers = async () => {
    const { calledAs } = invocation;
    if (volatile !== undefined) {
      return log.warning("Not running sm-notify: it has no list of peers");
    }
    if (!settings.noNotify) await runSmNotify({ settings, calledAs, environment, log });
  };
  const mayRunPrograms = !settings.noNotify || settings.haCallout !== undefined;

  Deno.umask(ROOT_UMASK);
  const owner = ownerOf(layout.monitorList);
  const kernel = new KernelState();
  for (const write of kernel.setLockManagerPorts(settings.nlmPort, settings.nlmUdpPort)) {
    if (write.outcome === "failed") log.warning(`Cannot set ${write.path}: ${write.reason}`);
  }
  using _lock = lockDirectory(stateDirectoryPath);
  const networkNamespace = ownNetworkNamespace();
  const pidFilePath = settings.pidFile ?? statdPidFile(networkNamespace, hostNetworkNamespace());
  const pidFile = openPidFile(pidFilePath, owner, log);
  const bootId = kernel.bootId();
  const { store, peers, volatile } = openMemory({ settings, bootId, clock, log });
  await notifyPeers();
  const stateNumber = firstStateNumber(store);
  const localState = kernel.setLocalState(stateNumber);
  if (localState.outcome === "failed") {
    log.warning(`Cannot tell lockd our state number: ${localState.path}: ${localState.reason}`);
  }
  const services = parseServices(textOf("/etc/services"));
  const { socket, note } = openReservedSocket({
    address: LOCK_MANAGER_ADDRESS,
    givenAway: {
      services: new Set(services.map(({ port }) => port)),
      blacklist: parsePortBlacklist(textOf("/etc/bindresvport.blacklist")),
    },
    randomNumber,
    startTimer: clock.startTimer,
  }, openUdpSocket);
  if (note !== undefined) log.warning(`Callbacks may be refused by lockd: ${note}`);
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, clock);
  const addresses = await addressesToServe(settings, resolver, log);
  const defaultPort = servicePort(services, ["status"], "udp") ?? 0;
  const server = openNsmServer(settings, defaultPort, addresses, log);
  const hosts = new HostsFiles({
    // Slots of its own: a name service that is silent about peers does not keep callers out.
    resolver: hostResolver({ addressesOfName, nameOfAddress }, clock, ACCESS_LIMITS),
    isInNetgroup: netgroups(),
    clock,
    log,
  });
  await runRpcbind({
    mode: settings.rpcbindMode,
    socketPath: RPCBIND_SOCKET,
    calledAs: invocation.calledAs,
    environment,
    log,
  });
  await removeOldRegistrations(connectRpcbind, log);

  Deno.chdir(stateDirectoryPath);
  Deno.umask(UMASK);
  const degraded = volatile === undefined ? [] : [volatile];
  const socketPath = volatile === undefined ? CONTROL_SOCKET : VOLATILE_CONTROL_SOCKET;
  const control = openControl(socketPath, degraded, log);
  const drop = dropPrivileges(layout.monitorList);
  for (const warning of drop.warnings) log.warning(warning);
  degraded.push(...drop.warnings);
  const revoked = revokePermissions({ mayRunPrograms });
  hosts.recheck(); // what this user cannot read is said now
  log.debug(() => `Gave up the permissions of the runtime: ${revoked.join(" ")}`);

  const callPeer = new PeerCalls(socket, connectStream, {
    ...clientParts,
    startTimer: coarseTimers(clock),
  });
  const toBeNotified = fileNames(layout.notifyList);
  const live = new LiveSettings(settings, {
    invocation,
    environment: new Map(Object.entries(environment)),
    mayRunPrograms,
    log,
  });
  const quietTime = new QuietTime(clock, giveBackMemory);
  const monitor = makeMonitor({
    settings: () => live.current,
    store,
    memory: peers,
    stateNumber,
    callPeer,
    resolver,
    clock,
    log,
    hosts,
    isToBeNotified: (peer) => toBeNotified.has(peer),
    callout: haCallout({ settings: () => live.current, log, tell }),
    tell,
    notifyPeers,
    worked: () => quietTime.worked(),
    signal: stopping.signal,
  });
  const serving = serveCalls(server, { ...monitor, log, signal: stopping.signal });
  const registrar = new Registrar({
    connect: connectRpcbind,
    callPeer,
    portmapper: { address: LOCK_MANAGER_ADDRESS, port: PMAP_PORT },
    owner: String(Deno.uid()),
    clock,
    log,
  }, toBeRegistered(server.bound));
  await registrar.register();
  const registered = registrar.keep(stopping.signal);
  const drops = new DatagramDrops(server.datagrams.map(({ local }) => local.port));
  const steering = monitor.loaded.then(() =>
    startSteering(
      {
        monitor,
        clock,
        stateDirectoryPath,
        stateNumber: () => store.stateNumber(),
        bootId,
        networkNamespace,
        bound: server.bound,
        droppedDatagrams: () => drops.count(),
        registrationFault: () => registrar.fault,
        hosts,
        reviewRegistration: () => registrar.review(),
        degraded,
        recent,
      },
      control,
      settings.metrics,
      log,
    )
  );
  const manager = new ServiceManager(environment["NOTIFY_SOCKET"]);
  const stopped = new Promise<void>((resolve) => {
    onSignals({
      stop: () => resolve(),
      user1: notifyPeers,
      user2: () => log.threshold = "notice",
      hangUp() {
        manager.reloading();
        live.reload();
        void registrar.review();
        manager.ready(status);
      },
    }, stopping.signal);
  });
  const transports = toBeRegistered(server.bound).map(({ netid, port }) => `${netid} ${port}`).join(
    ", ",
  );
  const serves = `Serving program 100024 on ${transports}`;
  const status = volatile === undefined ? serves : `${serves}. ${volatile}`;
  manager.ready(status);
  log.notice(`Ready. ${serves}; state directory ${stateDirectoryPath}`);
  if (isBackground) tellReady();
  void monitor.loaded.then(() => clock.startTimer(SETTLING_MS, giveBackMemory));

  await stopped;
  manager.stopping();
  log.debug(() => "Stopping");
  stopping.abort();
  await (await steering).close();
  await Promise.race([
    registered,
    new Promise((late) => clock.startTimer(STOP_TIMEOUT_MS, () => late(undefined))),
  ]);
  monitor.stop();
  await callPeer.close();
  await serving;
  pidFile?.release();
}

/**
 * The pid file; without one where it cannot be had, as when not started by root.
 *
 * @throws {AlreadyRunningError}
 */
function openPidFile(path: string, owner: Identity, log: Log): PidFile | undefined {
  try {
    const file = PidFile.create(path);
    file.giveTo(owner);
    return file;
  } catch (error) {
    if (error instanceof AlreadyRunningError) throw error;
    log.warning(`Going on without a pid file at ${path}: ${reasonOf(error)}`);
    return undefined;
  }
}

/** The names in a directory, in the form in which peers are compared; none if it cannot be read. */
function fileNames(directory: string): Set<string> {
  try {
    return new Set([...Deno.readDirSync(directory)].map(({ name }) => nameKey(name)));
  } catch {
    return new Set(); // sm-notify will say what is wrong with it
  }
}

/** The text of a file of the system; empty where there is none. */
function textOf(path: string): string {
  const text = systemFiles.readText(path);
  return text.kind === "text" ? text.text : "";
}
