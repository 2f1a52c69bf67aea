/**
 * Past vulnerabilities of status monitors, a test each, as far as a test needs no process;
 * test/system/security_history_test.ts has the others.
 *
 * Source: the CERT advisories and CVE entries named; the change log of nfs-utils.
 */

import "../support/open_libc.ts";
import { STRANGERS_LIMITS } from "../../lib/log_limits.ts";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { decideAccess } from "../../lib/nsm/hosts_access.ts";
import { UNKNOWN } from "../../lib/nsm/hosts_patterns.ts";
import { parseAccessFile } from "../../lib/nsm/hosts_rules.ts";
import { hostNameFault } from "../../lib/nsm/host_name.ts";
import { type MonitorRecord, StoreError } from "../../lib/nsm/ports.ts";
import { AcceptStat } from "../../lib/rpc/message.ts";
import { openMonitorStore } from "../../lib/store/file_store.ts";
import { openNotifyStore } from "../../lib/store/notify_store.ts";
import { newMonitor } from "../support/monitor_world.ts";
import { diskWith, STATE_DIRECTORY } from "../support/crash_scenario.ts";
import {
  type Call,
  describe,
  message,
  mon,
  notify,
  OTHER_PRIV,
  PRIV,
  simuCrash,
  text,
  unmon,
  word,
} from "../support/nsm_calls.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { privOf } from "../support/priv.ts";

const LOCAL = { address: "127.0.0.1", port: 700, netid: "udp", isLocal: true } as const;
const STRANGER = { address: "192.0.2.66", port: 700, netid: "udp", isLocal: false } as const;
const PEER = { address: "10.99.0.2", port: 700, netid: "udp", isLocal: false } as const;

const FAILED = "SUCCESS 00000001 ffffffff";
const DONE = "SUCCESS 00000000 00000003";

/** Monitor, and a function that calls it like the network. */
function setUp() {
  const world = newMonitor();
  const call = async (call: Call, caller: { address: string; port: number } = LOCAL) => {
    const reply = await world.monitor.respond(message(call), { ...LOCAL, ...caller });
    return reply === undefined ? "silence" : describe(reply);
  };
  /** Callbacks, once all promises have settled. */
  const callbacks = async () => {
    for (let turns = 0; turns < 100; turns++) await null;
    return world.called.filter(({ program }) => program === 100021);
  };
  return { ...world, call, callbacks, [Symbol.dispose]: () => world[Symbol.dispose]() };
}

/** Every path below a directory, with the contents of files. */
function tree(directory: string): string[] {
  return [...Deno.readDirSync(directory)].flatMap(({ name, isDirectory }) => {
    const path = `${directory}/${name}`;
    return isDirectory ? [path, ...tree(path)] : [`${path}: ${Deno.readTextFileSync(path)}`];
  }).sort();
}

const LINE = `0100007f 000186b5 00000003 00000010 ${PRIV}`;
const PATHS = ["../victim", "../sm.bak/victim", "/tmp/victim", ".victim", "..", ".", "a/../victim"];

Deno.test("CERT CA-1996-09, CVE-1999-0019: no mon_name makes or removes a file elsewhere", async () => {
  using statd = setUp();
  for (const path of ["victim", "sm.bak/victim", "sm/.victim"]) {
    Deno.writeTextFileSync(`${statd.directory}/${path}`, `${LINE} ${PATHS[0]} thishost\n`);
  }
  const before = tree(statd.directory);
  for (const monName of PATHS) {
    assertEquals(await statd.call(mon({ monName })), FAILED, monName);
    await statd.call(unmon({ monName }));
  }
  assertEquals(tree(statd.directory), before);
  // One line for each, within the limit of its kind.
  assertEquals(statd.log.of("error").length, STRANGERS_LIMITS.lines);
});

Deno.test("CERT CA-1996-09, CVE-1999-0019: each of two layers refuses alone", async () => {
  const log = new RecordingLog();
  const disk = diskWith({ "victim": `${LINE} ../victim thishost\n` });
  const store = openMonitorStore(STATE_DIRECTORY, { log, fileSystem: disk });
  const before = disk.files;
  for (const monName of PATHS) {
    assert(hostNameFault(monName) !== undefined, monName);
    const record = { ...RECORD, monName };
    await assertRejects(() => store.put(record), StoreError);
    await store.remove([record]).catch(() => {});
  }
  assertEquals(disk.files, before);
});

Deno.test("CVE-1999-0018: a name ends where its maximum is, whatever its length says", async () => {
  using statd = setUp();
  const before = tree(statd.directory);
  const long = "a".repeat(1024);
  for (const name of [long, `${long}a`, "a".repeat(4096)]) {
    const isName = name.length <= 1024;
    for (const call of [mon({ monName: name }), mon({ monName: "nodeb", myName: name })]) {
      assertEquals(await statd.call(call), isName ? FAILED : "GARBAGE_ARGS");
    }
  }
  for (const length of [1025, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const args = word(length) + text(long).slice(8);
    assertEquals(await statd.call({ procedure: 6, args }, STRANGER), "GARBAGE_ARGS");
  }
  assertEquals(AcceptStat.GARBAGE_ARGS, 4);
  assertEquals(tree(statd.directory), before);
  const longest = { monName: "n".repeat(255), myName: "m".repeat(769) };
  assertEquals(await statd.call(mon(longest)), DONE);
  const log = new RecordingLog();
  const [read] = openMonitorStore(statd.directory, { log }).load();
  assertEquals([read?.monName, read?.myName], [longest.monName, longest.myName]);
});

Deno.test("CERT CA-99-05, CVE-1999-0493: no call is relayed to another service or host", async () => {
  using statd = setUp();
  const monName = "nodeb";
  assertEquals(await statd.call(mon({ monName }), STRANGER), FAILED);
  for (const program of [100000, 100005, 390103, 0]) {
    assertEquals(await statd.call(mon({ monName, program })), FAILED);
  }
  for (const procedure of [0, 1, 15, 17]) {
    assertEquals(await statd.call(mon({ monName, procedure })), FAILED);
  }
  assertEquals(await statd.call(mon({ monName, myName: STRANGER.address })), DONE);
  assertEquals(await statd.call(notify(monName, 5), PEER), "SUCCESS");
  const told = await statd.callbacks();
  assertEquals(told.map(({ procedure }) => procedure), [16]);
  assertEquals(new Set(statd.called.map(({ address }) => address)), new Set(["127.0.0.1"]));
});

Deno.test("CVE-2000-0666: text of strangers is no format and ends no line of the log", async () => {
  using statd = setUp();
  const name = '%s%n%x ${1} \x1b[2J\x9b"\n<0>forged';
  await statd.call(mon({ monName: name, myName: name }));
  await statd.call(unmon({ monName: name, myName: name }));
  await statd.call(notify(name, 5), STRANGER);
  await statd.call(mon({ monName: "nodeb" }));
  await statd.call(notify(name, 5), STRANGER);
  await statd.callbacks();
  const lines = statd.log.lines.filter((line) => line.includes("forged"));
  assert(lines.length >= 3, lines.join("\n"));
  for (const line of lines) {
    assert(!/[^ -~]/.test(line), JSON.stringify(line));
  }
  assertMatch(lines.join("\n"), /SM_NOTIFY of "%s%n%x \$\{1\} \\x1b\[2J\\x9b\\x22\\x0a<0>forged"/);
});

Deno.test("CVE-2008-4552: rules apply to the daemon statd and the caller's address", () => {
  const decide = (deny: string) => {
    const entries = parseAccessFile(deny, "statd", "deny", () => {});
    return decideAccess(entries, { address: PEER.address, name: UNKNOWN }, () => undefined);
  };
  assertEquals(decide(`statd: ${PEER.address}\n`), "deny");
  assertEquals(decide(`rpc.statd: ${PEER.address}\n`), "allow");
  // The two are swapped, as passed to the library.
  assertEquals(decide(`${PEER.address}: statd\n`), "allow");
  assertEquals(decide("statd: statd\n"), "allow");
});

const RECORD: MonitorRecord = {
  monName: "nodeb",
  myName: "thishost",
  myProg: 100021,
  myVers: 3,
  myProc: 16,
  priv: PRIV,
};

Deno.test("list bug, cookie: a repeated SM_MON puts the new cookie in memory and on disk", async () => {
  using statd = setUp();
  await statd.call(mon({ monName: "nodeb" }));
  assertEquals(await statd.call(mon({ monName: "nodeb", priv: OTHER_PRIV })), DONE);
  const file = Deno.readTextFileSync(`${statd.directory}/sm/nodeb`);
  assertEquals(file, `${LINE.replace(PRIV, OTHER_PRIV)} nodeb thishost\n`);
  await statd.call(notify("nodeb", 5), PEER);
  const told = await statd.callbacks();
  assertEquals(told.map(({ args }) => (args as { priv: Uint8Array }).priv.toHex()), [OTHER_PRIV]);
});

Deno.test("list bug, use after free: a record that did not reach the disk is not in memory", async () => {
  using statd = setUp();
  await statd.call(mon({ monName: "nodeb" }));
  Deno.mkdirSync(`${statd.directory}/sm/nodec`); // no file can have the name
  assertEquals(await statd.call(mon({ monName: "nodec" })), FAILED);
  assertEquals([...statd.monitor.list.peerNames()], ["nodeb"]);
  await statd.call(notify("nodec", 5), PEER);
  await statd.call(unmon({ monName: "nodec" }));
  const told = await statd.callbacks();
  assertEquals(told.filter(({ args }) => (args as { mon_name: string }).mon_name === "nodec"), []);
});

Deno.test("temporary names: a file being written is never taken for a host", async () => {
  const disk = diskWith({ "sm/nodeb": `${LINE} nodeb thishost\n`, "state": "\x03\0\0\0" });
  const parts = { log: new RecordingLog(), fileSystem: disk };
  const store = openMonitorStore(STATE_DIRECTORY, parts);
  await store.put({ ...RECORD, priv: privOf(0) }, RECORD);
  await Promise.all([store.put({ ...RECORD, myVers: 4 }), store.put({ ...RECORD, monName: "c" })]);
  openNotifyStore(STATE_DIRECTORY, parts).advanceStateNumber();
  const made = disk.journal.filter((line) => line.startsWith("create "));
  assert(made.length >= 4);
  for (const line of made) assertMatch(line, /\/\.[^/]*$/, "another program would read this file");
  // Leftovers of a killed process, ours and that of nfs-utils 2.8.2 and later.
  const left = `${LINE} nodeb thishost\n`;
  const other = diskWith({
    "sm/.nodeb.new": left,
    "sm/.7.0.new": left,
    "sm.bak/.1.0.new": left,
    "sm/.a": left,
  });
  const log = new RecordingLog();
  assertEquals([...openMonitorStore(STATE_DIRECTORY, { log, fileSystem: other }).load()], []);
  const notifyStore = openNotifyStore(STATE_DIRECTORY, { log, fileSystem: other });
  notifyStore.retire();
  assertEquals(notifyStore.load(), []);
});

Deno.test("SIMU_CRASH with two entries or more clears the list, and the daemon continues", async () => {
  using statd = setUp();
  for (const monName of ["a", "b", "c"]) assertEquals(await statd.call(mon({ monName })), DONE);
  assertEquals(await statd.call(simuCrash, { ...LOCAL, port: 1024 }), "SUCCESS");
  assertEquals(statd.monitor.list.size, 3);
  assertEquals(await statd.call(simuCrash), "SUCCESS");
  assertEquals([statd.monitor.list.size, [...statd.monitor.list.all()].length], [0, 0]);
  assertEquals(await statd.call(mon({ monName: "b" })), DONE);
  assertEquals(await statd.call(unmon({ monName: "b" })), "SUCCESS 00000003");
  assertEquals(statd.monitor.list.size, 0);
});
