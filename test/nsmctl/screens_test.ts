/**
 * What commands of nsmctl print on terminals of 40, 80 and 200 columns, letter by letter, with the same facts
 * each time. With NSMCTL_SCREENS=write it is written anew, to be read before it is committed:
 *
 *     NSMCTL_SCREENS=write ./install.sh deno test -A test/nsmctl/screens_test.ts
 */

import "../support/open_libc.ts";
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/commands/nsmctl.ts";
import type { StatusReport } from "../../lib/control/status_report.ts";
import { findingsText } from "../../lib/doctor/doctor.ts";
import { finding } from "../../lib/doctor/finding.ts";
import { makeCounters } from "../../lib/nsm/counters.ts";
import { checkLine, judged } from "../../lib/nsmctl/check.ts";
import { eventText } from "../../lib/nsmctl/event_text.ts";
import { listText as identityText } from "../../lib/nsmctl/identity.ts";
import { sayStatus } from "../../lib/nsmctl/identity_state.ts";
import { listText } from "../../lib/nsmctl/list.ts";
import { reportLine } from "../../lib/nsmctl/notify.ts";
import type { Peer } from "../../lib/nsmctl/peers.ts";
import { reportText as hostText } from "../../lib/nsmctl/reach_host.ts";
import { declareRebooted } from "../../lib/nsmctl/declare_rebooted.ts";
import { exportRecords } from "../../lib/nsmctl/export.ts";
import { forget } from "../../lib/nsmctl/forget.ts";
import { importRecords } from "../../lib/nsmctl/import.ts";
import type { Command } from "../../lib/nsmctl/command.ts";
import { linesFor, portsText } from "../../lib/nsmctl/ports.ts";
import { hostText as showText } from "../../lib/nsmctl/show.ts";
import { repair } from "../../lib/nsmctl/repair.ts";
import { reportText } from "../../lib/nsmctl/report.ts";
import { statusText } from "../../lib/nsmctl/status.ts";
import { screenLines } from "../../lib/nsmctl/top.ts";
import { WatchPrinter } from "../../lib/nsmctl/watch.ts";
import type { DatedEvent } from "../../lib/store/event_file.ts";
import { recoveryOf } from "../../lib/nsmctl/recovery.ts";
import { FakeTerminal } from "../support/fake_terminal.ts";

const STORED = new URL("../golden/nsmctl_screens.txt", import.meta.url);
const WIDTHS = [40, 80, 200];
const NOW = Date.UTC(2026, 10, 26, 12, 30, 5);
const HOUR_MS = 3_600_000;
const requests = [{ myName: "server.example.net", myProg: 100021, myVers: 4, myProc: 16 }];
const PEERS: readonly Peer[] = [
  {
    monName: "client1.example.net",
    isMonitored: true,
    isToBeNotified: false,
    requests,
    addresses: ["192.0.2.1", "2001:db8::1"],
    since: NOW - 26 * HOUR_MS,
    heardAt: NOW - HOUR_MS,
    toldAt: NOW - 2 * HOUR_MS,
    lastState: 7,
  },
  {
    monName: "a-host-with-a-rather-long-name.department.example.net",
    isMonitored: true,
    isToBeNotified: true,
    requests,
    addresses: [],
    since: NOW - 90_000,
    why: "no such host",
  },
  {
    monName: "dead\x1b[2J.example.net",
    isMonitored: false,
    isToBeNotified: true,
    requests,
    addresses: ["192.0.2.9"],
    why: "silent since 12:13, 9 tries, the next at 12:31",
  },
];
const SHORT_PEERS = [PEERS[0]!, PEERS[2]!];
const EVENTS: readonly DatedEvent[] = [
  { at: NOW - 60_000, program: "sm-notify", event: "notifying", state: 9, count: 3 },
  {
    at: NOW - 59_000,
    program: "sm-notify",
    event: "told",
    peer: "client1.example.net",
    address: "192.0.2.1",
    transport: "udp",
    attempts: 1,
    ms: 1_000,
  },
  {
    at: NOW - 30_000,
    program: "sm-notify",
    event: "notYetTold",
    peer: PEERS[1]!.monName,
    reason: "no such host",
  },
  {
    at: NOW - 1_000,
    program: "rpc.statd",
    event: "rebooted",
    peer: "client1.example.net",
    state: 7,
  },
];
const STATUS: StatusReport = {
  version: "1.2.3",
  pid: 4321,
  uid: 65432,
  startedAt: "2026-11-26T10:00:00.000Z",
  uptimeSeconds: 9_005,
  residentBytes: 64_000_000,
  stateNumber: 9,
  bootId: "9bb760c7-cd2b-4c0b-a4b2-80ac147073ed",
  stateDirectory: "/var/lib/nfs",
  transports: ["udp", "udp6", "tcp", "tcp6"].map((netid) => ({
    netid,
    address: netid.endsWith("6") ? "::" : "0.0.0.0",
    port: 4050,
  })),
  health: "failed",
  faults: [
    "not registered: rpcbind has not answered for 1 s",
    "2 peers not told of our reboot, and no sm-notify is running",
  ],
  registrationFault: "rpcbind has not answered for 1 s",
  peers: 2,
  registrations: 2,
  unresolvedPeers: 1,
  keptNotices: 1,
  toBeNotified: 2,
  callbacks: { pending: 1 },
  counters: { ...makeCounters(), calls_notify: 5, calls_denied: 3, notices_doubted: 2 },
  degraded: [],
  problems: [{
    at: "2026-11-26T12:29:59.123Z",
    level: "warning",
    message: "Not registered with rpcbind, trying again: no answer",
    count: 3,
  }],
};
const IDENTITIES = [
  { id: "nfs1", texts: {}, recorded: 200, pending: 0, unread: 0, unreplicated: 0 },
  { id: "nfs2", texts: {}, recorded: 0, pending: 3, unread: 1, unreplicated: 0 },
].map((one, at) =>
  at === 0
    ? { ...one, state: "held" as const, epoch: 7, number: 15 }
    : { ...one, state: "superseded" as const, epoch: 8, supersededBy: "node-b.example.net" }
);

type Screen = (terminal: FakeTerminal) => unknown;

const session = (terminal: FakeTerminal) => ({
  terminal,
  programName: "nsmctl",
  stateDirectoryPath: "/var/lib/nfs",
  isDefaultDirectory: true,
  timeoutMs: 1,
  now: () => NOW,
});

const RECORD =
  "0100007f 000186b5 00000004 00000010 000102030405060708090a0b0c0d0e0f old.example.net server\n";

/** State directory with one monitored peer, 40 days old. */
async function inFolder(use: (folder: string) => Promise<unknown>): Promise<void> {
  const folder = Deno.makeTempDirSync();
  try {
    for (const name of ["sm", "sm.bak"]) Deno.mkdirSync(`${folder}/${name}`);
    Deno.chmodSync(folder, 0o755);
    const path = `${folder}/sm/old.example.net`;
    Deno.writeTextFileSync(path, RECORD);
    const then = (NOW - 40 * 24 * HOUR_MS) / 1000;
    Deno.utimeSync(path, then, then);
    await use(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function given(operands: readonly string[], options: readonly string[]) {
  return { operands, has: (name: string) => options.includes(name), get: () => undefined };
}

/** Runs a command on a state directory without a daemon, or with its path as operand. */
function ofFolder(
  terminal: FakeTerminal,
  command: Command,
  operands: readonly string[],
  options: readonly string[] = [],
): Promise<void> {
  return inFolder(async (folder) => {
    const own = new FakeTerminal(terminal.width);
    const operandsOrPath = command.operandsMin > 0 && operands.length === 0 ? [folder] : operands;
    await command.run(given(operandsOrPath, options), {
      ...session(own),
      stateDirectoryPath: folder,
    });
    const complaints = own.complaints.map((line) => `${line}\n`).join("");
    terminal.print(`${own.printed}${complaints}`.replaceAll(folder, "/var/lib/nfs"));
  });
}

/** How to make each command print. */
const SCREENS: Readonly<Record<string, Screen>> = {
  list(terminal) {
    terminal.print(listText(PEERS, session(terminal)));
    terminal.print(`--- names of usual length\n${listText(SHORT_PEERS, session(terminal))}`);
  },
  watch(terminal) {
    const printer = new WatchPrinter(session(terminal), false);
    for (const change of ["added", "heard", "told", "changed", "gone"] as const) {
      for (const { monName: peer } of PEERS) {
        const state = change === "heard" ? { state: 7 } : {};
        printer.change({
          change,
          peer,
          monitored: true,
          toBeNotified: change === "changed",
          ...state,
        });
      }
    }
  },
  top(terminal) {
    const screen = { host: "server", at: NOW, status: { status: STATUS }, events: EVENTS };
    const progress = "running (pid 5), 1 of 3 told";
    const known = screenLines({ ...screen, peers: PEERS, progress }, 24, { terminal });
    terminal.print(`${known.join("\n")}\n--- a daemon that hangs\n`);
    const peersFault = "rpc.statd (pid 4321) has not answered for 3 s; kill -CONT 4321 resumes it";
    const hung = {
      status: { statusFault: peersFault },
      peers: [],
      peersFault,
      progress: undefined,
    };
    terminal.print(`${screenLines({ ...screen, ...hung }, 24, { terminal }).join("\n")}\n`);
  },
  events: (terminal) => EVENTS.map((event) => terminal.print(eventText(event, terminal))),
  report(terminal) {
    const recovery = recoveryOf(EVENTS, PEERS, undefined, NOW);
    const facts = { host: "server", at: NOW, stateDirectory: "/var/lib/nfs", status: STATUS };
    const events = EVENTS.slice(-1);
    terminal.print(
      reportText({ ...facts, recovery, peers: PEERS, events }, session(terminal)),
    );
  },
  status: (terminal) =>
    terminal.print(statusText(STATUS, "running (pid 5), 1 of 3 told", terminal)),
  check: (terminal) => terminal.print(checkLine(judged(STATUS))),
  test: (terminal) =>
    terminal.print(hostText({
      host: "client1",
      verdict: "partly",
      canonicalName: "client1.example.net",
      probes: [
        {
          address: "192.0.2.1",
          transport: "udp",
          rpcbindMs: 1.24,
          port: 4050,
          nullMs: 0.5,
          state: 7,
          wouldMonitor: true,
        },
        { address: "2001:db8::1", transport: "tcp", fault: "no answer in 3000 ms" },
      ],
      reverse: [{ address: "192.0.2.1", name: "client1.example.net", isConsistent: true }],
    }, session(terminal))),
  notify(terminal) {
    const record = (monName: string) => ({
      fileName: monName,
      monName,
      myName: "server.example.net",
      modifiedAt: 0,
    });
    const common = { attempts: 1, elapsedMs: 42 };
    const at = { address: "192.0.2.1", transport: "udp" as const };
    const told = {
      ...common,
      ...at,
      record: record("client1.example.net"),
      outcome: "told" as const,
      fault: undefined,
    };
    const silent = { address: undefined, transport: undefined, fault: "no such host" };
    const left = {
      ...common,
      ...silent,
      record: record(PEERS[2]!.monName),
      outcome: "gave up" as const,
    };
    for (const one of [told, left]) terminal.print(reportLine(one, session(terminal)));
  },
  show: (terminal) =>
    terminal.print(
      showText({
        peer: PEERS[0]!,
        nameService: { addresses: ["192.0.2.1", "192.0.2.3"] },
        keptNotices: [{
          name: "client1",
          address: "192.0.2.9",
          state: 9,
          at: NOW - 1_000,
          ordinal: 1,
        }],
        events: EVENTS.slice(-1),
      }, session(terminal)) +
        showText({
          peer: PEERS[2]!,
          nameService: { addresses: [], fault: "no such host" },
          keptNotices: [],
          events: [],
        }, session(terminal)),
    ),
  forget: (terminal) => ofFolder(terminal, forget, ["old*"]),
  "declare-rebooted": (terminal) => ofFolder(terminal, declareRebooted, ["old.example.net"]),
  ports(terminal) {
    const all = [["rpcbind", 111], ["status", 0], ["nlockmgr", 4051]] as const;
    const ports = all.map(([service, port]) => ({ transport: "udp" as const, service, port }));
    terminal.print(portsText(ports, terminal.width));
    for (const firewall of ["nft", "firewalld", "ufw"] as const) {
      terminal.print(linesFor(firewall, ports));
    }
  },
  import: (terminal) =>
    inFolder((other) => ofFolder(terminal, importRecords, [other], ["dry-run"])),
  export: (terminal) => ofFolder(terminal, exportRecords, []),
  async repair(terminal) {
    await inFolder(async (folder) => {
      Deno.chmodSync(`${folder}/sm`, 0o777);
      Deno.chmodSync(`${folder}/sm.bak`, 0o707);
      Deno.chmodSync(`${folder}/sm/old.example.net`, 0o666);
      const own = new FakeTerminal(terminal.width);
      await repair.run(given([], ["dry-run"]), {
        ...session(own),
        stateDirectoryPath: folder,
      });
      const owners = /owner \d+:\d+ to \d+:\d+, /g;
      terminal.print(own.printed.replaceAll(folder, "/var/lib/nfs").replaceAll(owners, ""));
    });
  },
  identity(terminal) {
    terminal.print(identityText(IDENTITIES, false, { terminal }));
    for (const identity of IDENTITIES) sayStatus(identity, false, { terminal });
  },
  doctor: (terminal) =>
    terminal.print(findingsText([
      finding("rpcbind-silent", {
        what: "rpcbind is running but does not answer; the status monitor cannot be found.",
        evidence: "process 12 (/usr/sbin/rpcbind): no answer in 2000 ms",
        fix: "resume it, or start it again",
        commands: ["kill -CONT 12"],
      }),
    ], { terminal })),
};
/** Commands that print a script for programs, which has no width. */
const OTHERS = ["ctdb-script", "completion"];

/**
 * Replaces local times and UTC offsets by texts of equal length, so that the layout is the same
 * everywhere.
 */
function comparable(text: string): string {
  return text.replaceAll(/\d\d:\d\d:\d\d/g, "hh:mm:ss").replaceAll(/\d{4}-\d\d-\d\d/g, "YYYY-MM-DD")
    .replaceAll(/(?<=ss|UTC)[+-]\d\d:\d\d/g, "+hh:mm");
}

Deno.test("every command prints what is stored, at 40, 80 and 200 columns", async () => {
  const names = COMMANDS.map(({ name }) => name);
  assertEquals(names.toSorted(), [...Object.keys(SCREENS), ...OTHERS].toSorted());
  let text = "";
  for (const [name, show] of Object.entries(SCREENS)) {
    for (const width of WIDTHS) {
      const terminal = new FakeTerminal(width);
      await show(terminal);
      text += `==== ${name} at ${width} columns\n${comparable(terminal.printed)}`;
    }
  }
  if (Deno.env.get("NSMCTL_SCREENS") === "write") await Deno.writeTextFile(STORED, text);
  else assertEquals(text, await Deno.readTextFile(STORED));
});
