/**
 * Repeated kills while registrations come and go: after each start, every acknowledged change is
 * there, whole. The state directory is on a real file system.
 *
 * KILL_TEST=10000,200 in the environment sets the numbers of changes and kills, includes Debian's
 * daemon, and prints the figures.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { Ledger } from "../support/ledger.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { notify } from "../support/nsm_calls.ts";
import { DEBIAN, type Implementation, OURS } from "../support/scenario.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { ask, FOREGROUND } from "../support/statd.ts";
import { DEBIAN_STATD, OUR_STATD, systemTest } from "../support/system_test.ts";
import { monitorList, Traffic } from "../support/traffic_client.ts";

const [givenCalls, givenKills] = Deno.env.get("KILL_TEST")?.split(",").map(Number) ?? [];
const IS_LONG = givenCalls !== undefined;
const SCALE = { calls: givenCalls ?? 1_000, kills: givenKills ?? 20 };
const WIDTH = 8;
/** Folder for temporary files on a disk. */
const REAL_FOLDER = "/var/tmp";

/** Kind and number of kills, the calls between them, and the action before each kill. */
interface Death {
  readonly signal: "KILL" | "TERM";
  readonly kills: number;
  readonly calls: number;
  readonly disturb: (host: TestHost, statd: BackgroundProgram) => Promise<void>;
}

const DEATH: Death = { ...SCALE, signal: "KILL", disturb: async () => {} };

/** Result of a run. */
interface Figures {
  readonly acknowledged: number;
  readonly kills: number;
  readonly lost: string[];
  readonly resurrected: string[];
  readonly torn: string[];
  readonly stateNumbers: number[];
}

/** Gives a host a state directory on a disk, until disposed of. */
async function onRealDisk(host: TestHost): Promise<Disposable> {
  const folder = await Deno.makeTempDir({ dir: REAL_FOLDER, prefix: "nsm-kill-" });
  await host.output("cp", "-a", `${STATE_DIRECTORY}/.`, folder);
  await host.output("chmod", "755", folder);
  await host.output("mount", "--bind", folder, STATE_DIRECTORY);
  return { [Symbol.dispose]: () => Deno.removeSync(folder, { recursive: true }) };
}

async function underKills(
  host: TestHost,
  implementation: Implementation,
  { seed, random } = seededRandom(),
  { signal, kills, calls, disturb }: Death = DEATH,
): Promise<Figures> {
  const options = implementation === OURS
    ? [...FOREGROUND, "--check-notify-source", "off"]
    : FOREGROUND;
  const start = async () => {
    const statd = host.start(implementation.statd, ...options);
    await statd.line(implementation.ready);
    return statd;
  };
  await host.startRpcbind();
  const agent = new Agent(host);
  await agent.serve();
  let statd = await start();
  const traffic = new Traffic(host, { seed, width: WIDTH });
  /** Sums over all kills. */
  const total = {
    lost: new Set<string>(),
    resurrected: new Set<string>(),
    torn: new Set<string>(),
  };
  const look = (files: Map<string, string>) => {
    const damage = traffic.ledger.compare(files);
    for (const kind of ["lost", "resurrected", "torn"] as const) {
      for (const one of damage[kind]) total[kind].add(one);
    }
  };
  const share = calls / kills;
  await traffic.run(calls);
  for (let kill = 0; kill < kills; kill++) {
    await traffic.setWidth(kill % 3 === 0 ? 1 : WIDTH);
    await traffic.reach(Math.floor(kill * share) + random(share));
    await disturb(host, statd);
    await statd.stop(signal);
    const files = monitorList(host);
    await traffic.settle();
    look(files);
    statd = await start();
  }
  await traffic.setWidth(WIDTH);
  await traffic.finish();
  await statd.stop();
  look(monitorList(host));

  if (implementation === OURS) await assertKnown(await start(), agent, traffic.ledger);
  return {
    acknowledged: traffic.ledger.acknowledged,
    kills,
    lost: [...total.lost],
    resurrected: [...total.resurrected],
    torn: [...total.torn],
    stateNumbers: [...traffic.stateNumbers],
  };
}

/** Checks that every acknowledged registration gets a callback with its cookie, and no other does. */
async function assertKnown(statd: BackgroundProgram, agent: Agent, { registered }: Ledger) {
  const before = agent.calls.length;
  for (const monName of new Set([...registered.keys()].map((key) => key.split("/")[0]!))) {
    await ask(agent, notify(monName, 9));
  }
  await agent.called(before + registered.size);
  assertEquals(await statd.stop(), 0);
  const told = agent.calls.slice(before).map(({ message }) => message.slice(-32)).sort();
  assertEquals(told, [...registered.values()].sort());
}

Deno.test("the ledger detects lost, resurrected and torn records", { permissions: "none" }, () => {
  const ledger = new Ledger();
  const line = (priv: string) => `0100007f 000186b5 00000003 00000010 ${priv} a us\n`;
  const [first, second] = ["1".repeat(32), "2".repeat(32)];
  const seen = (text?: string) => {
    const { lost, resurrected, torn } = ledger.compare(
      new Map(text === undefined ? [] : [["a", text]]),
    );
    return [lost.length, resurrected.length, torn.length];
  };
  ledger.begin("a/us", first);
  assertEquals([seen(), seen(line(first)), seen(line(second))], [[0, 0, 0], [0, 0, 0], [0, 1, 0]]);
  ledger.end("a/us");
  assertEquals([seen(), seen(line(first)), seen("")], [[1, 0, 0], [0, 0, 0], [1, 0, 1]]);
  assertEquals(seen(line(first) + line(second).slice(0, 50)), [0, 0, 1]);
  ledger.begin("a/us", "-");
  ledger.end("a/us");
  assertEquals([seen(), seen(line(first))], [[0, 0, 0], [0, 1, 0]]);
});

const WITHOUT_FAULT = { lost: [], resurrected: [], torn: [], stateNumbers: [3] };

systemTest(
  "random kill -9 neither loses nor resurrects an acknowledged change",
  [OUR_STATD],
  async (make) => {
    const dice = seededRandom();
    const host = await make();
    using _disk = await onRealDisk(host);
    const figures = await underKills(host, OURS, dice);
    report("ours", figures);
    const { calls: acknowledged, kills } = SCALE;
    assertEquals(figures, { acknowledged, kills, ...WITHOUT_FAULT }, `TEST_SEED=${dice.seed}`);
  },
);

/** Sends signals, starts a second daemon, and stops the daemon, all at once. */
async function disturb(host: TestHost, statd: BackgroundProgram): Promise<void> {
  const second = host.start(OUR_STATD, ...FOREGROUND);
  for (const signal of ["HUP", "USR2", "HUP", "USR1"]) await statd.kill(signal);
  await statd.kill("TERM");
  await statd.kill("HUP").catch(() => {}); // the daemon may have ended
  await statd.ended;
  // The second daemon may have started after the first one ended.
  if (!second.hasEnded) await second.stop();
}

systemTest(
  "stops, other signals and a second daemon neither lose nor resurrect a change",
  [OUR_STATD],
  async (make) => {
    const dice = seededRandom();
    const host = await make();
    using _disk = await onRealDisk(host);
    const stops: Death = { signal: "TERM", kills: 6, calls: 300, disturb };
    const figures = await underKills(host, OURS, dice, stops);
    const { lost, resurrected, torn } = figures;
    assertEquals([lost, resurrected, torn], [[], [], []], `TEST_SEED=${dice.seed}`);
    assertEquals(figures.acknowledged, stops.calls);
  },
);

/** Duration of each sync on a hanging disk, in µs: many times that of a reply. */
const HANG_US = 300_000;

/** Makes the daemon's disk hang. */
async function hang(host: TestHost, statd: BackgroundProgram): Promise<void> {
  const calls = "fsync,fdatasync";
  const rules = ["-e", `trace=${calls}`, "-e", `inject=${calls}:delay_enter=${HANG_US}`];
  const pid = String(await statd.pid);
  await host.start("strace", "-f", "-o", "/dev/null", "-p", pid, ...rules).line(/attached/);
}

for (const signal of ["KILL", "TERM"] as const) {
  systemTest(
    `SIG${signal} while the disk hangs ends the daemon, and neither loses nor resurrects a change`,
    [OUR_STATD, "/usr/bin/strace"],
    async (make) => {
      const dice = seededRandom();
      const host = await make();
      using _disk = await onRealDisk(host);
      const deaths: Death = { signal, kills: 2, calls: 80, disturb: hang };
      const { lost, resurrected, torn, acknowledged } = await underKills(host, OURS, dice, deaths);
      assertEquals([lost, resurrected, torn], [[], [], []], `TEST_SEED=${dice.seed}`);
      assertEquals(acknowledged, deaths.calls);
    },
  );
}

if (IS_LONG) {
  systemTest("kill -9 of Debian's statd, for comparison", [DEBIAN_STATD], async (make) => {
    const host = await make();
    using _disk = await onRealDisk(host);
    const figures = await underKills(host, DEBIAN);
    report("Debian's", figures);
    assertEquals(figures.acknowledged, SCALE.calls);
  });
}

function report(whose: string, { lost, resurrected, torn, ...figures }: Figures): void {
  if (!IS_LONG) return;
  const damage = Object.entries({ lost, resurrected, torn })
    .map(([kind, cases]) => `${cases.length} ${kind}${cases[0] ? ` (${cases[0]})` : ""}`);
  // deno-lint-ignore no-console -- the figures are what a long run is for
  console.log(`${whose}: ${figures.acknowledged} acknowledged, ${figures.kills} kills:`, ...damage);
}
