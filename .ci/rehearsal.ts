/**
 * Rehearsal of what the programs do at each start, for make_code_caches.mjs: the functions that run here
 * are in the code caches. Everything is simulated, files, network and clock, so that two builds run the
 * same functions. What it misses is compiled when the program needs it.
 */

import {
  loadRpcbindSettings,
  loadSmNotifySettings,
  loadStatdSettings,
} from "../lib/config/load.ts";
import type { SmNotifySettings } from "../lib/config/settings.ts";
import { makeLog } from "../lib/log.ts";
import { PeerCalls } from "../lib/net/peer_calls.ts";
import { scheduleOf, totalMsOf } from "../lib/notify/plan.ts";
import { prepareToNotify } from "../lib/notify/prepare.ts";
import { ProgressReport } from "../lib/notify/report.ts";
import { announcementsOf } from "../lib/nsm/notify/notify_list.ts";
import { Notifier } from "../lib/nsm/notify/notifier.ts";
import { PMAP_PROG } from "../lib/protocol/portmap.ts";
import type { DatagramSocket, Endpoint } from "../lib/rpc/transport.ts";
import { NotifyRun } from "../lib/store/notify_run.ts";
import { openNotifyStore } from "../lib/store/notify_store.ts";
import { openPeerMemory } from "../lib/store/peer_memory.ts";
import { formatRecord } from "../lib/store/record_format.ts";
import { FakeResolver } from "../test/support/fake_resolver.ts";
import { FakeDatagramSocket } from "../test/support/fake_sockets.ts";
import { FragileDisk } from "../test/support/fragile_disk.ts";
import { MemoryFiles } from "../test/support/memory_files.ts";
import { SimulatedClock } from "../test/support/simulated_clock.ts";

const DIRECTORY = "/nsm";
/** Peers, as many as a run tells at once. */
const PEERS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"];
const NSM_PORT = 900;

export async function rehearse(): Promise<void> {
  const settings = loadSettings();
  const clock = new SimulatedClock();
  await clock.until(tellPeers(settings, clock));
}

/** Settings of the programs, with a nfs.conf that has a section of each. */
function loadSettings(): SmNotifySettings {
  const conf = "# a comment\n[lockd]\nport=0\n[statd]\nport=0\n[sm-notify]\nretry-time=15\n";
  const start = {
    env: { get: () => undefined },
    files: new MemoryFiles({ "/etc/nfs.conf": conf, [`${DIRECTORY}/sm/.peers`]: "" }),
  };
  const args = ["-P", DIRECTORY];
  loadStatdSettings({ ...start, programName: "rpc.statd", args });
  loadRpcbindSettings({ ...start, programName: "rpcbind", args: ["-w"] });
  const loaded = loadSmNotifySettings({ ...start, programName: "sm-notify", args });
  if (loaded.kind === "exit") throw new Error(loaded.stderr);
  return loaded.settings;
}

/** A run of sm-notify, composed as in lib/notify/run.ts. */
async function tellPeers(settings: SmNotifySettings, clock: SimulatedClock): Promise<void> {
  const log = makeLog("info", [{ write() {} }]);
  const fileSystem = diskWithPeers();
  const runParts = {
    fileSystem,
    openToLock: () => ({ tryLock: () => true, [Symbol.dispose]() {} }),
    startTimer: clock.startTimer,
    asOwner: <T>(_directory: string, action: () => T) => action(),
  };
  const ready = await prepareToNotify(settings, log, () => {}, {
    ...runParts,
    kernel: {
      bootId: () => "boot",
      setLocalState: () => ({ outcome: "written" }),
      endGrace: () => ({ outcome: "written" }),
    },
    lockOfLife: () => ({
      look: () => ({ kind: "free" }),
      take: () => undefined,
      hold: () => undefined,
    }),
    resolver: new FakeResolver(),
    configuredIdentities: () => [],
    hostName: () => "host",
    makeMissingLists: () => [],
    requireRights() {},
    servingMonitor: () => undefined,
    clock,
  });
  if (typeof ready === "number") throw new Error("the rehearsal has no peer to tell");
  const { prepared, starting } = ready;
  const run = new NotifyRun(DIRECTORY, prepared.life, log, runParts);
  run.hold();
  starting[Symbol.dispose]();
  const store = openNotifyStore(DIRECTORY, { log, fileSystem });
  const memory = openPeerMemory(DIRECTORY, { log, mayCompact: false, clock, fileSystem });
  const totalMs = totalMsOf(settings, false);
  let xid = 0;
  const parts = { startTimer: clock.startTimer, randomXid: () => ++xid };
  const calls = new PeerCalls(
    new AnsweringSocket(),
    () => Promise.reject(new Error("no stream")),
    parts,
  );
  const notifier = new Notifier({
    clock,
    log,
    memory,
    resolver: new FakeResolver(),
    store,
    sources: [calls],
    random: () => 0.5,
    onSettled: (report) => progress.settled(report),
  }, {
    stateNumber: prepared.stateNumber,
    schedule: scheduleOf(settings),
    totalMs,
    announcements: ({ myName }) => announcementsOf([myName]),
    preferTcp: false,
    peerPort: 0,
  }, store.load());
  const progress = new ProgressReport({
    counts: () => notifier.counts,
    clock,
    log,
    totalMs,
    nextTryMs: () => notifier.nextTryMs,
    line: undefined,
  });
  progress.start(prepared.stateNumber);
  const { told } = await notifier.run();
  progress.end();
  run.finish();
  if (told !== PEERS.length) throw new Error(`the rehearsal told ${told} peers`);
}

function diskWithPeers(): FragileDisk {
  const priv = "00".repeat(16);
  const files: Record<string, string> = { [`${DIRECTORY}/state`]: "\x05\0\0\0" };
  for (const monName of PEERS) {
    const myName = "host.example.net";
    files[`${DIRECTORY}/sm/${monName}`] = formatRecord({
      monName,
      myName,
      myProg: 100021,
      myVers: 3,
      myProc: 16,
      priv,
    });
  }
  return new FragileDisk([DIRECTORY, `${DIRECTORY}/sm`, `${DIRECTORY}/sm.bak`], files);
}

/** Socket behind which each peer's portmapper and status monitor answer. */
class AnsweringSocket extends FakeDatagramSocket implements DatagramSocket {
  override send(data: Uint8Array, to: Endpoint): Promise<void> {
    const call = new DataView(data.buffer, data.byteOffset, data.length);
    const reply = new DataView(new ArrayBuffer(28)); // xid, REPLY, MSG_ACCEPTED, no verifier, SUCCESS
    reply.setUint32(0, call.getUint32(0));
    reply.setUint32(4, 1);
    const isQuery = call.getUint32(12) === PMAP_PROG;
    if (isQuery) reply.setUint32(24, NSM_PORT);
    const bytes = new Uint8Array(reply.buffer, 0, isQuery ? 28 : 24);
    queueMicrotask(() => this.arrive(bytes, to));
    return Promise.resolve();
  }
}
