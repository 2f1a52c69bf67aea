/**
 * Life of rpcbind as a list of steps: everything that needs root, the privilege drop, serving, and
 * the stop.
 *
 * Source: rpcbind(8).
 */

import { serveCalls } from "../net/serve_calls.ts";
import { RPCBIND_SOCKET } from "../protocol/rpcbind.ts";
import type { RpcbindSettings } from "../config/settings.ts";
import type { AdjustableLog } from "../log.ts";
import { HostsFiles } from "../hosts/hosts_files.ts";
import { PeerCalls } from "../net/peer_calls.ts";
import { connectStream } from "../net/tcp.ts";
import { openUdpSocket } from "../net/udp.ts";
import { hostResolver } from "../net/resolver.ts";
import { randomNumbers, systemClock as clock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
import type { HandedOver } from "../platform/handed_over.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { netgroups } from "../platform/netgroup.ts";
import { KernelState } from "../platform/kernel_state.ts";
import { revokePermissions } from "../platform/permissions.ts";
import { dropPrivileges, ownerOf } from "../platform/privileges.ts";
import { ServiceManager } from "../platform/sd_notify.ts";
import { onSignals } from "../platform/signals.ts";
import { dispatcher } from "../rpc/dispatch.ts";
import { prepareDirectory } from "./directory.ts";
import { Entries } from "./entries.ts";
import { callHooks } from "./hooks.ts";
import { interfaceAddresses } from "./merged_address.ts";
import { RpcbindLock } from "./lock.ts";
import { watchSocket } from "./stand_in.ts";
import { ownEntries } from "./own_entries.ts";
import { rpcbindServices } from "./service.ts";
import { openRpcbindSockets, type RpcbindSockets } from "./sockets.ts";
import { watchServices } from "./silent_services.ts";
import { Statistics } from "./statistics.ts";
import { RPCBIND_DIRECTORY, WarmStart } from "./warm_start.ts";

const MS_PER_SECOND = 1000;
/** Umask: files are private to their owner. */
const UMASK = 0o077;

/** Arguments of a start. */
export interface RpcbindParts {
  readonly settings: RpcbindSettings;
  /** Whether a foreground process waits for our readiness. */
  readonly isBackground: boolean;
  /** Sockets from a service manager; in the foreground only. */
  readonly handedOver: readonly HandedOver[];
  readonly log: AdjustableLog;
}

/**
 * Serves until a signal stops it; returns the exit status.
 *
 * @throws {Error} When it cannot be started.
 */
export async function serveRpcbind(parts: RpcbindParts): Promise<number> {
  const { settings, isBackground, log } = parts;
  const stopping = new AbortController();
  const { signal } = stopping;
  const manager = new ServiceManager(Deno.env.get("NOTIFY_SOCKET"));
  const { lock, isLeased, sockets, hosts, bootId } = acquire(parts);
  const entries = keptEntries(settings, sockets.netids, bootId, log);
  const statistics = new Statistics();
  const interfaces = interfaceAddresses(clock);
  const services = rpcbindServices({
    entries,
    statistics,
    interfaces,
    time: () => Math.floor(clock.wallClock() / MS_PER_SECOND),
  });
  let status = 0;
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => stop = resolve);
  const failed = () => {
    if (!settings.endOnError) return;
    status = 1;
    stop();
  };
  const respond = dispatcher(
    services,
    callHooks({ settings, hosts, statistics, interfaces, log, failed }),
  );
  const serving = serveCalls(sockets, { respond, log, signal });
  // These signals do nothing, as in Debian's rpcbind.
  onSignals({ stop, hangUp() {}, user1() {}, user2() {} }, signal);
  const stepAside = () => {
    const kept = settings.warmStart ? `; registrations are in ${RPCBIND_DIRECTORY}` : "";
    log.notice(`Stepping aside for another rpcbind${kept}`);
    stop();
  };
  if (isLeased) lock?.onTakeOver(stepAside, signal);
  if (settings.standIn) {
    watchSocket(RPCBIND_SOCKET, sockets.ownSocket, clock, stepAside, signal);
  }
  const revoked = revokePermissions({ mayRunPrograms: false });
  log.debug(() => `Gave up the permissions of the runtime: ${revoked.join(" ")}`);
  const serves = `Serving program 100000 on ${[...sockets.netids, "local"].join(", ")}`;
  manager.ready(serves);
  log.notice(`Ready. ${serves}`);
  if (isBackground) tellReady();
  const callPeer = openCalls(sockets);
  const watching = watchServices({ entries, callPeer, clock, log }, signal);

  await stopped;
  manager.stopping();
  stopping.abort();
  await callPeer.close(); // cancels a call in progress
  await watching;
  await serving;
  log.notice("Stopped");
  lock?.release();
  return status;
}

/**
 * Acquires what needs root, and drops privileges.
 *
 * @throws {Error} When a resource cannot be acquired.
 */
function acquire({ settings, handedOver, log }: RpcbindParts) {
  const bootId = new KernelState().bootId();
  const lock = RpcbindLock.take();
  prepareDirectory();
  const sockets = openRpcbindSockets(settings.addresses, handedOver, log);
  const hosts = new HostsFiles({
    daemon: "rpcbind",
    resolver: hostResolver({ addressesOfName, nameOfAddress }, clock),
    isInNetgroup: netgroups(),
    clock,
    log,
  });
  const isLeased = settings.standIn && lock?.lease(ownerOf(RPCBIND_DIRECTORY));
  Deno.chdir(RPCBIND_DIRECTORY);
  Deno.umask(UMASK);
  const { warnings } = dropPrivileges(RPCBIND_DIRECTORY, { keepsReservedPorts: false });
  for (const warning of warnings) log.warning(warning);
  hosts.recheck(); // reports files that this user cannot read
  return { lock, isLeased, sockets, hosts, bootId };
}

/** Own entries and, with a warm start, stored ones; later changes are stored. */
function keptEntries(
  settings: RpcbindSettings,
  netids: RpcbindSockets["netids"],
  bootId: string | undefined,
  log: AdjustableLog,
): Entries {
  const warmStart = settings.warmStart ? new WarmStart(RPCBIND_DIRECTORY, bootId, log) : undefined;
  const entries = new Entries(ownEntries(netids), () => warmStart?.save(entries));
  const restored = entries.restore(warmStart?.load() ?? []);
  warmStart?.save(entries);
  if (restored > 0) log.notice(`Restored ${restored} entries of an earlier rpcbind`);
  return entries;
}

/** Client for calls to local services. */
function openCalls({ netids }: RpcbindSockets): PeerCalls {
  const { startTimer } = clock;
  const address = netids.has("udp6") ? "::" : "0.0.0.0";
  const socket = openUdpSocket({ address, port: 0 }, startTimer);
  return new PeerCalls(socket, connectStream, { startTimer, randomXid: randomNumbers() });
}
