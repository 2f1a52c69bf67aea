/**
 * How long a lock manager waits for SM_MON while strangers hold 1,000 dripping TCP connections and
 * flood the UDP port, against an idle monitor; Debian's rpc.statd and ours in turn. Needs root, rpcbind
 * and nfs-common.
 *
 *     deno run -A test/bench/hostile_bench.ts [--rounds=N] [--calls=N]
 *
 * The strangers have the processor of the generator, the monitor has its own.
 */

import { DEBIAN_STATD, OUR_STATD } from "../support/system_test.ts";
import { median } from "./generator_orders.ts";
import type { HostileOrder } from "./generate_hostile.ts";
import { say } from "./report.ts";
import { ADDRESS, type Candidate, pause, PORT, StatdHost } from "./statd_host.ts";

const PROGRAM = new URL("generate_hostile.ts", import.meta.url).pathname;
const PROCESSOR = "0";
const CONNECTIONS = 1_000;
/** Datagrams per second: what a stranger's 10 Mbit/s line carries. */
const FLOOD_PER_SECOND = 10_000;
/** Until the strangers have made their connections, in ms. */
const GATHER_MS = 3_000;

const ARGUMENTS = ["-F", "--no-notify", "-p", String(PORT)];
const CANDIDATES: readonly Candidate[] = [
  { name: "Debian", command: [DEBIAN_STATD, ...ARGUMENTS] },
  { name: "ours", command: [OUR_STATD, ...ARGUMENTS] },
];

type Times = { p50: number; p99: number; lost: number };

function command(order: HostileOrder): string[] {
  const run = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", PROGRAM];
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

function option(name: string, otherwise: number): number {
  const start = `--${name}=`;
  const given = Deno.args.find((it) => it.startsWith(start));
  return given === undefined ? otherwise : Number(given.slice(start.length));
}

if (import.meta.main) {
  const [rounds, calls] = [option("rounds", 3), option("calls", 1_000)];
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
