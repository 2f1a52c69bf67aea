/**
 * Waits of a lock manager while strangers attack the monitor, compared to an idle monitor; Debian's
 * rpc.statd and ours in turn. Needs root, rpcbind and nfs-common.
 *
 *     deno run -A test/bench/hostile_bench.ts [--rounds=N] [--calls=N] [--only=drip|floods|rpcbind]
 *
 * - drip: SM_MON while strangers hold 1,000 dripping TCP connections and flood the UDP port.
 * - floods: SM_NULL and SM_MON while another host sends 50,000 datagrams a second to the monitor's
 *   unicast address, a broadcast address or a multicast address. A flood to an unused port shows what
 *   it costs the system without a monitor.
 * - rpcbind: GETPORT while a stranger sends as many GETPORT; Debian's rpcbind and ours.
 *
 * Strangers share the processor of the generator; the monitor has its own.
 */

import { TestHost } from "../support/namespace.ts";
import { DEBIAN_STATD, OUR_STATD } from "../support/system_test.ts";
import type { FloodOrder } from "./generate_flood.ts";
import { median } from "./generator_orders.ts";
import type { HostileOrder } from "./generate_hostile.ts";
import { say } from "./report.ts";
import { CABLE, FLOOD_MS, FLOODS_PER_SECOND, rpcbindFloods } from "./rpcbind_bench.ts";
import { ADDRESS, type Candidate, pause, PORT, STATD_ARGUMENTS, StatdHost } from "./statd_host.ts";

const PROGRAM = new URL("generate_hostile.ts", import.meta.url).pathname;
const PROCESSOR = "0";
const CONNECTIONS = 1_000;
/** Datagrams per second on a stranger's line of 10 Mbit/s. */
const FLOOD_PER_SECOND = 10_000;
/** Time for strangers to connect, in ms. */
const GATHER_MS = 3_000;

const CANDIDATES: readonly Candidate[] = [
  { name: "Debian", command: [DEBIAN_STATD, ...STATD_ARGUMENTS] },
  { name: "ours", command: [OUR_STATD, ...STATD_ARGUMENTS] },
];

const FLOOD_PROGRAM = new URL("generate_flood.ts", import.meta.url).pathname;
const NOBODYS_PORT = 9;
const FLOODS: readonly (readonly [name: string, address: string, port: number])[] = [
  ["nobody's port", "10.88.0.1", NOBODYS_PORT],
  ["unicast", "10.88.0.1", PORT],
  ["unicast over IPv6", "fd88::1", PORT],
  ["broadcast", "10.88.0.255", PORT],
  ["multicast", "224.0.0.1", PORT],
  ["multicast over IPv6", "ff02::1%cable", PORT],
];
const PROCEDURES = ["SM_NULL", "SM_MON"] as const;

type Times = { p50: number; p99: number; lost: number };

function command(order: HostileOrder | FloodOrder, program = PROGRAM): string[] {
  const run = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", program];
  return ["taskset", "--cpu-list", PROCESSOR, ...run, JSON.stringify(order)];
}

async function measureOne(candidate: Candidate, calls: number): Promise<[Times, Times]> {
  await using statd = await StatdHost.create(candidate, 0);
  const { host } = statd;
  const take = async () =>
    JSON.parse(await host.output(...command({ do: "measure", port: PORT, calls }))) as Times;
  const idle = await take();
  host.start(...command({ do: "drip", port: PORT, address: ADDRESS, connections: CONNECTIONS }));
  host.start(
    ...command({ do: "flood", port: PORT, address: ADDRESS, perSecond: FLOOD_PER_SECOND }),
  );
  await pause(GATHER_MS);
  return [idle, await take()];
}

/**
 * p99 of each procedure in ms, idle and under each flood, with the number of unanswered calls after
 * a comma.
 */
async function measureFloods(candidate: Candidate, calls: number): Promise<Map<string, Times[]>> {
  await using statd = await StatdHost.create(candidate, 0);
  await using stranger = await TestHost.create();
  const { host } = statd;
  await TestHost.join(
    { host, addresses: CABLE.own },
    { host: stranger, addresses: CABLE.other },
  );
  const take = async () => {
    const times: Times[] = [];
    for (const procedure of PROCEDURES) {
      const order = { do: "measure", port: PORT, calls, procedure } as const;
      times.push(JSON.parse(await host.output(...command(order))) as Times);
    }
    return times;
  };
  const found = new Map([["idle", await take()]]);
  for (const [name, address, port] of FLOODS) {
    const order = { address, port, perSecond: FLOODS_PER_SECOND };
    const flood = stranger.start(...command(order, FLOOD_PROGRAM));
    await flood.line(/^ready$/);
    await pause(FLOOD_MS);
    found.set(name, await take());
    await flood.stop();
    await statd.settle();
  }
  return found;
}

async function floods(rounds: number, calls: number): Promise<void> {
  for (const candidate of CANDIDATES) {
    const runs: Map<string, Times[]>[] = [];
    for (let round = 0; round < rounds; round++) {
      runs.push(await measureFloods(candidate, calls));
    }
    const p99 = (flood: string, i: number) => median(runs.map((run) => run.get(flood)![i]!.p99));
    for (const flood of runs[0]!.keys()) {
      const texts = PROCEDURES.map((procedure, i) => {
        const ms = p99(flood, i);
        const lost = median(runs.map((run) => run.get(flood)![i]!.lost));
        const ratio = (ms / p99("idle", i)).toFixed(2);
        const p50 = median(runs.map((run) => run.get(flood)![i]!.p50)).toFixed(2);
        return `${procedure} p50 ${p50}, p99 ${ms.toFixed(2)} ms (${ratio}x), ${lost} unanswered`;
      });
      say(`${candidate.name}, ${flood}: ${texts.join("; ")}`);
    }
  }
}

function option(name: string, otherwise: number): number {
  const start = `--${name}=`;
  const given = Deno.args.find((it) => it.startsWith(start));
  return given === undefined ? otherwise : Number(given.slice(start.length));
}

async function drip(rounds: number, calls: number): Promise<void> {
  const all = new Map(CANDIDATES.map(({ name }) => [name, [] as [Times, Times][]]));
  for (let round = 0; round < rounds; round++) {
    for (const candidate of CANDIDATES) {
      all.get(candidate.name)!.push(await measureOne(candidate, calls));
    }
  }
  const worse: Record<string, number> = {};
  for (const [name, runs] of all) {
    const of = (pick: (run: [Times, Times]) => number) => median(runs.map(pick));
    const [idle, attacked] = [of(([before]) => before.p99), of(([, after]) => after.p99)];
    worse[name] = attacked / idle;
    say(
      `${name}: SM_MON and SM_UNMON p99 ${idle.toFixed(2)} ms idle, ${attacked.toFixed(2)} ms ` +
        `attacked (${worse[name]!.toFixed(2)}x), p50 ${of(([b]) => b.p50).toFixed(2)} and ` +
        `${of(([, a]) => a.p50).toFixed(2)} ms, ${of(([, a]) => a.lost)} unanswered`,
    );
  }
  say(`Attacked over idle, ours over Debian's: ${(worse["ours"]! / worse["Debian"]!).toFixed(2)}x`);
}

if (import.meta.main) {
  const only = Deno.args.find((it) => it.startsWith("--only="));
  const [rounds, calls] = [option("rounds", 3), option("calls", 1_000)];
  const parts = { drip, floods, rpcbind: rpcbindFloods };
  for (const [name, measure] of Object.entries(parts)) {
    if (only === undefined || only === `--only=${name}`) await measure(rounds, calls);
  }
}
