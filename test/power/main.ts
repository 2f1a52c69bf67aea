/**
 * Power cuts: `deno task power [--cuts N] [TYPE…]`, 200 on each of ext4, XFS, Btrfs and F2FS where nothing
 * else is said. It needs root, /dev/fuse, loop devices, and mkfs for each type (packages e2fsprogs,
 * xfsprogs, btrfs-progs, f2fs-tools). A type that the kernel does not have is passed over, and said;
 * `test/power/in_uml` does it in a kernel that has more.
 */

import { TestHost } from "../support/namespace.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { FOREGROUND, READY, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD } from "../support/system_test.ts";
import type { Findings, Order } from "./cuts.ts";

/** Commands that make a file system in an image, and the least size of that. */
const TYPES: Readonly<Record<string, { readonly mkfs: readonly string[]; readonly mib: number }>> =
  {
    ext4: { mkfs: ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"], mib: 64 },
    xfs: { mkfs: ["mkfs.xfs", "-q"], mib: 320 },
    btrfs: { mkfs: ["mkfs.btrfs", "-q", "-m", "single"], mib: 128 },
    f2fs: { mkfs: ["mkfs.f2fs", "-q"], mib: 128 },
  };
/** Part of the cuts behind which the file system may not mount: those tell nothing of the records. */
const UNMOUNTABLE_MAX = 0.05;
const CUTS = 200;
const PROGRAM = new URL("cuts.ts", import.meta.url).pathname;
const RUN = ["run", "--quiet", "--no-check", "--no-lock", "--unstable-net", "-A"];

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

function isKnownToTheKernel(type: string): boolean {
  return Deno.readTextFileSync("/proc/filesystems").split("\n")
    .some((line) => line.trim() === type);
}

async function cutPower(type: string, cuts: number, seed: number): Promise<Findings> {
  const { mkfs, mib } = TYPES[type]!;
  const image = await Deno.makeTempFile({ prefix: `nsm-power-${type}-` });
  await using host = await TestHost.create();
  try {
    await Deno.truncate(image, mib * 2 ** 20);
    await host.output(...mkfs, image);
    await host.startRpcbind();
    const order: Order = {
      type,
      image,
      cuts,
      seed,
      statd: [OUR_STATD, ...FOREGROUND, "--check-notify-source", "off"],
      ready: READY.source,
      port: STATD_PORT,
    };
    const output = await host.output(Deno.execPath(), ...RUN, PROGRAM, JSON.stringify(order));
    return JSON.parse(output) as Findings;
  } finally {
    await Deno.remove(image);
  }
}

if (import.meta.main) {
  const hasCuts = Deno.args[0] === "--cuts";
  const cuts = hasCuts ? Number(Deno.args[1]) : CUTS;
  const types = Deno.args.slice(hasCuts ? 2 : 0);
  const unknown = types.find((type) => !(type in TYPES));
  if (unknown !== undefined || !(cuts > 0)) {
    say(`Usage: deno task power [--cuts N] [TYPE...]; types are ${Object.keys(TYPES).join(", ")}`);
    Deno.exit(2);
  }
  let isGood = true;
  for (const type of types.length > 0 ? types : Object.keys(TYPES)) {
    if (!isKnownToTheKernel(type)) {
      say(`${type}: passed over, this kernel does not have it`);
      continue;
    }
    const { seed } = seededRandom();
    const { lost, resurrected, torn, unmountable, ...figures } = await cutPower(type, cuts, seed);
    const damage = [...lost, ...resurrected, ...torn];
    isGood &&= damage.length === 0 && unmountable.length <= UNMOUNTABLE_MAX * figures.cuts;
    say(
      `${type}: ${figures.cuts} power cuts, ${figures.acknowledged} changes acknowledged,`,
      `${figures.flushes} flushes; ${lost.length} lost, ${resurrected.length} came back late,`,
      `${torn.length} torn; ${figures.blank} files without a record,`,
      `${unmountable.length} file systems that could not be mounted (TEST_SEED=${seed})`,
    );
    for (const text of [...damage.slice(0, 20), ...unmountable.slice(0, 3)]) say(`  ${text}`);
  }
  Deno.exit(isGood ? 0 : 1);
}
