/**
 * Effects of a slow, full, hung, lying or absent ledger on a daemon that holds an identity: the table
 * in docs/ledgers.md.
 *
 *     deno run -A test/bench/ledgers_bench.ts [FAULT…]      as root
 */

import { Agent } from "../support/agent_client.ts";
import { ClusterNode } from "../support/cluster_node.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { monitor, peerAddresses } from "../support/many_peers_client.ts";
import { TestHost } from "../support/namespace.ts";
import { type Call, describe, message, mon, notify, nullCall, text } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { STATD } from "../support/statd.ts";

const VIP = "10.99.0.1";
const KNOWN = peerAddresses("127.1", 1_000);
const CALLS = 20;
const REFUSED = "SUCCESS 00000001";

/** Faulty ledger. */
interface Fault {
  readonly kind: "etcd" | "directory";
  readonly name: string;
  readonly begin: (world: World) => Promise<unknown>;
  /** Whether etcd is reached by TLS. */
  readonly isTls?: boolean;
}

/** Two authorities, and a certificate of each for etcd. */
const CERTIFICATES = `
mkdir -m 755 /run/tls && cd /run/tls
for ca in own other; do
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \\
    -subj "/O=$ca" -keyout $ca-ca.key -out $ca-ca.pem
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=etcd \\
    -keyout $ca.key -out $ca.csr
  echo subjectAltName=IP:127.0.0.1 >ext
  openssl x509 -req -in $ca.csr -CA $ca-ca.pem -CAkey $ca-ca.key -CAcreateserial -days 3650 \\
    -extfile ext -out $ca.pem
done
`;
const ETCD = new URL("../support/fake_etcd_program.ts", import.meta.url).pathname;

/** Starts the stand-in of etcd. */
async function startEtcd(host: TestHost, ...pair: string[]): Promise<BackgroundProgram> {
  const etcd = host.start(Deno.execPath(), "run", "-A", "--no-check", ETCD, ...pair);
  await etcd.line(/^ready/);
  return etcd;
}

interface World {
  readonly host: TestHost;
  readonly node: ClusterNode;
  readonly agent: Agent;
  readonly etcd: BackgroundProgram;
}

const conducts = [
  "well",
  "slow 200",
  "slow 1000",
  "slow 1400",
  "slow 5000",
  "hangs",
  "full",
  "empty",
  "html",
  "other cluster",
  "old token",
  "endless",
];
const FAULTS: readonly Fault[] = [
  ...conducts.map((name): Fault => ({
    kind: "etcd",
    name,
    begin: async ({ etcd }) => {
      await etcd.write(name);
      await etcd.line(new RegExp(`conduct ${name}`));
    },
  })),
  { kind: "etcd", name: "absent", begin: ({ etcd }) => etcd.stop("KILL") },
  {
    kind: "etcd",
    name: "wrong authority",
    isTls: true,
    begin: async ({ etcd, host }) => {
      await etcd.stop("KILL");
      await startEtcd(host, "/run/tls/other");
    },
  },
  { kind: "directory", name: "well", begin: () => Promise.resolve() },
  {
    kind: "directory",
    name: "hangs",
    begin: ({ host }) =>
      host.output(
        "sh",
        "-c",
        "cd /srv/nsm/epoch.1 && mv journal away && mkfifo journal && chown --reference=away journal",
      ),
  },
  {
    kind: "directory",
    name: "full",
    begin: ({ host }) => host.output("sh", "-c", "cat /dev/zero >/srv/fill 2>/dev/null; :"),
  },
  {
    kind: "directory",
    name: "read-only",
    begin: ({ host }) => host.output("mount", "-o", "remount,ro", "/srv"),
  },
  {
    kind: "directory",
    name: "garbage",
    begin: ({ host }) =>
      host.output("sh", "-c", "mkdir /srv/nsm/epoch.9 && echo '<html>' >/srv/nsm/epoch.9/owner"),
  },
  { kind: "directory", name: "absent", begin: ({ host }) => host.output("umount", "-l", "/srv") },
];

/** Makes a call; returns the reply, and its duration in ms. */
async function timed(agent: Agent, call: Call, address = "127.0.0.1") {
  const started = performance.now();
  const said = describe((await agent.datagram(message(call), STATD, { address })).message);
  return { said, ms: performance.now() - started };
}

async function several(agent: Agent, calls: readonly Call[]) {
  const answers = [];
  for (const call of calls) answers.push(await timed(agent, call));
  const slowest = Math.max(...answers.map(({ ms }) => ms));
  const refused = answers.filter(({ said }) => said.startsWith(REFUSED)).length;
  const outcome = refused === 0
    ? "granted"
    : refused === calls.length
    ? "refused"
    : `${refused} refused`;
  return `${outcome}, ${slowest.toFixed(0)} ms`;
}

async function residentMb(host: TestHost, pid: number): Promise<number> {
  const status = await host.output("cat", `/proc/${pid}/status`);
  return Number(/VmRSS:\s*(\d+)/.exec(status)?.[1]) / 1024;
}

async function worldOf({ kind, isTls = false }: Fault, host: TestHost): Promise<World> {
  await host.startRpcbind();
  await host.output("sh", "-c", "mount -t tmpfs -o size=1m,mode=755 none /srv && mkdir /srv/nsm");
  if (isTls) await host.output("sh", "-ec", CERTIFICATES);
  const etcd = await startEtcd(host, ...(isTls ? ["/run/tls/own"] : []));
  monitor(host, KNOWN);
  const node = new ClusterNode(host, "a");
  await node.agent.serve();
  await node.start();
  const ledger = kind === "etcd" ? "etcd" : "directory:/srv/nsm";
  await node.identity("add", "vip1", "--names", "vip1", "--addresses", VIP, "--ledger", ledger);
  await node.identity("acquire", "vip1");
  return { host, node, agent: node.agent, etcd };
}

async function measure(fault: Fault): Promise<string> {
  const { kind, name, begin, isTls = false } = fault;
  const section = isTls
    ? "[etcd]\nendpoints = https://127.0.0.1:23791\nca-file = /run/tls/own-ca.pem\n"
    : "[etcd]\nendpoints = http://127.0.0.1:23791\n";
  await using host = await TestHost.create({
    addresses: [`${VIP}/32`],
    etc: { "nfs.conf": section },
  });
  const world = await worldOf(fault, host);
  const { node, agent } = world;
  const pid = await node.pid();
  const before = await residentMb(host, pid);
  await begin(world);
  const first = await timed(agent, mon({ monName: "127.2.0.1" }));
  const others = await several(
    agent,
    // With long names, a full disk has no room for any record.
    Array.from({ length: CALLS }, (_, i) => mon({ monName: `${"x".repeat(200)}${i}` })),
  );
  const known = await several(agent, KNOWN.slice(0, CALLS).map((monName) => mon({ monName })));
  const nulls = await several(agent, Array.from({ length: CALLS }, () => nullCall));
  const peer = KNOWN[CALLS]!;
  const started = performance.now();
  const noticed = await timed(agent, notify(peer, 5), peer);
  await eventually(
    "callback",
    () => Promise.resolve(agent.calls.some((call) => call.message.includes(text(peer)))),
  );
  const callback = performance.now() - started;
  const grown = await residentMb(host, pid) - before;
  const ending = performance.now();
  await node.signal("TERM");
  const end = performance.now() - ending;
  const outcome = first.said.startsWith(REFUSED) ? "refused" : "granted";
  return `| ${kind}, ${name} | ${outcome}, ${first.ms.toFixed(0)} ms | ${others} | ${known} | ` +
    `${nulls.replace("granted, ", "")} | ${noticed.ms.toFixed(0)} / ${callback.toFixed(0)} ms | ` +
    `${(end / 1000).toFixed(1)} s | +${Math.max(0, grown).toFixed(0)} MB |`;
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  print(
    "| ledger | first new host | 20 more | 20 hosts that it has | SM_NULL | notice / callback | end | memory |",
  );
  print("| - | - | - | - | - | - | - | - |");
  for (const fault of FAULTS) {
    const isWanted = Deno.args.length === 0 || Deno.args.includes(fault.name);
    if (isWanted) print(await measure(fault));
  }
  Deno.exit();
}
