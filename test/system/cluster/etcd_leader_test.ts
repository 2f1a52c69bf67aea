/** Acceptance test 10 of identities: three members of etcd, whose leader is killed again and again. */

import { assert, assertEquals } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD, EtcdCluster } from "../../support/etcd_cluster.ts";
import { mon } from "../../support/nsm_calls.ts";
import { ask } from "../../support/statd.ts";
import { OUR_NSMCTL } from "../../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

/** The long form is a task of its own. */
const KILLS = Deno.env.has("LONG") ? 10 : 2;
/** Between two kills, in ms. */
const PERIOD_MS = Deno.env.has("LONG") ? 10_000 : 4_000;
/** No reply may come later, in ms. */
const REPLY_MAX_MS = 2_000;
/** Of a reply: what a busy machine adds to it. */
const LOAD_MS = 1_000;
const PAUSE_MS = 10;

systemTest(
  "acceptance 10: the leader of etcd is killed again and again: nothing that was acknowledged is lost",
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
    const until = performance.now() + KILLS * PERIOD_MS;
    const killing = killLeaders(etcd);
    for (let i = 0; performance.now() < until; i++) {
      const monName = `127.${1 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
      const started = performance.now();
      const answer = await ask(node.agent, mon({ monName }));
      took.push(performance.now() - started);
      if (answer.startsWith("SUCCESS 00000000")) acknowledged.push(monName);
      else refused++;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
    await killing;
    await node.signal("KILL");
    const other = new ClusterNode(host, "b");
    await other.start();
    await other.identity("acquire", "vip1", "--fenced", "--deadline", "30");
    const report = await other.report("vip1");
    const latest = Math.max(...took);
    const figures = `${acknowledged.length} acknowledged, ${refused} refused, the latest reply ` +
      `after ${latest.toFixed(0)} ms\n`;
    await Deno.stdout.write(new TextEncoder().encode(figures));
    assert(Number(report["pending"]) >= acknowledged.length, `${report["pending"]} are pending`);
    assert(acknowledged.length > refused);
    assert(latest < REPLY_MAX_MS + LOAD_MS, figures);
    assertEquals(report["state"], "held");
  },
);

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
