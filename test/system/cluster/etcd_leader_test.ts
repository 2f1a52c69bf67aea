/** Acceptance test 10 of identities: three members of etcd, whose leader is killed repeatedly. */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../../support/agent_client.ts";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD, EtcdCluster } from "../../support/etcd_cluster.ts";
import { mon } from "../../support/nsm_calls.ts";
import { ask } from "../../support/statd.ts";
import { OUR_NSMCTL } from "../../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

/** The long form is a task of its own. */
const KILLS = Deno.env.has("LONG") ? 30 : 2;
/** Interval of kills, in ms. */
const PERIOD_MS = Deno.env.has("LONG") ? 10_000 : 4_000;
/**
 * Number of concurrent lock managers, and interval of calls of each, in ms: 100 calls per second. A
 * delayed caller catches up.
 */
const CALLERS = 4;
const EVERY_MS = 40;
/** Time after which a reply counts as late, in ms: nfs-ganesha gives up after 3 s. */
const LATE_MS = 2_000;

systemTest(
  "acceptance 10: repeated kills of etcd's leader lose no acknowledged change",
  [OUR_STATD, OUR_NSMCTL, ETCD, "/usr/bin/curl"],
  async (newHost, newFolder) => {
    const address = "127.0.0.1";
    const endpoints = [1, 2, 3].map((i) => `http://${address}:${23790 + i}`).join(", ");
    const host = await newHost({
      addresses: ["10.99.0.1/32"],
      etc: {
        "nfs.conf": `[identity "vip1"]\nnames = vip1.example.net\naddresses = 10.99.0.1\n` +
          `ledger = etcd\n[etcd]\nendpoints = ${endpoints}\n`,
      },
    });
    const etcd = new EtcdCluster(host, await newFolder(), address, 3);
    await etcd.start();
    const node = new ClusterNode(host, "a");
    await node.start();
    await node.identity("acquire", "vip1");
    const acknowledged: string[] = [];
    const took: number[] = [];
    let refused = 0;
    const begun = performance.now();
    const until = begun + KILLS * PERIOD_MS;
    const killing = killLeaders(etcd);
    const call = async (caller: number) => {
      const agent = new Agent(host);
      for (let i = 0; performance.now() < until; i++) {
        const due = begun + i * EVERY_MS - performance.now();
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, due)));
        const monName = `127.${1 + caller}.${i >> 8}.${i & 255}`;
        const started = performance.now();
        const answer = await ask(agent, mon({ monName }));
        const ms = performance.now() - started;
        took.push(ms);
        if (answer.startsWith("SUCCESS 00000000")) acknowledged.push(monName);
        else refused++;
      }
    };
    await Promise.all(Array.from({ length: CALLERS }, (_, caller) => call(caller)));
    const seconds = (performance.now() - begun) / 1000;
    await killing;
    await node.signal("KILL");
    const other = new ClusterNode(host, "b");
    await other.start();
    await other.identity("acquire", "vip1", "--fenced", "--deadline", "30");
    const report = await other.report("vip1");
    const latest = Math.max(...took);
    const late = took.filter((ms) => ms > LATE_MS).length;
    const figures = `${acknowledged.length} acknowledged, ${refused} refused, ${late} late, ` +
      `${(took.length / seconds).toFixed(0)} a second, ${KILLS} kills, the latest reply after ` +
      `${latest.toFixed(0)} ms\n`;
    await Deno.stdout.write(new TextEncoder().encode(figures));
    const recorded = new Set(await recordedNames(etcd));
    assertEquals(acknowledged.filter((monName) => !recorded.has(monName)), []);
    assertEquals(report["pending"], recorded.size);
    assert(acknowledged.length > refused);
    assertEquals(report["state"], "held");
  },
);

/** Names recorded in etcd, under any epoch. */
async function recordedNames(etcd: EtcdCluster): Promise<string[]> {
  const range = { key: btoa("/nsm/mon/vip1/"), range_end: btoa("/nsm/mon/vip10"), keys_only: true };
  const { kvs = [] } = await etcd.call(1, "/v3/kv/range", range) as { kvs?: { key: string }[] };
  return kvs.map(({ key }) => decodeURIComponent(atob(key).split("/").at(-1)!));
}

async function killLeaders(etcd: EtcdCluster): Promise<void> {
  for (let i = 0; i < KILLS; i++) {
    const leader = await etcd.leader();
    if (leader !== undefined) {
      await etcd.killMember(leader);
      await etcd.startMember(leader);
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD_MS * 2 / 3));
  }
}
