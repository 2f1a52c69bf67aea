/**
 * Move of one address: time until the last living client is notified, and number of forgotten clients.
 * Of 1,000 clients 50 are silent. Each run has hosts of its own. Three ways are compared:
 *
 * - ours, an identity whose node is killed;
 * - nfs-utils as run by Pacemaker's nfsnotify, on an existing list;
 * - nfs-utils as run by CTDB's helper since Samba 4.21, with 10 seconds per address and the records
 *   deleted before.
 *
 *     deno run -A test/bench/move_bench.ts [ROUNDS]
 *
 * Needs root, dist/ and Debian's nfs-common.
 */

// deno-lint-ignore-file no-console -- it prints

import { median } from "./generator_orders.ts";
import { ClusterNode } from "../support/cluster_node.ts";
import { listed, ManyPeers, monitor, peerAddresses } from "../support/many_peers_client.ts";
import { TestHost } from "../support/namespace.ts";

const LIVING = peerAddresses("127.1", 950);
const SILENT = peerAddresses("127.2", 50);
const ALL = [...LIVING, ...SILENT];
const VIP = "10.99.0.1";
/** Time limit for the living clients, in ms. */
const LIMIT_MS = 120_000;
const POLL_MS = 20;

interface Result {
  /** Time until the last living client was notified. */
  readonly ms: number;
  readonly told: number;
  /** Number of clients that were not notified and are on no list. */
  readonly forgotten: number;
  /** Number of acknowledged records missing after the node was killed; undefined without a kill. */
  readonly lost: number | undefined;
}

function newHost(conf = ""): Promise<TestHost> {
  return TestHost.create({
    addresses: [`${VIP}/32`],
    hosts: [`${VIP} nfs1.example.net nfs1`],
    etc: { "nfs.conf": conf },
  });
}

/** Waits until all living clients are notified, or the program has ended. */
async function timeOf(
  peers: ManyPeers,
  since: number,
  ended: Promise<unknown>,
): Promise<[number, number]> {
  let isOver = false;
  void ended.then(() => isOver = true);
  for (;;) {
    const isLast = isOver;
    const { told, at } = await peers.count();
    if (told >= LIVING.length || isLast || Date.now() - since > LIMIT_MS) return [at - since, told];
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function ours(): Promise<Result> {
  const ledger = await Deno.makeTempDir({ prefix: "nsm-move." });
  await Deno.chmod(ledger, 0o755);
  const conf = `[identity "vip1"]\nnames = nfs1.example.net\naddresses = ${VIP}\n` +
    `ledger = directory:${ledger}\n`;
  await using hostA = await newHost(conf);
  await using hostB = await newHost(conf);
  const [a, b] = [new ClusterNode(hostA, "a"), new ClusterNode(hostB, "b")];
  monitor(hostA, ALL);
  await a.start();
  await a.identity("acquire", "vip1");
  await a.signal("KILL");
  await b.start();
  const peers = new ManyPeers(hostB);
  await peers.ready();
  await b.identity("acquire", "vip1", "--fenced");
  const lost = ALL.length - Number((await b.report("vip1"))["pending"]);
  const since = Date.now();
  const run = b.notify("vip1", "--deadline", "10");
  const [ms, told] = await timeOf(peers, since, run);
  const { summary } = await run;
  await Deno.remove(ledger, { recursive: true });
  const left = Number(summary["gave_up"]); // the silent clients stay on record
  return { ms, told, forgotten: ALL.length - told - left, lost };
}

/** sm-notify of nfs-utils, with a prepared directory. */
async function debians(command: string, isDeleted: boolean): Promise<Result> {
  await using host = await newHost();
  const peers = new ManyPeers(host);
  await peers.ready();
  monitor(host, ALL);
  await host.output("cp", "-a", "/var/lib/nfs", "/run/list");
  const since = Date.now();
  const running = host.start("sh", "-c", command);
  const [ms, told] = await timeOf(peers, since, running.ended);
  const left = isDeleted ? 0 : listed(host, "sm.bak").length;
  return { ms, told, forgotten: Math.max(0, ALL.length - told - left), lost: undefined };
}

const CASES: Readonly<Record<string, () => Promise<Result>>> = {
  "identity, node killed": ours,
  "nfs-utils, as nfsnotify": () => debians(`exec /sbin/sm-notify -d -f -v ${VIP}`, false),
  "nfs-utils, as CTDB's helper": () =>
    debians(`exec timeout 10 /sbin/sm-notify -d -f -m 0 -n -P /run/list -v ${VIP}`, true),
};

const rounds = Number(Deno.args[0] ?? 3);
const results = new Map<string, Result[]>();
for (let round = 0; round < rounds; round++) {
  for (const [name, measure] of Object.entries(CASES)) {
    results.set(name, [...results.get(name) ?? [], await measure()]);
  }
}
const own = median(results.get("identity, node killed")!.map(({ ms }) => ms));
console.log(
  "| who | living told after | ratio | living told | forgotten | acknowledged and lost |",
);
console.log("| - | -: | -: | -: | -: | -: |");
for (const [name, all] of results) {
  const ms = median(all.map((one) => one.ms));
  const told = median(all.map((one) => one.told));
  const [forgotten, lost] = [median(all.map((one) => one.forgotten)), all[0]!.lost];
  console.log(
    `| ${name} | ${(ms / 1000).toFixed(2)} s | ${(ms / own).toFixed(1)} | ${told} of 950 | ` +
      `${forgotten} | ${lost ?? "not measured"} |`,
  );
}
Deno.exit();
