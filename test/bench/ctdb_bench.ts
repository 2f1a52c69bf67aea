/**
 * Crash of a CTDB node with 1,000 clients, of which 50 are silent: time until the other node has
 * notified the last living client, and number of clients without a record there. The last clients are
 * acknowledged right before the crash. Two ways are compared:
 *
 * - ours, by the event script of `nsmctl ctdb-script` and a directory shared by the nodes;
 * - Debian's rpc.statd, with the callout of Debian's CTDB.
 *
 *     deno run -A test/bench/ctdb_bench.ts [ROUNDS [CLIENTS]]      as root, after ./install.sh test
 */

// deno-lint-ignore-file no-console -- it prints

import { pause } from "./statd_host.ts";
import { median } from "./generator_orders.ts";
import { Agent } from "../support/agent_client.ts";
import { type CtdbNode, ctdbPair } from "../support/ctdb_node.ts";
import { literalBlocks } from "../support/manual_commands.ts";
import { ManyPeers, peerAddresses } from "../support/many_peers_client.ts";
import { TestHost } from "../support/namespace.ts";
import { describe, message, mon } from "../support/nsm_calls.ts";
import { STATD, STATD_PORT } from "../support/statd.ts";
import { DEBIAN_STATD } from "../support/system_test.ts";

const [ROUNDS = 1, CLIENTS = 1_000] = Deno.args.map(Number);
const SILENT = peerAddresses("127.2", CLIENTS / 20);
/**
 * Living clients, with addresses below and above those of the silent clients: CTDB notifies in the
 * order of addresses.
 */
const LIVING = ["127.1", "127.5"].flatMap((net) =>
  peerAddresses(net, (CLIENTS - SILENT.length) / 2)
);
/** Number of living clients acknowledged right before the end of the node. */
const LATE = 50;
const MOVING = "10.0.0.50";
const STAYING = "10.0.0.51";
/** Time limit for the living clients, in ms. */
const LIMIT_MS = 120_000;
const POLL_MS = 100;
/** Calls for one client. */
const ATTEMPTS = 20;

interface Result {
  /** Time until the other node has the address, in ms since the end of the node. */
  readonly moved: number;
  /**
   * Time until the last living client is notified, or the limit, in ms since the end of the node.
   */
  readonly told: number;
  readonly living: number;
  /** Number of acknowledged clients without a record on the other node. */
  readonly lost: number;
  /** Time of an SM_MON, in ms. */
  readonly mon: number;
}

/** Registers clients; returns the mean time of a call in ms. */
async function register(agent: Agent, port: number, clients: readonly string[]): Promise<number> {
  const started = performance.now();
  for (const monName of clients) {
    let answer = "";
    // SM_MON is refused while CTDB settles and the identity is acquired again.
    for (let i = 0; i < ATTEMPTS && !answer.startsWith("SUCCESS 00000000"); i++) {
      if (i > 0) await pause(1_000);
      const reply = await agent.datagram(message(mon({ monName })), { ...STATD, port });
      answer = describe(reply.message);
    }
    if (!answer.startsWith("SUCCESS 00000000")) throw new Error(`${monName}: ${answer}`);
  }
  return (performance.now() - started) / clients.length;
}

/**
 * Kills node a, and follows the notices of node b; `recordedAt` counts the clients with a record on
 * b.
 */
async function measure(
  [a, b]: readonly [CtdbNode, CtdbNode],
  port: number,
  recordedAt: (b: CtdbNode) => Promise<number>,
): Promise<Result> {
  const [ofA] = await a.addresses();
  if (!ofA.includes(MOVING)) await a.move(MOVING, 0);
  if (ofA.includes(STAYING)) await a.move(STAYING, 1);
  const peers = new ManyPeers(b.host);
  await peers.ready();
  const agent = new Agent(a.host);
  const early = LIVING.slice(0, -LATE);
  const perCall = await register(agent, port, [...early, ...SILENT]);
  await pause(10_000); // CTDB's callout puts clients on record at each monitor event
  await peers.forget();
  await register(agent, port, LIVING.slice(-LATE));
  const since = Date.now();
  await a.kill();
  await b.shows(MOVING, 1);
  const moved = Date.now() - since;
  let recorded = 0;
  let last = await peers.count();
  while (last.told < LIVING.length && Date.now() - since < LIMIT_MS) {
    await pause(POLL_MS);
    recorded = Math.max(recorded, await recordedAt(b)); // of an event that is under way
    last = await peers.count();
  }
  const told = last.told < LIVING.length ? LIMIT_MS : last.at - since;
  const lost = LIVING.length + SILENT.length - recorded;
  return { moved, told, living: last.told, lost, mon: perCall };
}

async function ours(hosts: AsyncDisposableStack, shared: string): Promise<Result> {
  const [makeFolder, options, setUp] = await literalBlocks("nsm-cluster.7", "CTDB");
  const fitted = (text: string) => text.replaceAll(/^# /gm, "").replaceAll("/cluster", shared);
  await new Deno.Command("sh", { args: ["-ec", fitted(makeFolder!)] }).output();
  const nodes = await ctdbPair(async (given) => hosts.use(await TestHost.create(given)), {
    publicAddresses: [MOVING, STAYING].map((address) => `${address}/24`),
    scriptOptions: fitted(options!).trim().split("\n"),
    shared,
    setUp: fitted(setUp!),
  });
  return await measure(
    nodes,
    STATD_PORT,
    async (b) => Number((await b.report(`ip-${MOVING}`))["pending"]),
  );
}

async function debians(hosts: AsyncDisposableStack, shared: string): Promise<Result> {
  await Deno.copyFile(DEBIAN_STATD, `${shared}/debian`); // its place has ours in the hosts
  const port = STATD_PORT + 1;
  const nodes = await ctdbPair(async (given) => hosts.use(await TestHost.create(given)), {
    publicAddresses: [MOVING, STAYING].map((address) => `${address}/24`),
    scriptOptions: [],
    shared,
    // The callout needs root, as CTDB's tools do.
    setUp: "chmod +x /etc/ctdb/statd-callout; chown -R root:root /var/lib/nfs; cd /var/lib/nfs; " +
      "chmod 700 sm sm.bak; cp -a /var/lib/nfs /run/debian; chmod 755 /run/debian",
    nfsConf: "[statd]\nname = cluster\n",
  });
  const callout = ["-n", "cluster", "-H", "/etc/ctdb/statd-callout"];
  for (const { host } of nodes) {
    const args = ["-F", "-p", String(port), "--no-notify", "-P", "/run/debian", ...callout];
    await host.startRpcbind();
    host.start(`${shared}/debian`, ...args);
    const listens = `until : </dev/tcp/127.0.0.1/${port}; do sleep 0.2; done`;
    await host.output("timeout", "60", "bash", "-c", listens);
  }
  // The portmapper's port belongs to the peers.
  await nodes[1].host.output("pkill", "rpcbind");
  return await measure(nodes, port, async (b) => {
    const count = `ctdb catdb ctdb.tdb | grep -c 'statd-state@${MOVING}@'`;
    const { stdout } = await b.host.run("sh", "-c", count);
    return Number(stdout);
  });
}

const CASES = { "our event script": ours, "CTDB's callout, Debian's statd": debians } as const;
const results = new Map<string, Result[]>();
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(CASES)) {
    await using hosts = new AsyncDisposableStack();
    const shared = await Deno.makeTempDir({ prefix: "nsm-ctdb." });
    await Deno.chmod(shared, 0o755);
    hosts.defer(() => Deno.remove(shared, { recursive: true }));
    const result = await run(hosts, shared);
    console.log(name, JSON.stringify(result));
    results.set(name, [...results.get(name) ?? [], result]);
  }
}
const own = median(results.get("our event script")!.map(({ told }) => told));
console.log("| who | an SM_MON | address moved | last told | ratio | living told | lost |");
for (const [name, all] of results) {
  const of = (key: keyof Result) => median(all.map((one) => one[key]));
  console.log(
    `| ${name} | ${of("mon").toFixed(0)} ms | ${(of("moved") / 1000).toFixed(1)} s | ` +
      `${(of("told") / 1000).toFixed(1)} s | ${(of("told") / own).toFixed(1)} | ` +
      `${of("living")} of ${LIVING.length} | ${of("lost")} of ${LIVING.length + SILENT.length} |`,
  );
}
Deno.exit();
