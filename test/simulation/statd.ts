/** Simulated rpc.statd: the real monitor, registrar and control actions, composed as in the daemon. */

import { loadStatdSettings } from "../../lib/config/load.ts";
import type { StatdSettings } from "../../lib/config/settings.ts";
import { limited } from "../../lib/log_limits.ts";
import type { Log } from "../../lib/log.ts";
import { hostResolver } from "../../lib/net/resolver.ts";
import { nameKey } from "../../lib/nsm/host_name.ts";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { RpcbindRegistrar } from "../../lib/nsm/registration.ts";
import { PMAP_PORT } from "../../lib/protocol/portmap.ts";
import type { StreamClient } from "../../lib/rpc/stream_client.ts";
import type { TransportAddress } from "../../lib/rpc/transport.ts";
import { controlActions, type DaemonFacts } from "../../lib/statd/control_actions.ts";
import type { ControlActions } from "../../lib/statd/control_server.ts";
import { haCallout, type HaCalloutParts } from "../../lib/statd/ha_callout.ts";
import { makeMonitor, type Monitor } from "../../lib/statd/monitor.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNoticeFile } from "../../lib/store/notice_file.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import type { FragileDisk } from "../support/fragile_disk.ts";
import { MemoryFiles } from "../support/memory_files.ts";
import type { NameService } from "./names.ts";
import type { Process } from "./process.ts";

export const STATE_DIRECTORY = "/var/lib/nfs";
/** Timeout for the removal of the registration at the end, in ms, as in the daemon. */
const STOP_TIMEOUT_MS = 3_000;

const SERVED: readonly TransportAddress[] = [
  { netid: "udp", address: "0.0.0.0", port: 662 },
  { netid: "tcp", address: "0.0.0.0", port: 662 },
];

/** Cache of settings by arguments. */
const settings = new Map<string, StatdSettings>();

/** Settings of a daemon with these arguments. */
export function statdSettings(...args: string[]): StatdSettings {
  const known = settings.get(args.join(" "));
  if (known !== undefined) return known;
  const loaded = loadStatdSettings({
    programName: "rpc.statd",
    args,
    env: { get: () => undefined },
    files: new MemoryFiles({ [`${STATE_DIRECTORY}/sm`]: "" }),
  });
  if (loaded.kind === "exit") throw new Error(loaded.stderr);
  settings.set(args.join(" "), loaded.settings);
  return loaded.settings;
}

export interface StatdParts {
  readonly process: Process;
  readonly disk: FragileDisk;
  /** Settings in effect; called for each use. */
  readonly settings: () => StatdSettings;
  readonly names: NameService;
  readonly callPeer: CallPeer;
  readonly connectRpcbind: () => Promise<StreamClient>;
  readonly runProgram: NonNullable<HaCalloutParts["runProgram"]>;
  readonly log: Log;
  /** Runs sm-notify; resolves once it is in the background. */
  readonly notifyPeers: () => Promise<void>;
}

export class Statd {
  readonly #stopping = new AbortController();
  readonly #registered: Promise<void>;
  readonly #control: ControlActions;

  private constructor(
    readonly process: Process,
    readonly monitor: Monitor,
    readonly registrar: RpcbindRegistrar,
    readonly notifyPeers: () => Promise<void>,
    stopping: AbortController,
  ) {
    this.#stopping = stopping;
    this.#registered = registrar.register().then(() => registrar.keep(stopping.signal));
    const facts: Partial<DaemonFacts> = {
      monitor,
      clock: process.clock,
      reviewRegistration: () => registrar.review(),
      registrationFault: () => registrar.fault,
      note: () => {},
    };
    this.#control = controlActions(facts as DaemonFacts, () => {
      throw new Error("There is no report of a simulated daemon");
    });
  }

  /** Starts a daemon like serve.ts. @throws {Error} When it cannot be started. */
  static async start(parts: StatdParts): Promise<Statd> {
    const { process, disk, settings, names, callPeer, log } = parts;
    const { clock } = process;
    const fileSystem = process.files(disk);
    const store = openMonitorStore(STATE_DIRECTORY, { log, fileSystem, clock });
    const memory = openPeerMemory(STATE_DIRECTORY, { log, mayCompact: true, clock, fileSystem });
    await parts.notifyPeers();
    const stateNumber = store.stateNumber();
    const toBeNotified = new Set(
      [...fileSystem.list(`${STATE_DIRECTORY}/sm.bak`)].map(({ name }) => nameKey(name)),
    );
    const stopping = new AbortController();
    const tell = limited(log, clock);
    const monitor = makeMonitor({
      settings,
      store,
      memory,
      noticeMemory: openNoticeFile(STATE_DIRECTORY, { log, fileSystem }),
      stateNumber,
      callPeer,
      resolver: hostResolver(names.functionsFor(process), clock),
      clock,
      log,
      hosts: { admits: () => "admitted" },
      isToBeNotified: (peer) => toBeNotified.has(peer),
      callout: haCallout({
        settings,
        clock,
        log,
        tell,
        runProgram: parts.runProgram,
      }),
      tell,
      notifyPeers: () => void parts.notifyPeers(),
      worked() {},
      signal: stopping.signal,
    });
    await monitor.loaded;
    const registrar = new RpcbindRegistrar({
      connect: parts.connectRpcbind,
      callPeer,
      portmapper: { address: "127.0.0.1", port: PMAP_PORT },
      owner: "29",
      clock,
      log,
    }, SERVED);
    return new Statd(process, monitor, registrar, parts.notifyPeers, stopping);
  }

  get isStopping(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Answers a request of nsmctl. */
  control(request: Parameters<ControlActions["answer"]>[0]): ReturnType<ControlActions["answer"]> {
    return this.#control.answer(request);
  }

  /** Stops as on SIGTERM; `ending` is called before the monitor ends. */
  async stop(ending: () => void): Promise<void> {
    const { startTimer } = this.process.clock;
    this.#stopping.abort();
    let cancel = () => {};
    const late = new Promise<void>((resolve) => cancel = startTimer(STOP_TIMEOUT_MS, resolve));
    await Promise.race([this.#registered, late]);
    cancel();
    ending();
    this.monitor.stop();
  }
}
