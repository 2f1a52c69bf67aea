/**
 * Past vulnerabilities of status monitors, a test each, as far as a test needs a process;
 * test/nsm/security_history_test.ts has the others.
 *
 * Source: the CVE entries named; the change log of nfs-utils.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseThreadStatus } from "../../lib/platform/proc.ts";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { message, mon, notify, nullCall, PRIV, record, unmon } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, registrations, startAll, startStatd, STATD } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const DONE = "SUCCESS 00000000 00000003";
const LINE = `0100007f 000186b5 00000003 00000010 ${PRIV}`;
/** Possible process ids of a program in a new host. */
const PIDS = Array.from({ length: 200 }, (_, i) => i + 2);
/** CAP_NET_BIND_SERVICE alone. */
const BIND_SERVICE = 1n << 10n;

/** Credentials of every thread of a process in a host. */
async function threadsOf(host: TestHost, process: BackgroundProgram) {
  const statuses = await host.output("sh", "-c", `cat /proc/${await process.pid}/task/*/status`);
  return statuses.split(/^(?=Name:)/m).map(parseThreadStatus);
}

systemTest(
  "CVE-2004-1014: a peer that closes its connection ends nothing",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const { statd, agent } = await startAll(host);
    const calls = Array.from({ length: 300 }, () => record(message(nullCall)));
    for (let times = 0; times < 20; times++) {
      // The agent closes after the first reply, which resets the connection.
      await agent.stream(calls, 1, STATD);
    }
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    const { records } = await agent.stream([record(message(nullCall))], 1, STATD);
    assertEquals([records.length, statd.hasEnded], [1, false]);
  },
);

systemTest(
  "CVE-2019-3689: root follows no link made by the user of sm",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const inside = (name: string) => host.path(`${STATE_DIRECTORY}/${name}`);
    const { uid } = Deno.statSync(inside("sm"));
    // The faulty installation: the user of sm owns the base directory too, and prepares it.
    Deno.chownSync(host.path(STATE_DIRECTORY), uid, null);
    await host.write("/run/victim", "untouched");
    await host.write("/run/record", `${LINE} evil thishost\n`);
    Deno.chmodSync(host.path("/run/victim"), 0o600);
    Deno.removeSync(inside("state"));
    // Names of temporary files: those of nfs-utils, and ours for any likely process id.
    const aside = PIDS.flatMap((pid) => ["", "sm.bak/"].map((at) => `${at}.${pid}.0.new`));
    for (const name of ["state", ".state.new", "sm.bak/.run", "sm.bak/both", ...aside]) {
      Deno.symlinkSync("/run/victim", inside(name));
    }
    for (const name of ["sm/evil", "sm.bak/evil"]) Deno.symlinkSync("/run/record", inside(name));
    for (const name of ["sm/nodeb", "sm/both"]) {
      Deno.writeTextFileSync(inside(name), `${LINE} ${name.slice(3)} thishost\n`);
      Deno.chownSync(inside(name), uid, null);
    }
    // sm-notify moves the records and advances the state number as root.
    const statd = await startStatd(host, FOREGROUND.filter((option) => option !== "--no-notify"));
    const victim = Deno.statSync(host.path("/run/victim"));
    assertEquals(Deno.readTextFileSync(host.path("/run/victim")), "untouched");
    assertEquals([victim.uid, victim.mode! & 0o777], [0, 0o600]);
    assertEquals(Deno.readTextFileSync(host.path("/run/record")), `${LINE} evil thishost\n`);
    assert(Deno.lstatSync(inside("state")).isFile);
    const agent = new Agent(host);
    await ask(agent, notify("evil", 5));
    assert(!statd.lines.some((line) => line.includes('"evil" state 5')), "it is passed on");
  },
);

systemTest(
  "CVE-2019-3689: no program waits at a FIFO of the user of sm",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    for (const name of ["sm/.peers", "sm/nodeb", "sm.bak/.run", "sm.bak/nodec"]) {
      await host.output("mkfifo", "-m", "666", `${STATE_DIRECTORY}/${name}`);
    }
    await host.write(`${STATE_DIRECTORY}/sm/noded`, `${LINE} noded thishost\n`);
    await startStatd(host, FOREGROUND.filter((option) => option !== "--no-notify"));
    const agent = new Agent(host);
    assertMatch(await ask(agent, mon({ monName: "nodeb" })), /^SUCCESS 00000001/);
    assertEquals(await ask(agent, mon({ monName: "127.0.0.1" })), "SUCCESS 00000000 00000003");
    assertEquals(await ask(agent, nullCall), "SUCCESS");
  },
);

systemTest(
  "CVE-2019-3689: the daemon becomes the owner of sm",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const { uid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
    Deno.chownSync(host.path(STATE_DIRECTORY), 12_345, null);
    const statd = await startStatd(host);
    for (const { uids } of await threadsOf(host, statd)) {
      assertEquals(
        new Set(uids),
        new Set([uid]),
      );
    }
  },
);

systemTest("bounding set: no program can regain a capability", [OUR_STATD], async (newHost) => {
  const host = await newHost();
  const script = "#!/bin/sh\ncat /proc/self/status >/run/callout/status.new\n" +
    "mv /run/callout/status.new /run/callout/status\n";
  await host.output("install", "-d", "-m", "777", "/run/callout");
  await host.write("/run/ha", script);
  Deno.chmodSync(host.path("/run/ha"), 0o755);
  const statd = await startStatd(host, [...FOREGROUND, "-H", "/run/ha"]);
  for (const thread of await threadsOf(host, statd)) {
    assertEquals([thread.bounding, thread.inheritable, thread.ambient], [0n, 0n, 0n]);
    assert((thread.permitted | BIND_SERVICE) === BIND_SERVICE);
    assert(thread.noNewPrivileges && thread.groups.length === 0);
  }
  assertEquals(await ask(new Agent(host), mon({ monName: "nodeb" })), DONE);
  const callout = parseThreadStatus(Deno.readTextFileSync(host.path("/run/callout/status")));
  const { permitted, effective, inheritable, bounding, ambient } = callout;
  assertEquals(permitted | effective | inheritable | bounding | ambient, 0n);
  const { uid, gid } = Deno.statSync(host.path(`${STATE_DIRECTORY}/sm`));
  assertEquals([...new Set(callout.uids)], [uid]);
  assertEquals([...new Set(callout.gids)], [gid]);
  assertEquals([callout.groups, callout.noNewPrivileges], [[], true]);
});

systemTest("a callout configured while none could be run waits for a restart", [
  OUR_STATD,
], async (newHost) => {
  const host = await newHost();
  await host.output("install", "-d", "-m", "777", "/run/callout");
  await host.write("/run/ha", "#!/bin/sh\necho run >>/run/callout/runs\n");
  Deno.chmodSync(host.path("/run/ha"), 0o755);
  const statd = await startStatd(host);
  await host.write("/etc/nfs.conf", "[statd]\nha-callout = /run/ha\n");
  await statd.kill("HUP");
  await statd.line(/A restart is needed for: ha-callout/);
  const agent = new Agent(host);
  assertEquals(await ask(agent, mon({ monName: "nodeb" })), DONE);
  assertEquals(await statd.stop(), 0);
  await startStatd(host);
  assertEquals(await ask(agent, mon({ monName: "nodec" })), DONE);
  assertEquals(Deno.readTextFileSync(host.path("/run/callout/runs")), "run\n");
});

systemTest(
  "downcall socket: on loopback, and for replies of the lock manager only",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost({ addresses: ["10.99.0.1/32"] });
    const { statd, agent } = await startAll(host);
    await agent.serve({ conduct: "silent" });
    assertEquals(await ask(agent, mon({ monName: "nodeb" })), DONE);
    await ask(agent, notify("nodeb", 5));
    const [call] = await agent.called(1);
    const { address, port } = call!.from;
    assertEquals([address, port < 1024], ["127.0.0.1", true]);
    const bound = await host.output("cat", "/proc/net/udp", "/proc/net/udp6");
    const hex = port.toString(16).padStart(4, "0").toUpperCase();
    assertEquals(bound.match(new RegExp(`[0-9A-F]+:${hex} `, "g")), [`0100007F:${hex} `]);
    // A reply of success with the right xid, from the wrong port and to the wrong address.
    const reply = `${call!.message.slice(0, 8)}00000001${"00000000".repeat(4)}`;
    const bytes = reply.replaceAll(/../g, (byte) => `\\x${byte}`);
    for (const to of ["127.0.0.1", "10.99.0.1"]) {
      await host.run("bash", "-c", `printf '${bytes}' >/dev/udp/${to}/${port}`);
    }
    await agent.called(2);
    assert(!statd.lines.some((line) => line.includes("Told lock manager")));
  },
);

systemTest("unregister bug: a callout that fails leaves statd registered", [
  OUR_STATD,
  "/usr/sbin/rpcinfo",
], async (newHost) => {
  const host = await newHost();
  await host.startRpcbind();
  await host.write("/run/ha", "#!/bin/sh\nexit 1\n");
  const agent = new Agent(host);
  for (const callout of ["/run/ha", "/nonexistent", "/etc"]) {
    Deno.chmodSync(host.path("/run/ha"), 0o755);
    const statd = await startStatd(host, [...FOREGROUND, "-H", callout]);
    const before = await registrations(host);
    assertEquals(before.length, 4);
    assertEquals(await ask(agent, mon({ monName: "nodeb" })), DONE);
    await ask(agent, notify("nodeb", 5));
    await ask(agent, unmon({ monName: "nodeb" }));
    assertEquals(await registrations(host), before);
    assertEquals([statd.hasEnded, await statd.stop()], [false, 0]);
  }
});
