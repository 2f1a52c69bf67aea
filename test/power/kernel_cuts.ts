/**
 * Power cuts of a whole kernel: statd keeps its state on a disk of a user-mode-linux kernel, while lock
 * managers in it make eight calls at a time; the kernel is killed, started again with that disk, and what is
 * found there is held against what was acknowledged. What the kernel had not given to its disk is gone.
 *
 *     deno run -A --no-check test/power/kernel_cuts.ts [--cuts N] [TYPE…]     as root, behind ./install.sh build
 *
 * 200 cuts on each of ext4, XFS, Btrfs and F2FS where nothing else is said. `$UML_ROOT` is where Debian's
 * user-mode-linux is unpacked ("/" where it is installed). main.ts cuts at more moments, a thousand times
 * as fast, and leaves any part of what was not flushed; here nothing of the disk is simulated.
 */

import { Ledger } from "../support/ledger.ts";
import { seededRandom } from "../support/seeded_random.ts";
import type { TrafficOrder } from "../support/traffic.ts";
import { STATD_PORT } from "../support/statd.ts";
import { TYPES } from "./main.ts";

const CUTS = 200;
/** Time after which an acknowledged removal is durable, in ms: SM_UNMON promises it. */
const GRACE_MS = 1000;
/** Maximum time from the first call to the cut, in ms. */
const LIFE_MS_MAX = 2500;
/** Timeout of a boot with the start of statd on a busy machine, in ms. */
const BOOT_MS_MAX = 120_000;
const UML = Deno.env.get("UML_ROOT") ?? "";
const GUEST = new URL("kernel_guest", import.meta.url).pathname;

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

/** Findings on the disk after a cut, and the kernel that continues from there. */
interface Life {
  readonly files: ReadonlyMap<string, string>;
  readonly kernel: Deno.ChildProcess;
  readonly lines: AsyncIterator<string>;
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** Starts a kernel on the disk; it prints the contents, and when statd serves. */
async function boot(type: string, image: string, order: TrafficOrder): Promise<Life> {
  const kernel = new Deno.Command("setsid", {
    args: [
      `${UML}/usr/bin/linux.uml`,
      "mem=768M",
      `ubd0=${image}`,
      "root=/dev/root",
      "rootfstype=hostfs",
      "rootflags=/",
      "ro",
      "con=null",
      "con0=null,fd:2",
      "ssl=null",
      "ssl0=null,fd:1",
      "quiet",
      "panic=1",
      `init=${GUEST}`,
      `POWER_TYPE=${type}`,
      `POWER_ORDER=${btoa(JSON.stringify(order))}`,
      `POWER_MODULES=${UML}/usr/lib/uml/modules`,
      `DENO_DIR=${Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`}`,
    ],
    env: { TMPDIR: "/dev/shm" },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = linesOf(kernel.stdout);
  const files = new Map<string, string>();
  const limit = setTimeout(() => cut(kernel), BOOT_MS_MAX);
  try {
    while (true) {
      const { value, done } = await lines.next();
      if (done) throw new Error("the kernel ended, or took too long, before statd served");
      const [word, name = "", text = ""] = value.trim().split(" ");
      if (word === "ready") return { files, kernel, lines };
      if (word === "failed") throw new Error(value);
      if (word === "file") files.set(name, atob(text).replace(/\0+$/, ""));
    }
  } catch (error) {
    cut(kernel);
    throw error;
  } finally {
    clearTimeout(limit);
  }
}

/** Kills the kernel, which has a process for each of the guest's, all in one group. */
function cut(kernel: Deno.ChildProcess): void {
  Deno.kill(-kernel.pid, "SIGKILL");
}

/** Records requests and replies, cuts the power, and reads earlier lines. */
async function live({ kernel, lines }: Life, ledger: Ledger, lifeMs: number): Promise<number> {
  let at = Infinity;
  let timer: number | undefined;
  while (true) {
    const { value, done } = await lines.next();
    if (done) break;
    timer ??= setTimeout(() => (cut(kernel), at = performance.now()), lifeMs);
    const [word, key = "", text = ""] = value.trim().split(" ");
    if (word === "begin") ledger.begin(key, text);
    else if (word === "end") ledger.end(key, performance.now());
    else if (word === "refused") throw new Error(value);
  }
  await kernel.status;
  return at;
}

/** Compares the findings with the ledger; returns a ledger with the findings. */
function known(files: ReadonlyMap<string, string>): Ledger {
  const ledger = new Ledger();
  for (const line of [...files.values()].flatMap((text) => text.split("\n"))) {
    const [, , , , value, monName, myName] = line.split(" ");
    if (myName === undefined) continue;
    ledger.begin(`${monName}/${myName}`, value!);
    ledger.end(`${monName}/${myName}`, -Infinity);
  }
  ledger.acknowledged = 0;
  return ledger;
}

async function cutPower(type: string, cuts: number): Promise<boolean> {
  const { seed, random } = seededRandom();
  const image = await Deno.makeTempFile({ prefix: `nsm-power-${type}-` });
  const found = { acknowledged: 0, lost: 0, resurrected: 0, torn: 0 };
  try {
    await Deno.truncate(image, TYPES[type]!.mib * 2 ** 20);
    const [mkfs, ...options] = TYPES[type]!.mkfs;
    const made = await new Deno.Command(mkfs!, { args: [...options, image] }).output();
    if (!made.success) throw new Error(new TextDecoder().decode(made.stderr));
    const order = { port: STATD_PORT, width: 8, peers: 64, isMixed: false };
    let ledger = new Ledger(), now = 0;
    for (let index = 0; index <= cuts; index++) {
      const life = await boot(type, image, { ...order, seed: random(2 ** 32) });
      const damage = ledger.compare(life.files, { now, graceMs: GRACE_MS });
      found.acknowledged += ledger.acknowledged;
      for (const kind of ["lost", "resurrected", "torn"] as const) {
        found[kind] += damage[kind].length;
        for (const text of damage[kind]) say(`  cut ${index}: ${kind}: ${text}`);
      }
      ledger = known(life.files);
      if (index === cuts) cut(life.kernel);
      else now = await live(life, ledger, random(LIFE_MS_MAX));
    }
  } finally {
    await Deno.remove(image);
  }
  say(
    `${type}: ${cuts} power cuts of a kernel, ${found.acknowledged} changes acknowledged;`,
    `${found.lost} lost, ${found.resurrected} came back late, ${found.torn} torn (TEST_SEED=${seed})`,
  );
  return found.lost + found.resurrected + found.torn === 0;
}

const hasCuts = Deno.args[0] === "--cuts";
const types = Deno.args.slice(hasCuts ? 2 : 0);
let isGood = true;
for (const type of types.length > 0 ? types : Object.keys(TYPES)) {
  isGood = await cutPower(type, hasCuts ? Number(Deno.args[1]) : CUTS) && isGood;
}
Deno.exit(isGood ? 0 : 1);
