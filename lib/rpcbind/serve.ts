/**
 * The life of rpcbind, as a list: everything that needs root, the privilege drop, serving, and the stop.
 *
 * Source: rpcbind(8).
 */

import type { RpcbindSettings } from "../config/settings.ts";
import type { AdjustableLog } from "../log.ts";
import { HostsFiles } from "../hosts/hosts_files.ts";
import { hostResolver } from "../net/resolver.ts";
import { systemClock as clock } from "../platform/clock.ts";
import { tellReady } from "../platform/daemonize.ts";
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
import { interfaceAddresses } from "./interfaces.ts";
import { RpcbindLock } from "./lock.ts";
import { RPCBIND_SOCKET } from "./netconfig.ts";
import { watchSocket } from "./stand_in.ts";
import { ownEntries } from "./own_entries.ts";
import { rpcbindServices } from "./service.ts";
import { openRpcbindSockets, serveRpcbindCalls } from "./sockets.ts";
import { Statistics } from "./statistics.ts";
import { RPCBIND_DIRECTORY, WarmStart } from "./warm_start.ts";

const MS_PER_SECOND = 1000;
/** For others nothing: the files are the owner's. */
const UMASK = 0o077;
/** What rpcbind is started with. */
export interface RpcbindParts {
  readonly settings: RpcbindSettings;
  /** Somebody waits for us to say that we are ready. */
  readonly isBackground: boolean;
  readonly log: AdjustableLog;
}

/**
 * Serves until it is stopped by a signal; returns the exit status.
 *
 * @throws {Error} When it cannot be started.
 */
export async function serveRpcbind({ settings, isBackground, log }: RpcbindParts): Promise<number> {
  const stopping = new AbortController();
  const manager = new ServiceManager(Deno.env.get("NOTIFY_SOCKET"));
  const bootId = new KernelState().bootId();
  if (Deno.env.get("LISTEN_FDS") !== undefined) {
    throw new Error(
      "Cannot take the sockets of a socket unit: systemctl disable --now rpcbind.socket",
    );
  }
  const lock = RpcbindLock.take();
  prepareDirectory();
  const sockets = openRpcbindSockets(settings.addresses, log);
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

  hosts.recheck(); // what this user cannot read is said now
  const warmStart = settings.warmStart ? new WarmStart(RPCBIND_DIRECTORY, bootId, log) : undefined;
  const entries = new Entries(ownEntries(sockets.netids), () => warmStart?.save(entries));
  const restored = entries.restore(warmStart?.load() ?? []);
  warmStart?.save(entries);
  if (restored > 0) log.notice(`Knows ${restored} entries from before`);

  const services = rpcbindServices({
    entries,
    statistics: new Statistics(),
    interfaces: interfaceAddresses(clock),
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
  const respond = dispatcher(services, callHooks(settings, hosts, log, failed));
  const serving = serveRpcbindCalls(sockets, respond, log, stopping.signal);
  onSignals({ stop }, stopping.signal);
  const stepAside = () => {
    log.notice(
      "Stepping aside for another rpcbind, which finds what is registered in /run/rpcbind",
    );
    stop();
  };
  if (isLeased) lock?.onTakeOver(stepAside, stopping.signal);
  if (settings.standIn) {
    watchSocket(RPCBIND_SOCKET, sockets.ownSocket, clock, stepAside, stopping.signal);
  }
  const revoked = revokePermissions({ mayRunPrograms: false });
  log.debug(() => `Gave up the permissions of the runtime: ${revoked.join(" ")}`);
  const serves = `Serving program 100000 on ${[...sockets.netids, "local"].join(", ")}`;
  manager.ready(serves);
  log.notice(`Ready. ${serves}`);
  if (isBackground) tellReady();

  await stopped;
  manager.stopping();
  stopping.abort();
  await serving;
  log.notice("Stopped");
  lock?.release();
  return status;
}
