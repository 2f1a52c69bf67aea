/**
 * Measures Debian's rpc.statd and ours, alternately, in throw-away hosts. Prints a table of medians
 * and ratios. Needs root, rpcbind, and nfs-common for Debian's program.
 *
 *     deno task bench [--quick] [--alone] [--names] [--only=WORD,…] [--sizes=N,…] [--rounds=N] [--ours=PROGRAM]
 *
 * - `--quick`: no long lists, and shorter measurements; takes less than two minutes.
 * - `--alone`: without Debian's program, which takes minutes for a long list.
 * - `--names`: hosts have names, and lockd registers them by name as with `nsm_use_hostnames`.
 *   Otherwise they are addresses without names.
 * - `--only`: the parts to measure: rates, lists, start, idle.
 * - `--sizes`: numbers of monitored hosts.
 * - `--rounds`: number of measurements of each point.
 * - `--ours`: another build of our program than that in dist/.
 *
 * Rates over UDP and TCP are given as calls per second, and as calls per second of the monitor's CPU
 * time, which is independent of other programs.
 */

import { measureIdle } from "./measure_idle.ts";
import { measureLists } from "./measure_lists.ts";
import { measureRates } from "./measure_rates.ts";
import { measureStart } from "./measure_start.ts";
import { DEBIAN_STATD, OUR_STATD } from "../support/system_test.ts";
import { naming } from "./generator_orders.ts";
import { Report, say } from "./report.ts";
import { type Candidate, STATD_ARGUMENTS, StatdHost } from "./statd_host.ts";

/** Extent of the measurements. */
export interface Effort {
  /** Number of measurements of each program. */
  readonly rounds: number;
  /** Duration of one measurement, in ms. */
  readonly ms: number;
  /** Numbers of monitored hosts. */
  readonly sizes: readonly number[];
  readonly stormAt: number;
  readonly stormPeers: number;
  readonly idleMs: number;
}

const FULL: Effort = {
  rounds: 5,
  ms: 2_000,
  sizes: [0, 1, 100, 1_000, 10_000, 50_000],
  stormAt: 10_000,
  stormPeers: 5_000,
  idleMs: 10_000,
};
const QUICK: Effort = {
  rounds: 2,
  ms: 500,
  sizes: [0, 1, 1_000],
  stormAt: 1_000,
  stormPeers: 500,
  idleMs: 2_000,
};

const PARTS = {
  rates: measureRates,
  lists: measureLists,
  start: measureStart,
  idle: measureIdle,
};

/** Value of the argument `--NAME=VALUE`. */
function option(name: string): string | undefined {
  const start = `--${name}=`;
  return Deno.args.find((it) => it.startsWith(start))?.slice(start.length);
}

function load(): string {
  return Deno.loadavg().map((value) => value.toFixed(1)).join(" ");
}

async function measureNameServer(ms: number): Promise<void> {
  await using host = await StatdHost.create(undefined, 0);
  say(`The name server answers in ${(await host.nameServerUs(ms)).toFixed(0)} µs`);
}

if (import.meta.main) {
  naming.haveNames = Deno.args.includes("--names");
  const full = Deno.args.includes("--quick") ? QUICK : FULL;
  const sizes = option("sizes")?.split(",").map(Number) ?? full.sizes;
  const effort = { ...full, sizes, rounds: Number(option("rounds") ?? full.rounds) };
  const only = option("only")?.split(",");
  const ours: Candidate = {
    name: "ours",
    command: [option("ours") ?? OUR_STATD, ...STATD_ARGUMENTS],
  };
  const debian: Candidate = { name: "Debian", command: [DEBIAN_STATD, ...STATD_ARGUMENTS] };
  const candidates = Deno.args.includes("--alone") ? [ours] : [debian, ours];
  const report = new Report();
  say(`${navigator.hardwareConcurrency} processors, Linux ${Deno.osRelease()}, load ${load()}`);
  await measureNameServer(effort.ms);
  for (const [name, measure] of Object.entries(PARTS)) {
    if (only?.includes(name) === false) continue;
    const since = performance.now();
    await measure(candidates, effort, report);
    say(`${name}: ${((performance.now() - since) / 1000).toFixed(0)} s, load ${load()}`);
  }
  report.print();
}
