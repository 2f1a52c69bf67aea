/**
 * Compiled daemon under 20,000 datagrams and streams of a stranger, most of them mutated calls.
 * TEST_SEED in the environment repeats a run.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assert, assertEquals } from "@std/assert";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { mon } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { changes, takeSnapshot } from "../support/state_snapshot.ts";
import { ask, startAll } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const INPUTS = 20_000;
/** Inputs before the first look at memory: by then every code path has run. */
const WARM_UP = 4_000;
/** Tolerated growth of resident memory, in KiB. */
const GROWTH_MAX_KIB = 48 * 1024;
/** Maximum number of log lines caused by strangers: each kind is limited. */
const LINES_MAX = 1_000;
/** Maximum size of the peer memory of two peers, in bytes. */
const PEERS_MAX_BYTES = 1_000_000;

const ATTACKER = new URL("../support/attacker.ts", import.meta.url).pathname;

const { seed } = seededRandom();

/** Attacks with this many inputs. */
async function attack(host: TestHost, own: number, inputs: number): Promise<void> {
  const said = await host.output(...DENO_RUN, ATTACKER, String(own), String(inputs));
  assertEquals(said, `sent ${inputs}\n`, `seed ${seed}`);
}

/** Open descriptors, and resident memory in KiB. */
async function useOf(host: TestHost, statd: BackgroundProgram) {
  const directory = host.path(`/proc/${await statd.pid}`);
  const status = Deno.readTextFileSync(`${directory}/status`);
  const resident = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
  return { descriptors: [...Deno.readDirSync(`${directory}/fd`)].length, resident };
}

systemTest(`fuzz: statd withstands strangers (TEST_SEED=${seed})`, [OUR_STATD], async (newHost) => {
  const host = await newHost({ addresses: ["10.99.0.1/32", "10.99.0.2/32"] });
  const { statd, agent } = await startAll(host);
  const pid = await statd.pid;
  for (const monName of ["nodeb", "10.99.0.2"]) await ask(agent, mon({ monName }));
  const before = takeSnapshot(host);
  const { descriptors } = await useOf(host, statd);

  await attack(host, seed, WARM_UP);
  const { resident } = await useOf(host, statd);
  await attack(host, seed + 1, INPUTS - WARM_UP);

  assertEquals([statd.hasEnded, await host.isAlive(pid)], [false, true]);
  assertEquals(changes(before, takeSnapshot(host)), "");
  const peers = Deno.lstatSync(host.path(`${STATE_DIRECTORY}/sm/.peers`));
  assert(peers.size < PEERS_MAX_BYTES, `the peer memory has ${peers.size} bytes`);
  const growth = (await useOf(host, statd)).resident - resident;
  assert(growth < GROWTH_MAX_KIB, `${growth} KiB more are in use`);
  await eventually("all connections are closed", async () => {
    return (await useOf(host, statd)).descriptors <= descriptors;
  });
  const wrong = statd.lines.filter((line) => /Cannot answer|\berror\b|Uncaught|^ +at /.test(line));
  assertEquals(wrong, []);
  for (const line of statd.lines) assert(!/[^ -~…]/.test(line), JSON.stringify(line));
  // Debug lines, which are not limited.
  const isForDebugging = / is malformed: |Closed the TCP|Told lock manager .* state -?\d+$/;
  const lines = statd.lines.filter((line) => !isForDebugging.test(line));
  assert(lines.length < LINES_MAX, `${lines.length} lines are logged`);
  assertEquals(await statd.stop(), 0);
});
