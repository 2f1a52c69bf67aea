/**
 * Read-only state directory, as on an appliance: statd refuses to start or, if permitted, serves
 * from memory and says so everywhere.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { DatagramListener } from "../support/datagram_listener.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon, notify, unmon } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, monitored, READY, startStatd } from "../support/statd.ts";
import { OUR_NSMCTL, OUR_STATD, systemTest } from "../support/system_test.ts";

/** curl reads the metrics. */
const NEEDS = [OUR_STATD, "/usr/bin/curl"];
const ALLOWED = { "nfs.conf": "[statd]\nvolatile-fallback = yes\n" };
const NOTIFY_SOCKET = "/run/notify.sock";
const METRICS = "127.0.0.1:9199";
const READ_ONLY = /Volatile: Cannot write "\/var\/lib\/nfs\/sm": Read-only file system/;

/** Record of a peer that was monitored when the directory was writable. */
function recordOf(peer: string): string {
  return `0100007f 000186b5 00000003 00000010 ${"00".repeat(16)} ${peer} localhost\n`;
}

async function makeReadOnly(host: TestHost): Promise<void> {
  await host.output("mount", "-o", "remount,ro", STATE_DIRECTORY);
}

/** Monitored peers in `nsmctl list`. */
async function listed(host: TestHost): Promise<string[]> {
  const { peers } = JSON.parse(await host.output(OUR_NSMCTL, "list", "--json"));
  return peers.map(({ monName }: { monName: string }) => monName).sort();
}

systemTest(
  "statd does not start in a directory that it can never write, and says why",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    await makeReadOnly(host);
    const { code, stderr } = await host.run(OUR_STATD, ...FOREGROUND);
    assertEquals(code, 1);
    assertMatch(stderr, /Make the state directory writable, .*set volatile-fallback in section/);
    assertMatch(stderr, /: Cannot write "\/var\/lib\/nfs\/state": Read-only file system/);
  },
);

systemTest(
  "statd serves from memory in a directory that it can never write",
  NEEDS,
  async (newHost) => {
    const metrics = `metrics = ${METRICS}\n`;
    const host = await newHost({ etc: { "nfs.conf": ALLOWED["nfs.conf"] + metrics } });
    await host.write(`${STATE_DIRECTORY}/sm/10.99.9.1`, recordOf("10.99.9.1"));
    await host.output("chown", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm/10.99.9.1");
    await makeReadOnly(host);
    using manager = new DatagramListener(host, NOTIFY_SOCKET);
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const withManager = ["env", `NOTIFY_SOCKET=${NOTIFY_SOCKET}`, OUR_STATD, ...FOREGROUND];
    const statd = host.start(...withManager.filter((word) => word !== "--no-notify"));
    await statd.line(READY);

    // Log, service manager, operator and Prometheus are informed.
    await statd.line(READ_ONLY);
    await statd.line(/Not running sm-notify/);
    assertMatch(await manager.message(/READY=1/), READ_ONLY);
    const { code, stdout } = await host.run(OUR_NSMCTL, "status");
    assertEquals(code, 1);
    assertMatch(stdout, READ_ONLY);
    assertMatch(await host.output("curl", "-sS", `http://${METRICS}/metrics`), /^nsm_degraded 1$/m);

    // Records on disk are served, and so are later registrations and removals.
    const [old, kept, gone] = ["10.99.9.1", "10.99.9.2", "10.99.9.3"] as const;
    const [, word] = /^SUCCESS 00000000 (\w+)$/.exec(await ask(agent, mon({ monName: kept })))!;
    const stateNumber = parseInt(word!, 16);
    assert(stateNumber % 2 === 1 && stateNumber <= 0x7fffffff, word);
    assertEquals(await ask(agent, mon({ monName: gone })), `SUCCESS 00000000 ${word}`);
    assertEquals(await ask(agent, unmon({ monName: gone })), `SUCCESS ${word}`);
    assertEquals(await listed(host), [old, kept]);
    for (const peer of [gone, old, kept]) {
      assertEquals(
        await ask(agent, notify(peer, 5)),
        "SUCCESS",
      );
    }
    await agent.called(2);
    assertEquals(monitored(host), [old]);
    assertEquals(await statd.stop(), 0);
    assertEquals(agent.calls.length, 2);

    // The next daemon has lost the list in memory; the life of the host is the same one.
    const next = await startStatd(host);
    assertEquals(await listed(host), [old]);
    assertEquals(await ask(agent, mon({ monName: kept })), `SUCCESS 00000000 ${word}`);
    const elsewhere = await host.run(
      OUR_NSMCTL,
      "-P",
      "/var/lib",
      "declare-rebooted",
      "--yes",
      kept,
    );
    assertEquals(elsewhere.code, 3, "no daemon of another state directory is taken for it");
    assertEquals(await next.stop(), 0);
  },
);

systemTest("a full disk is no reason to serve from memory", [OUR_STATD], async (newHost) => {
  const host = await newHost({ etc: ALLOWED });
  assertEquals(await (await startStatd(host)).stop(), 0);
  const fill = "mount -o remount,size=128k . && ! dd if=/dev/zero of=fill bs=1k 2>/dev/null";
  await host.output("sh", "-c", `cd ${STATE_DIRECTORY} && ${fill}`);
  const statd = await startStatd(host);
  await statd.line(/Nobody new can be monitored now: .*No space left on device/);
  assertEquals(statd.lines.filter((line) => line.includes("Volatile")), []);
  assertEquals((await host.run(OUR_NSMCTL, "status")).code, 1);
  assertEquals(await statd.stop(), 0);
});
