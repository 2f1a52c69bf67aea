/**
 * Power cuts: `deno task power [--cuts N] [TYPE…]`, by default 200 on each of ext4, XFS, Btrfs and F2FS.
 * Needs root, /dev/fuse, loop devices, and mkfs for each type; missing programs are reported before the
 * first cut. Types that the kernel lacks are skipped with a message; `test/power/in_uml` runs a kernel
 * that has more types.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { TestHost } from "../support/namespace.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { FOREGROUND, READY, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD } from "../support/system_test.ts";
import type { Findings, Order } from "./cuts.ts";

interface FileSystemType {
  /** Command that makes a file system in an image. */
  readonly mkfs: readonly string[];
  /** Debian's package with the command. */
  readonly package: string;
  /** Minimum size. */
  readonly mib: number;
}

const MKFS_EXT4 = ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
export const TYPES: Readonly<Record<string, FileSystemType>> = {
  ext4: { mkfs: MKFS_EXT4, package: "e2fsprogs", mib: 64 },
  xfs: { mkfs: ["mkfs.xfs", "-q"], package: "xfsprogs", mib: 320 },
  btrfs: { mkfs: ["mkfs.btrfs", "-q", "-m", "single"], package: "btrfs-progs", mib: 128 },
  f2fs: { mkfs: ["mkfs.f2fs", "-q"], package: "f2fs-tools", mib: 128 },
};
/**
 * Tolerated share of cuts after which the file system does not mount: such cuts show nothing about
 * records.
 */
const UNMOUNTABLE_MAX = 0.05;
const CUTS = 200;
const PROGRAM = new URL("cuts.ts", import.meta.url).pathname;

// deno-lint-ignore no-console -- the figures are what this is for
const say = console.log;

function isKnownToTheKernel(type: string): boolean {
  return Deno.readTextFileSync("/proc/filesystems").split("\n")
    .some((line) => line.trim() === type);
}

/** Packages with missing programs for these file systems. */
function missingPackages(types: readonly string[]): string[] {
  return types.map((type) => TYPES[type]!).filter(({ mkfs: [program = ""] }) => {
    const { success } = new Deno.Command("which", { args: [program], stdout: "null" }).outputSync();
    return !success;
  }).map((type) => type.package);
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
    const output = await host.output(...DENO_RUN, PROGRAM, JSON.stringify(order));
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
  const chosen = types.length > 0 ? types : Object.keys(TYPES);
  const tried = chosen.filter(isKnownToTheKernel);
  for (const type of chosen.filter((type) => !tried.includes(type))) {
    say(`${type}: passed over, this kernel does not have it`);
  }
  const missing = missingPackages(tried);
  if (missing.length > 0) {
    say(`Missing is what makes the file systems: apt-get install ${missing.join(" ")}`);
    Deno.exit(2);
  }
  let isGood = true;
  for (const type of tried) {
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
