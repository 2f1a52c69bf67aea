/**
 * GETPORT of Debian's rpcbind and ours, alternately, in throw-away hosts: rates, and the latency for a
 * local program while a stranger floods. Needs root and rpcbind.
 *
 *     deno run -A test/bench/rpcbind_bench.ts [--rounds=N] [--ms=N] [--calls=N]
 *
 * Rates are given as calls per second, and as calls per second of the program's CPU time, which is
 * independent of other programs. The flood comes from another host over a cable.
 */

import { TestHost } from "../support/namespace.ts";
import { DEBIAN_RPCBIND, OUR_RPCBIND } from "../support/system_test.ts";
import type { FloodOrder } from "./generate_flood.ts";
import type { HostileOrder } from "./generate_hostile.ts";
import { type Figures, median, type Order } from "./generator_orders.ts";
import { Report, say } from "./report.ts";
import { GENERATOR_PROCESSOR, pause } from "./statd_host.ts";

const PORT = 111;
const PROCESSOR = "1";
const CANDIDATES = [
  { name: "Debian", program: DEBIAN_RPCBIND },
  { name: "ours", program: OUR_RPCBIND },
] as const;
const WAYS = [["udp", 1], ["udp", 32], ["tcp", 1], ["tcp", 32]] as const;

export const FLOODS_PER_SECOND = 50_000;
/** Time until a flood has filled its queues, in ms. */
export const FLOOD_MS = 1_000;
export const CABLE = { own: ["10.88.0.1/24", "fd88::1/64"], other: ["10.88.0.2/24", "fd88::2/64"] };
const FLOODED: readonly (readonly [name: string, address: string, port: number])[] = [
  ["nobody's port", "10.88.0.1", 9],
  ["unicast", "10.88.0.1", PORT],
  ["unicast over IPv6", "fd88::1", PORT],
];

type Times = { p50: number; p99: number; lost: number };

/** Host with an rpcbind on a processor of its own, and a cable to a stranger. */
class RpcbindHost implements AsyncDisposable {
  private constructor(
    readonly host: TestHost,
    readonly stranger: TestHost,
    readonly pid: number,
  ) {}

  static async open(program: string): Promise<RpcbindHost> {
    const [host, stranger] = [await TestHost.create(), await TestHost.create()];
    await TestHost.join({ host, addresses: CABLE.own }, { host: stranger, addresses: CABLE.other });
    const rpcbind = await host.startRpcbind(program, "-w");
    const pid = await rpcbind.pid;
    await host.output("taskset", "--all-tasks", "--cpu-list", "--pid", PROCESSOR, String(pid));
    return new RpcbindHost(host, stranger, pid);
  }

  /** CPU time used, in ms. */
  get processorMs(): number {
    const text = Deno.readTextFileSync(this.host.path(`/proc/${this.pid}/schedstat`));
    return Number(text.split(" ")[0]) / 1e6;
  }

  async rate(transport: "udp" | "tcp", outstanding: number, ms: number): Promise<Figures> {
    const procedure = "PMAPPROC_GETPORT";
    const order: Order = { do: "calls", transport, port: PORT, procedure, outstanding, ms };
    return JSON.parse(await this.host.output(...generator("generator.ts", order))) as Figures;
  }

  async times(calls: number): Promise<Times> {
    const order = { do: "measure", port: PORT, calls, procedure: "PMAPPROC_GETPORT" } as const;
    return JSON.parse(await this.host.output(...generator("generate_hostile.ts", order))) as Times;
  }

  /** Latencies for a program of the host, idle and under each flood. */
  async timesUnderFloods(calls: number): Promise<Map<string, Times>> {
    const found = new Map([["idle", await this.times(calls)]]);
    for (const [name, address, port] of FLOODED) {
      const order = { address, port, perSecond: FLOODS_PER_SECOND, procedure: "PMAPPROC_GETPORT" };
      const flood = this.stranger.start(...generator("generate_flood.ts", order as FloodOrder));
      await flood.line(/^ready$/);
      await pause(FLOOD_MS);
      found.set(name, await this.times(calls));
      await flood.stop();
      await pause(FLOOD_MS);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    await this.stranger[Symbol.asyncDispose]();
  }
}

function generator(file: string, order: Order | HostileOrder | FloodOrder): string[] {
  const path = new URL(file, import.meta.url).pathname;
  const run = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", path, JSON.stringify(order)];
  return ["taskset", "--cpu-list", GENERATOR_PROCESSOR, ...run];
}

async function rates(rounds: number, ms: number): Promise<void> {
  const report = new Report();
  for (let round = 0; round < rounds; round++) {
    for (const { name, program } of CANDIDATES) {
      await using rpcbind = await RpcbindHost.open(program);
      for (const [transport, outstanding] of WAYS) {
        const point = `GETPORT ${transport}, ${outstanding} outstanding`;
        await rpcbind.rate(transport, outstanding, ms); // the JIT compiler has finished by then
        const before = rpcbind.processorMs;
        const { rate, calls } = await rpcbind.rate(transport, outstanding, ms);
        const used = rpcbind.processorMs - before;
        report.note({ point, unit: "/s", isRate: true, goal: "1x" }, name, rate!);
        const row = { point: `${point}, processor`, unit: "/s", isRate: true, goal: "" };
        report.note(row, name, calls! / used * 1_000);
      }
    }
  }
  report.print();
}

/** Prints the latency of GETPORT for a program of the host, idle and under floods of strangers. */
export async function rpcbindFloods(rounds: number, calls: number): Promise<void> {
  for (const { name, program } of CANDIDATES) {
    const runs: Map<string, Times>[] = [];
    for (let round = 0; round < rounds; round++) {
      await using rpcbind = await RpcbindHost.open(program);
      runs.push(await rpcbind.timesUnderFloods(calls));
    }
    const of = (flood: string, pick: (times: Times) => number) =>
      median(runs.map((run) => pick(run.get(flood)!)));
    for (const flood of runs[0]!.keys()) {
      const p99 = of(flood, (times) => times.p99);
      const ratio = (p99 / of("idle", (times) => times.p99)).toFixed(2);
      const p50 = of(flood, (times) => times.p50).toFixed(2);
      const lost = of(flood, (times) => times.lost);
      say(
        `${name === "ours" ? "Our" : "Debian's"} rpcbind, ${flood}: GETPORT p50 ${p50}, p99 ${
          p99.toFixed(2)
        } ms ` +
          `(${ratio}x), ${lost} unanswered`,
      );
    }
  }
}

function option(name: string, otherwise: number): number {
  const start = `--${name}=`;
  const given = Deno.args.find((it) => it.startsWith(start));
  return given === undefined ? otherwise : Number(given.slice(start.length));
}

if (import.meta.main) {
  const rounds = option("rounds", 3);
  await rates(rounds, option("ms", 2_000));
  await rpcbindFloods(rounds, option("calls", 2_000));
}
