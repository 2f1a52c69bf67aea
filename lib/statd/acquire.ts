/**
 * Acquisition: the first part of the daemon's start, with every step that may need root. Its
 * visible effects have nfs-utils' order. The stop list releases what is acquired.
 */

import type { Identities } from "../cluster/identities.ts";
import { IdentityStore } from "../cluster/identity_store.ts";
import { systemFiles } from "../config/ini_file.ts";
import { portsInConf } from "../config/ports_in_conf.ts";
import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { givenAwayPorts, openReservedSocket, readServices } from "../net/reserved_port.ts";
import type { ServerSockets } from "../net/server_sockets.ts";
import { ACCESS_LIMITS, hostResolver } from "../net/resolver.ts";
import { servicePort } from "../net/services.ts";
import { openUdpSocket } from "../net/udp.ts";
import { LOCK_MANAGER_ADDRESS } from "../nsm/lock_manager.ts";
import type { MonitorStore, NoticeMemory, PeerMemory, Resolver } from "../nsm/ports.ts";
import type { NoteEvent } from "../nsm/events.ts";
import { removeOldRegistrations } from "../nsm/registration.ts";
import { randomNumbers, systemClock as clock } from "../platform/clock.ts";
import { bootTime } from "../platform/boot_time.ts";
import { KernelState } from "../platform/kernel_state.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { hostNetworkNamespace, mountOf, ownNetworkNamespace } from "../platform/proc.ts";
import { netgroups } from "../platform/netgroup.ts";
import { AlreadyRunningError, PidFile, statdPidFile } from "../platform/pid_file.ts";
import { DAEMON_UMASK, type Identity, ownerOf } from "../platform/privileges.ts";
import { refusedSyncs } from "../platform/sync_calls.ts";
import { quote } from "../quote.ts";
import type { DatagramSocket } from "../rpc/transport.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import {
  CONTROL_SOCKET,
  layoutOf,
  STATUS_SOCKET,
  VOLATILE_CONTROL_SOCKET,
} from "../store/layout.ts";
import { makeMissingLists } from "../store/missing_lists.ts";
import { removeControlSocket } from "./control_server.ts";
import { HostsFiles } from "../hosts/hosts_files.ts";
import { reasonOf } from "../reason.ts";
import { openIdentities } from "./identities.ts";
import { firstStateNumber, openMemory } from "./open_state.ts";
import { openControl, openForGroup } from "./operations.ts";
import { StartFaults } from "./start_faults.ts";
import { openNsmServer } from "./sockets.ts";
import type { StopList } from "./stop_list.ts";

/** Umask while root: the file `state` has to be world-readable. */
const ROOT_UMASK = 0o022;

/** Dependencies of the acquisition. */
export interface AcquireParts {
  readonly settings: StatdSettings;
  readonly log: Log;
  readonly note: NoteEvent;
  readonly stops: StopList;
  readonly connectRpcbind: Parameters<typeof removeOldRegistrations>[0];
  /** Runs our rpcbind if configured. */
  readonly runRpcbind: () => Promise<void>;
  /** Runs sm-notify, unless the settings forbid it. */
  readonly notifyPeers: () => Promise<void>;
  /** Awaits a step of the start; rejects as soon as a signal asks us to stop. */
  readonly unlessStopped: <T>(step: Promise<T>) => Promise<T>;
}

/** Resources acquired. */
export interface Acquired extends Keeping {
  readonly notifyPeers: () => Promise<void>;
  readonly identities: Identities;
  readonly bootId: string | undefined;
  /** Time of the boot, in ms since 1970; undefined if unknown. */
  readonly bootedAt: number | undefined;
  readonly networkNamespace: string | undefined;
  readonly stateNumber: number;
  readonly resolver: Resolver;
  readonly hosts: HostsFiles;
  /** Socket bound to a reserved port, for calls to lock managers. */
  readonly socket: DatagramSocket;
  readonly server: ServerSockets;
  readonly control: Deno.UnixListener | undefined;
  /** Control socket for members of the status group. */
  readonly lookers: Deno.UnixListener | undefined;
  readonly startFaults: StartFaults;
}

interface Keeping {
  readonly store: MonitorStore;
  readonly peers: PeerMemory;
  readonly noticeMemory?: NoticeMemory;
  /** Why nothing survives the daemon; undefined if everything does. */
  readonly volatile?: string;
}

/** Acquires all resources. @throws {Error} When the daemon cannot be started. */
export async function acquire(parts: AcquireParts): Promise<Acquired> {
  const { settings, log, stops, unlessStopped } = parts;
  const { stateDirectoryPath } = settings;
  Deno.umask(ROOT_UMASK);
  adviseOnSandbox(stateDirectoryPath, log);
  const made = makeMissingLists(layoutOf(stateDirectoryPath));
  if (made.length > 0) log.notice(`Created missing directories: ${made.map(quote).join(", ")}`);
  const owner = ownerOf(layoutOf(stateDirectoryPath).monitorList);
  const kernel = new KernelState();
  const bootId = kernel.bootId();
  for (const write of kernel.setLockManagerPorts(settings.nlmPort, settings.nlmUdpPort)) {
    if (write.outcome === "failed") log.warning(`Cannot set ${write.path}: ${write.reason}`);
  }
  const lock = lockDirectory(stateDirectoryPath);
  stops.add("the lock of the state directory", () => lock[Symbol.dispose]());
  const networkNamespace = ownNetworkNamespace();
  const pidFilePath = settings.pidFile ?? statdPidFile(networkNamespace, hostNetworkNamespace());
  const pidFile = openPidFile(pidFilePath, owner, log);
  stops.add("the pid file", () => pidFile?.release());

  const keeping = openMemory({ settings, bootId, clock, log });
  const notifyPeers = keeping.volatile === undefined ? parts.notifyPeers : noPeersToNotify(log);
  await unlessStopped(notifyPeers());
  const stateNumber = firstStateNumber(keeping.store);
  const localState = kernel.setLocalState(stateNumber);
  if (localState.outcome === "failed") {
    log.warning(`Cannot tell lockd our state number: ${localState.path}: ${localState.reason}`);
  }
  const identities = openIdentities({ ...parts, stateDirectoryPath, bootId, clock });
  const sockets = acquireSockets(parts);
  await unlessStopped(parts.runRpcbind());
  await unlessStopped(removeOldRegistrations(parts.connectRpcbind, log));
  Deno.chdir(stateDirectoryPath);
  Deno.umask(DAEMON_UMASK);
  return {
    ...keeping,
    store: new IdentityStore(keeping.store, identities),
    identities,
    ...sockets,
    ...controlOf(keeping, parts),
    notifyPeers,
    bootId,
    bootedAt: bootTime(),
    networkNamespace,
    stateNumber,
  };
}

/** Warns if the state directory is read-only in our mount namespace only. */
function adviseOnSandbox(directory: string, log: Log): void {
  if (mountOf(directory)?.isReadOnlyHere !== true) return;
  log.warning(
    `${quote(directory)} is read-only for this process, and not elsewhere: in a unit, ` +
      `systemctl edit rpc-statd, [Service], ReadWritePaths=${directory}; in a container, a writable volume`,
  );
}

function noPeersToNotify(log: Log): () => Promise<void> {
  return () => Promise.resolve(log.warning("Not running sm-notify: it has no list of peers"));
}

function acquireSockets({ settings, log }: AcquireParts) {
  const services = readServices();
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, clock);
  const defaultPort = servicePort(services, ["status"], "udp") ?? 0;
  // Before the socket for callbacks, whose random port may be the one that is configured.
  const server = openNsmServer(settings, defaultPort, log);
  const { socket, note } = openReservedSocket({
    address: LOCK_MANAGER_ADDRESS,
    givenAway: givenAwayPorts(portsInConf(Deno.env, systemFiles), services),
    randomNumber: randomNumbers(),
    startTimer: clock.startTimer,
  }, openUdpSocket);
  if (note !== undefined) log.warning(`Callbacks may be refused by lockd: ${note}`);
  const hosts = new HostsFiles({
    daemon: "statd",
    // Own slots, so that callers are still admitted when the name service is silent about peers.
    resolver: hostResolver({ addressesOfName, nameOfAddress }, clock, ACCESS_LIMITS),
    isInNetgroup: netgroups(),
    clock,
    log,
  });
  return { socket, resolver, server, hosts };
}

/** Control sockets, in the working directory if it can be written. */
function controlOf({ volatile }: Keeping, { settings, log, stops }: AcquireParts) {
  const startFaults = new StartFaults(log, volatile === undefined ? [] : [volatile]);
  const notDurable = refusedSyncs();
  if (notDurable !== undefined) startFaults.add(notDurable);
  const path = volatile === undefined ? CONTROL_SOCKET : VOLATILE_CONTROL_SOCKET;
  const control = openControl(path, startFaults);
  if (control !== undefined) stops.add("the control socket", () => removeControlSocket(path));
  const { statusGroup } = settings;
  if (statusGroup === undefined) return { control, lookers: undefined, startFaults };
  const lookers = openForGroup(statusGroup, STATUS_SOCKET, startFaults);
  if (lookers !== undefined) {
    stops.add("the socket for status-group", () => removeControlSocket(STATUS_SOCKET));
  }
  return { control, lookers, startFaults };
}

/** Creates the pid file; undefined if impossible, as when not started by root. */
function openPidFile(path: string, owner: Identity, log: Log): PidFile | undefined {
  try {
    const file = PidFile.create(path);
    file.giveTo(owner);
    return file;
  } catch (error) {
    if (error instanceof AlreadyRunningError) throw error;
    log.warning(`Continuing without a pid file at ${path}: ${reasonOf(error)}`);
    return undefined;
  }
}
