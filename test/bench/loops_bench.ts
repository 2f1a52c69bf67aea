/**
 * Longest wait of a lock manager for SM_NULL while the monitor does work of a length that others
 * determine. During each piece of work SM_NULL is called over loopback every 5 ms. Prints the wait,
 * and how much of it the monitor ran: on a busy machine the rest is the work of other programs.
 * Needs root.
 *
 *     deno run -A test/bench/loops_bench.ts [--limit=MS] [--only=TEXT]
 *
 * With a limit, the exit status is 1 if a wait was longer.
 */

import { formatRecord } from "../../lib/store/record_format.ts";
import { STATE_DIRECTORY, TestHost } from "../support/namespace.ts";
import { message, notify, unmonAll } from "../support/nsm_calls.ts";
import { OUR_NSMCTL, OUR_STATD } from "../support/system_test.ts";
import { hostAddress } from "./generator_orders.ts";
import type { LoopOrder, OneCall, ProbeFigures } from "./generate_loops.ts";
import { say } from "./report.ts";
import { ADDRESS, onItsProcessor, pause, PORT } from "./statd_host.ts";

const PROGRAM = new URL("generate_loops.ts", import.meta.url).pathname;
const PROCESSOR = "0";
const HOSTS = 50_000;
const NAMES = 10_000;
const REGISTRATIONS = 40_000;
/** Time for work to end, in ms, if no reply shows its end. */
const SETTLE_MS = 3_000;
/** Timeout of a call, in ms. */
const REPLY_MAX_MS = 120_000;
/** Peer that sends notices. */
const PEER = "10.64.0.1";

const REGISTRATION = { myName: "bench", myProg: 100021, myVers: 3, myProc: 16 };

/** Files of a state directory: records by file name in `sm`. */
type Files = Record<string, string>;

interface Point {
  readonly name: string;
  files(): Files;
  /** Call made beside the probe; its work ends soon after the reply. */
  readonly call?: OneCall;
  act?(host: TestHost, pid: number): Promise<void>;
}

function record(monName: string, myName = "bench", i = 0): string {
  const priv = i.toString(16).padStart(8, "0").padEnd(32, "0");
  return formatRecord({ ...REGISTRATION, monName, myName, priv });
}

function manyHosts(): Files {
  const names = Array.from({ length: HOSTS }, (_, i) => hostAddress(i));
  return Object.fromEntries(names.map((name, i) => [name, record(name, "bench", i)]));
}

function callOf(call: Uint8Array, from = "127.0.0.1"): OneCall {
  const address = from === "127.0.0.1" ? from : ADDRESS;
  return { address, from, call: call.toHex(), waitMs: REPLY_MAX_MS };
}

const POINTS: readonly Point[] = [
  { name: "nothing", files: manyHosts },
  {
    name: `SM_UNMON_ALL of ${HOSTS} hosts`,
    files: manyHosts,
    call: callOf(message(unmonAll({ myName: "bench" }))),
  },
  {
    name: `one notice for ${NAMES} names at one address`,
    files() {
      const names = Array.from({ length: NAMES }, (_, i) => `n${i}.bench`);
      const files = Object.fromEntries(names.map((name, i) => [name, record(name, "bench", i)]));
      const facts = names.map((peer) => JSON.stringify({ peer, addresses: [PEER] }));
      return { ...files, ".peers": `${facts.join("\n")}\n` };
    },
    call: callOf(message(notify("somebody", 5)), PEER),
  },
  {
    name: `one notice for ${REGISTRATIONS} registrations of one peer`,
    files() {
      const lines = Array.from({ length: REGISTRATIONS }, (_, i) => record(PEER, `m${i}`, i));
      return { [PEER]: lines.join("") };
    },
    call: callOf(message(notify(PEER, 5)), PEER),
  },
  {
    name: `nsmctl status with ${HOSTS} hosts`,
    files: manyHosts,
    async act(host) {
      // Its exit status is 1, since no rpcbind is there.
      const { stdout, stderr } = await host.run(OUR_NSMCTL, "status");
      if (stdout === "") throw new Error(stderr);
    },
  },
  {
    name: `SIGHUP with ${HOSTS} hosts and long files`,
    files: manyHosts,
    async act(host, pid) {
      const rules = Array.from(
        { length: 20_000 },
        (_, i) => `statd: 192.0.2.${i % 250} host${i}\n`,
      );
      await host.write("/etc/hosts.allow", rules.join(""));
      await host.kill(pid, "HUP");
    },
  },
];

function command(order: LoopOrder): string[] {
  const run = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", PROGRAM];
  return ["taskset", "--cpu-list", PROCESSOR, ...run, JSON.stringify(order)];
}

/** State directory on a disk, as shipped by Debian. */
function makeDirectory(files: Files): string {
  const directory = Deno.makeTempDirSync({ dir: "/var/tmp", prefix: "nsm-bench-" });
  Deno.chmodSync(directory, 0o755);
  const { uid, gid } = Deno.statSync(`${STATE_DIRECTORY}/sm`);
  const own = (path: string) => Deno.chownSync(path, uid, gid);
  for (const name of ["sm", "sm.bak"]) {
    Deno.mkdirSync(`${directory}/${name}`);
    own(`${directory}/${name}`);
  }
  Deno.writeFileSync(`${directory}/state`, new Uint8Array([3, 0, 0, 0]));
  own(`${directory}/state`);
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(`${directory}/sm/${name}`, text);
    own(`${directory}/sm/${name}`);
  }
  return directory;
}

/** Measures the waits during a piece of work. */
async function measure({ files, call, act }: Point): Promise<ProbeFigures> {
  const directory = makeDirectory(files());
  try {
    await using host = await TestHost.create({ addresses: [`${ADDRESS}/32`] });
    await host.output("ip", "route", "add", "local", "10.64.0.0/10", "dev", "lo");
    await host.output("mount", "--bind", directory, STATE_DIRECTORY);
    const statd = host.start(
      ...onItsProcessor([OUR_STATD, "-F", "-d", "--no-notify", "-p", String(PORT)]),
    );
    await statd.line(/: Ready\. /);
    // Wait until the list is loaded and its peers are looked up.
    const first = callOf(message(unmonAll({ myName: "nobody" })));
    await host.output(...command({ do: "call", port: PORT, ...first }));
    await pause(SETTLE_MS);
    const beside = call === undefined ? {} : { beside: call };
    const probe = host.start(
      ...command({ do: "probe", port: PORT, pid: await statd.pid, ...beside }),
    );
    await probe.line(/ready/);
    if (call !== undefined) say(`  ${JSON.parse(await probe.line(/answered/))}`);
    await act?.(host, await statd.pid);
    await pause(SETTLE_MS);
    await probe.closeInput();
    return JSON.parse(await probe.line(/longest/)) as ProbeFigures;
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

function option(name: string): string | undefined {
  const start = `--${name}=`;
  return Deno.args.find((it) => it.startsWith(start))?.slice(start.length);
}

if (import.meta.main) {
  const limit = Number(option("limit") ?? Infinity);
  let isWithin = true;
  for (const point of POINTS.filter(({ name }) => name.includes(option("only") ?? ""))) {
    const { longest: { ms, ran, queued }, p50, calls } = await measure(point);
    isWithin &&= ms <= limit;
    say(
      `Beside ${point.name}: longest wait ${ms.toFixed(1)} ms, in which the monitor ran ` +
        `${ran.toFixed(1)} ms and waited ${queued.toFixed(1)} ms for its processor; ` +
        `p50 ${p50.toFixed(2)} ms, ${calls} calls`,
    );
  }
  if (!isWithin) Deno.exit(1);
}
