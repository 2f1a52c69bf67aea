/**
 * Acceptance test 14 of identities: a node that monitors 50,000 hosts acquires three identities,
 * one after the other; then another node, which monitors no host, takes all three.
 *
 *     deno run -A test/bench/identities_bench.ts [HOSTS [KIND]]      as root; ETCD=/usr/bin/etcd for etcd, too
 *
 * Prints the time of an acquire, memory before and after, and the slowest SM_NULL meanwhile.
 */

import { pause } from "./statd_host.ts";
import { ClusterNode } from "../support/cluster_node.ts";
import { EtcdCluster } from "../support/etcd_cluster.ts";
import { TestHost } from "../support/namespace.ts";
import { monitor, peerAddresses } from "../support/many_peers_client.ts";
import { nullCall } from "../support/nsm_calls.ts";
import { ask } from "../support/statd.ts";

const IDS = ["vip1", "vip2", "vip3"];
const VIPS = ["10.99.0.1", "10.99.0.2", "10.99.0.3"];
const DEADLINE_S = 120;
/** Interval in which a program counts as idle, in ms. */
const REST_MS = 3_000;
/** CPU time of an idle program in that interval, in hundredths of a second. */
const REST_TICKS = 3;

/** Resident memory of a process in MB. */
async function residentMb(host: TestHost, pid: number): Promise<number> {
  const status = await host.output("cat", `/proc/${pid}/status`);
  return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
}

/** Calls SM_NULL repeatedly until `until` settles; returns the slowest answer in ms. */
async function slowestNull(node: ClusterNode, until: Promise<unknown>): Promise<number> {
  let isDone = false;
  void until.finally(() => isDone = true);
  let slowest = 0;
  while (!isDone) {
    const started = performance.now();
    await ask(node.agent, nullCall);
    slowest = Math.max(slowest, performance.now() - started);
  }
  return slowest;
}

/** Waits until a program is idle: at its start it looks up all peers. */
async function atRest(host: TestHost, pid: number): Promise<void> {
  const ticks = async () => {
    const fields = (await host.output("cat", `/proc/${pid}/stat`)).split(") ")[1]!.split(" ");
    return Number(fields[11]) + Number(fields[12]);
  };
  for (let before = -1, now = await ticks(); now - before > REST_TICKS; now = await ticks()) {
    before = now;
    await pause(REST_MS);
  }
}

async function measure(node: ClusterNode, what: string): Promise<void> {
  const pid = await node.pid();
  await atRest(node.host, pid);
  const idle = await slowestNull(node, pause(REST_MS));
  const before = await residentMb(node.host, pid);
  const times: number[] = [];
  const slowest: number[] = [];
  for (const id of IDS) {
    const started = performance.now();
    const acquiring = node.identity("acquire", id, "--fenced", "--deadline", String(DEADLINE_S));
    const slow = slowestNull(node, acquiring);
    await acquiring;
    times.push(performance.now() - started);
    slowest.push(await slow);
  }
  const peak = await residentMb(node.host, pid);
  await atRest(node.host, pid);
  const after = await residentMb(node.host, pid);
  const { recorded, pending } = await node.report(IDS[0]!);
  print(
    `${what}: acquire ${times.map((ms) => (ms / 1000).toFixed(1)).join(" ")} s, slowest SM_NULL ` +
      `${slowest.map((ms) => ms.toFixed(0)).join(" ")} ms (at rest ${idle.toFixed(0)}), memory ` +
      `${before.toFixed(0)} MB, +${(peak - before).toFixed(0)} MB at the end, ` +
      `+${(after - before).toFixed(0)} MB later; ${recorded} recorded, ${pending} pending`,
  );
}

async function run(kind: "directory" | "etcd", hosts: number): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const conf = IDS.map((id, i) => {
    if (kind === "directory") Deno.mkdirSync(`${folder}/${id}`);
    const ledger = kind === "etcd" ? kind : `directory:${folder}/${id}`;
    return `[identity "${id}"]\nnames = ${id}.example.net\naddresses = ${
      VIPS[i]
    }\nledger = ${ledger}\n`;
  }).join("") + "[etcd]\nendpoints = http://127.0.0.1:23791\n";
  await using host = await TestHost.create({
    addresses: VIPS.map((vip) => `${vip}/32`),
    etc: { "nfs.conf": conf },
  });
  await host.startRpcbind();
  if (kind === "etcd") await new EtcdCluster(host, `${folder}/etcd`, "127.0.0.1", 1).start();
  monitor(host, peerAddresses("127.1", hosts));
  const a = new ClusterNode(host, "a");
  await a.start();
  await measure(a, `${kind}, ${hosts} monitored`);
  await a.signal("KILL");
  await host.output("sh", "-c", "rm -rf /var/lib/nfs/sm/* /var/lib/nfs/sm/.[a-z]*");
  const b = new ClusterNode(host, "b");
  await b.start();
  await measure(b, `${kind}, ${hosts} pending`);
  await b.signal("KILL");
  await Deno.remove(folder, { recursive: true });
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  const hosts = Number(Deno.args[0] ?? 50_000);
  for (const kind of ["directory", "etcd"] as const) {
    const isWanted = Deno.args.length < 2 || Deno.args.includes(kind);
    if (isWanted && (kind !== "etcd" || Deno.env.has("ETCD"))) await run(kind, hosts);
  }
}
