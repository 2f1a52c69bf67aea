/**
 * Duration of `nsmctl list` and `nsmctl status` with many monitored peers, compared to `ls` and `cat`
 * of the state directory, and their effect on SM_MON. Needs root and rpcbind.
 *
 *     deno run -A test/bench/nsmctl_bench.ts [PEERS]
 */

import { median } from "./generator_orders.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import type { NewHost } from "../support/system_test.ts";
import { TestHost } from "../support/namespace.ts";
import { NsmctlHost, OUR_NSMCTL, recordLine, STATD_PORT } from "../support/nsmctl_host.ts";

const ROUNDS = 7;
const LATENCY_MS = 2_000;
const LATENCY_ROUNDS = 3;
const LATENCY = new URL("mon_latency.ts", import.meta.url).pathname;

interface Latency {
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
}

if (import.meta.main) await measure(Number(Deno.args[0] ?? 50_000));

async function measure(peers: number): Promise<void> {
  await using hosts = new AsyncDisposableStack();
  const newHost: NewHost = async (options) => hosts.use(await TestHost.create(options));
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources);
  for (let i = 0; i < peers; i++) {
    const name = `10.${100 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
    Deno.writeTextFileSync(host.host.path(`/var/lib/nfs/sm/${name}`), recordLine(name, "me"));
  }
  await host.host.output("chown", "-R", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm");
  await host.startStatd();

  const lsAndCat = "cd /var/lib/nfs/sm && ls >/dev/null && cat * >/dev/null";
  const commands: Readonly<Record<string, string>> = {
    "ls and cat": lsAndCat,
    "nsmctl list": `${OUR_NSMCTL} list >/dev/null`,
    "nsmctl list --json": `${OUR_NSMCTL} list --json >/dev/null`,
    "nsmctl status": `${OUR_NSMCTL} status >/dev/null`,
  };
  const times = new Map(Object.keys(commands).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, command] of Object.entries(commands)) {
      const began = performance.now();
      await host.host.output("sh", "-c", command);
      times.get(name)!.push(performance.now() - began);
    }
  }
  const base = median(times.get("ls and cat")!);
  say(`${peers} peers, medians of ${ROUNDS}`);
  for (const [name, measured] of times) {
    const ms = median(measured);
    say(
      `${name.padEnd(20)} ${ms.toFixed(0).padStart(6)} ms  ${(ms / base).toFixed(2)} of ls and cat`,
    );
  }

  const beside: Readonly<Record<string, string>> = {
    "nothing": ":",
    "a busy program": "while :; do :; done",
    "ls and cat": `while :; do ${lsAndCat}; done`,
    "nsmctl list": `while :; do ${OUR_NSMCTL} list >/dev/null; done`,
    "nsmctl status": `while :; do ${OUR_NSMCTL} status >/dev/null; done`,
  };
  const latencies = new Map(Object.keys(beside).map((name) => [name, [] as Latency[]]));
  for (let round = 0; round < LATENCY_ROUNDS; round++) {
    for (const [name, command] of Object.entries(beside)) {
      const loop = host.host.start("sh", "-c", command);
      latencies.get(name)!.push(await latency(host));
      await loop.stop("KILL");
    }
  }
  const p99Of = (name: string) => median(latencies.get(name)!.map(({ p99 }) => p99));
  for (const [name, measured] of latencies) {
    const p50 = median(measured.map((one) => one.p50));
    const p99 = p99Of(name);
    const [ofNothing, ofBusy] = ["nothing", "a busy program"].map((it) => p99 / p99Of(it));
    say(
      `SM_MON beside ${name.padEnd(15)} p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms, ` +
        `${ofNothing!.toFixed(2)} of p99 beside nothing, ${
          ofBusy!.toFixed(2)
        } beside a busy program`,
    );
  }
}

async function latency({ host }: NsmctlHost): Promise<Latency> {
  const args = [String(STATD_PORT), String(LATENCY_MS)];
  return JSON.parse(await host.output(...DENO_RUN, LATENCY, ...args));
}

function say(line: string): void {
  // deno-lint-ignore no-console -- the report is what this is for
  console.log(line);
}
