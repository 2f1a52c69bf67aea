/**
 * Time of sm-notify, ours and Debian's, until every healthy peer is notified. One process in a network
 * namespace answers for all addresses. Both programs run in turn, each on hosts of its own; medians and
 * their ratios are printed.
 *
 * The time begins when the program is started. With few peers it is mostly the start of the runtime.
 * So a bare program, compiled like ours, notifies one peer in each round. The ratio is also printed
 * without that program's time, and from the first query of a peer on.
 *
 *     deno run -A test/bench/notify_bench.ts [ROUNDS [CASE…]]
 *
 * Needs root, dist/sm-notify and Debian's nfs-common.
 */

// deno-lint-ignore-file no-console -- it prints

import { median } from "./generator_orders.ts";
import { TestHost } from "../support/namespace.ts";
import { BareProgram } from "./bare.ts";
import { listed, ManyPeers, monitor, peerAddresses } from "../support/many_peers_client.ts";

const OURS = Deno.env.get("SM_NOTIFY") ?? new URL("../../dist/sm-notify", import.meta.url).pathname;
const DEBIAN = "/sbin/sm-notify";
/**
 * Polling interval, in ms. The peers note the time of the last notice themselves, so frequent
 * polling would only take CPU time.
 */
const POLL_MS = 50;

/** List of peers to be notified. */
interface Case {
  readonly name: string;
  readonly healthy: number;
  readonly silent?: number;
  readonly refusing?: number;
  /** Number of names without an answer of a name server. */
  readonly dark?: number;
  /** Whether the healthy peers have names known to a name server. */
  readonly haveNames?: boolean;
  /** Time limit, in ms. */
  readonly limitMs: number;
  /** Whether the start of the runtime is measured too. */
  readonly isShort?: boolean;
}

const CASES: readonly Case[] = [
  { name: "100", healthy: 100, limitMs: 30_000, isShort: true },
  { name: "1000", healthy: 1000, limitMs: 60_000 },
  { name: "1000-names", healthy: 1000, haveNames: true, limitMs: 120_000 },
  { name: "10000", healthy: 10_000, limitMs: 60_000 },
  { name: "10000-mixed", healthy: 7000, silent: 1000, refusing: 1000, dark: 1000, limitMs: 60_000 },
  { name: "100-dark", healthy: 90, dark: 10, limitMs: 30_000 },
];

/** Result of one run. */
interface Result {
  readonly ms: number;
  /** Time from the first query of a peer to the last notice, in ms. */
  readonly tellingMs: number;
  readonly told: number;
  /** Packets to healthy peers, per peer and form of the name. */
  readonly packets: number;
  /** Number of healthy peers that received a first query. */
  readonly asked: number;
  readonly peakBytes: number;
}

async function measure(program: string, one: Case): Promise<Result> {
  await using host = await TestHost.create({
    etc: { "resolv.conf": "nameserver 127.0.0.53\n", "nsswitch.conf": "hosts: files dns\n" },
  });
  const peers = new ManyPeers(host);
  await peers.ready();
  const healthy = one.haveNames
    ? Array.from({ length: one.healthy }, (_, i) => `127.4.${i >> 8}.${i & 255}`)
    : peerAddresses("127.1", one.healthy);
  monitor(host, [
    ...one.haveNames ? healthy.map((_, i) => `h${i}.named.example`) : healthy,
    ...peerAddresses("127.2", one.silent ?? 0),
    ...peerAddresses("127.3", one.refusing ?? 0),
    ...Array.from({ length: one.dark ?? 0 }, (_, i) => `dark${i}.example`),
  ]);
  const startedAt = Date.now();
  const running = host.start("sh", "-c", 'exec "$0" -d -f 2>/dev/null', program);
  let told = 0, at = startedAt, since = startedAt, peakBytes = 0;
  while (told < one.healthy && Date.now() < startedAt + one.limitMs) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    ({ told, at, since } = await peers.count());
    peakBytes = Math.max(peakBytes, peakOf(host, await running.pid));
    if (running.hasEnded && listed(host, "sm.bak").length === 0) break;
  }
  const report = await peers.report();
  const received = healthy.map((address) => report.get(address)).filter((it) => it !== undefined);
  const packets = received.reduce((sum, it) => sum + it.queries + it.notices.length, 0);
  return {
    ms: told < one.healthy ? Infinity : Math.round(at - startedAt),
    tellingMs: told < one.healthy ? Infinity : at - since,
    told,
    packets: packets / one.healthy / 2,
    asked: received.filter(({ queries }) => queries > 0).length,
    peakBytes,
  };
}

/** Time from the start of the bare program to the notice, in ms. */
async function measureBare(bare: BareProgram): Promise<number> {
  await using host = await TestHost.create();
  const peers = new ManyPeers(host);
  await peers.ready();
  const startedAt = Date.now();
  await host.output("sh", "-c", 'exec "$0"', bare.path);
  return Math.round((await peers.count()).at - startedAt);
}

/** Peak resident memory of a process, in bytes; 0 if it has ended. */
function peakOf(host: TestHost, pid: number): number {
  try {
    const status = Deno.readTextFileSync(host.path(`/proc/${pid}/status`));
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const [rounds = "3", ...names] = Deno.args;
const chosen = CASES.filter(({ name }) => names.length === 0 || names.includes(name));
using bare = chosen.some(({ isShort }) => isShort)
  ? new BareProgram("bare_notifier.ts")
  : undefined;
const medians = new Map<string, number>();
const peaks = new Map<string, number>();
for (const one of chosen) {
  const results = { ours: [] as Result[], debian: [] as Result[] };
  const bareMs: number[] = [];
  for (let round = 0; round < Number(rounds); round++) {
    results.debian.push(await measure(DEBIAN, one));
    results.ours.push(await measure(OURS, one));
    if (one.isShort && bare !== undefined) bareMs.push(await measureBare(bare));
  }
  if (bareMs.length > 0) {
    medians.set(`bare ${one.name}`, median(bareMs));
    console.log(`${one.name} bare: ${bareMs.map((ms) => `${ms} ms`).join(", ")}`);
  }
  for (const [who, list] of Object.entries(results)) {
    medians.set(`${who} ${one.name}`, median(list.map(({ ms }) => ms)));
    medians.set(`${who} telling ${one.name}`, median(list.map(({ tellingMs }) => tellingMs)));
    peaks.set(`${who} ${one.name}`, median(list.map(({ peakBytes }) => peakBytes)));
    console.log(
      `${one.name} ${who}: ${list.map(({ ms, told }) => `${ms} ms (${told})`).join(", ")};`,
      `${
        list.map(({ tellingMs }) => `${tellingMs.toFixed(1)} ms`).join(", ")
      } from the first packet on;`,
      `packets per healthy peer and form ${median(list.map(({ packets }) => packets)).toFixed(3)},`,
      `healthy peers asked ${median(list.map(({ asked }) => asked))},`,
      `peak ${(peaks.get(`${who} ${one.name}`)! / 2 ** 20).toFixed(1)} MiB`,
    );
  }
}

/** Prints a ratio of two medians, if both were measured. */
function ratio(what: string, over: string, under: string): void {
  const [a, b] = [medians.get(over), medians.get(under)];
  if (a !== undefined && b !== undefined) console.log(`${what}: ${(a / b).toFixed(3)}`);
}
for (const { name, isShort } of chosen) {
  ratio(`ours / Debian's, ${name}`, `ours ${name}`, `debian ${name}`);
  if (!isShort) continue;
  medians.set(`started ${name}`, medians.get(`ours ${name}`)! - medians.get(`bare ${name}`)!);
  const what = `ours / Debian's, ${name}, once the runtime has started`;
  ratio(what, `started ${name}`, `debian ${name}`);
  const telling = `ours / Debian's, ${name}, from the first packet on`;
  ratio(telling, `ours telling ${name}`, `debian telling ${name}`);
}
ratio("ours, 10000 / 1000 (at most 12)", "ours 10000", "ours 1000");
ratio("ours, 10000 mixed / all healthy (at most 1.5)", "ours 10000-mixed", "ours 10000");

const [small, large] = [peaks.get("ours 1000"), peaks.get("ours 10000")];
if (small !== undefined && large !== undefined) {
  console.log(
    `ours, memory from 1000 to 10000 peers: ${((large - small) / 9000).toFixed(0)} bytes per peer,`,
    `peak ${(large / small).toFixed(2)} times as high`,
  );
}
