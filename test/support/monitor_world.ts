/**
 * Complete status monitor behind its dispatcher, on a temporary state directory, with fakes for the
 * outside.
 */

import { loadStatdSettings } from "../../lib/config/load.ts";
import { makeMonitor, type Monitor } from "../../lib/statd/monitor.ts";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { PMAP_PROG } from "../../lib/protocol/portmap.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { openPeerMemory } from "../../lib/store/peer_memory.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeResolver } from "./fake_resolver.ts";
import { MemoryFiles } from "./memory_files.ts";
import { RecordingLog } from "./recording_log.ts";
import { WatchedFiles } from "./watched_files.ts";

export interface MonitorUnderTest extends Disposable {
  readonly monitor: Monitor;
  readonly stopping: AbortController;
  readonly clock: FakeClock;
  readonly log: RecordingLog;
  readonly resolver: FakeResolver;
  readonly files: WatchedFiles;
  readonly directory: string;
  /** Calls sent. */
  readonly called: MadeCall[];
}

/** Deviations of the monitor's environment. */
export interface World {
  /** One call in this many fails. */
  readonly failsOnceIn?: number;
  /** Monitor list at the start: contents by file name. */
  readonly records?: Readonly<Record<string, string>>;
  /** Duration of a read of one record, in ms. */
  readonly readMs?: number;
  /** Names of unreadable files on the monitor list; tests may change the set. */
  readonly unreadable?: ReadonlySet<string>;
}

/** Makes a monitor; `directory` is removed with it. */
export function newMonitor(
  { failsOnceIn = Infinity, records = {}, readMs = 0, unreadable = new Set() }: World = {},
): MonitorUnderTest {
  const directory = Deno.makeTempDirSync({ prefix: "nsm-fuzz-" });
  for (const name of ["sm", "sm.bak"]) Deno.mkdirSync(`${directory}/${name}`);
  for (const [name, text] of Object.entries(records)) {
    Deno.writeTextFileSync(`${directory}/sm/${name}`, text);
  }
  const loaded = loadStatdSettings({
    programName: "fuzz",
    args: ["-P", directory],
    env: { get: () => undefined },
    files: new MemoryFiles({ [`${directory}/sm`]: "" }),
  });
  if (loaded.kind === "exit") throw new Error(loaded.stderr);
  const { settings } = loaded;
  const log = new RecordingLog();
  const clock = new FakeClock();
  const resolver = new FakeResolver();
  resolver.addHost("nodeb.example.net", ["10.99.0.2", "fd99::2"], ["nodeb"]);
  resolver.addHost("host1.example.net", ["10.99.0.3"], ["host1"]);
  const files = new WatchedFiles();
  files.beforeRead = (path) => {
    clock.advance(readMs);
    if (unreadable.has(path.slice(path.lastIndexOf("/") + 1))) throw new Error("Stale file handle");
  };
  const store = openMonitorStore(directory, { log, fileSystem: files });
  const stateNumber = store.stateNumber(); // creates the file, as the daemon's start does
  const lockManagers = new LockManagers(failsOnceIn);
  const stopping = new AbortController();
  const monitor = makeMonitor({
    signal: stopping.signal,
    worked() {},
    settings: () => settings,
    store,
    memory: openPeerMemory(directory, { log, mayCompact: true, clock }),
    stateNumber,
    callPeer: lockManagers,
    resolver,
    // Functions are passed on without their object.
    clock: {
      now: () => clock.now(),
      wallClock: () => clock.wallClock(),
      startTimer: clock.startTimer,
      afterTurn: clock.afterTurn,
    },
    log,
    hosts: { admits: () => "admitted" },
    isToBeNotified: () => false,
    notifyPeers() {
      openNotifyStore(directory, { log }).retire();
      for (const { name } of Deno.readDirSync(`${directory}/sm.bak`)) {
        Deno.removeSync(`${directory}/sm.bak/${name}`);
      }
    },
  });
  files.changed.length = 0;
  return {
    monitor,
    stopping,
    clock,
    log,
    resolver,
    files,
    directory,
    called: lockManagers.made,
    [Symbol.dispose]() {
      monitor.stop();
      Deno.removeSync(directory, { recursive: true });
    },
  };
}

/** A call sent. */
export interface MadeCall {
  readonly program: number;
  readonly version: number;
  readonly procedure: number;
  readonly args: unknown;
  readonly address: string;
}

/** rpcbind and lock managers that answer all calls but one in `failsOnceIn`. */
class LockManagers implements CallPeer {
  readonly made: MadeCall[] = [];
  #calls = 0;

  constructor(readonly failsOnceIn: number) {}

  call: CallPeer["call"] = ({ number, version, procedures }, name, args, to) => {
    const procedure = procedures[name]!.number;
    this.made.push({ program: number, version, procedure, args, address: to.address });
    if (++this.#calls % this.failsOnceIn === 0) {
      return Promise.reject(new RpcError(name, to, { kind: "timeout", elapsedMs: 1 }));
    }
    return Promise.resolve((number === PMAP_PROG ? 4045 : undefined) as never);
  };
}
