/**
 * realworld F2, F3, field 1: tools that identify a process by its file, comm or argv distinguish
 * rpc.statd from sm-notify. This holds if sm-notify is a file of its own, as made by `install` and
 * by the copy in README. The host has its own process ids, so that no other rpc.statd is hit.
 */

import { assertEquals } from "@std/assert";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const FOLDER = "/run/sbin";
const STATD = `${FOLDER}/rpc.statd`;
const SM_NOTIFY = `${FOLDER}/sm-notify`;
/** Silent address, which keeps sm-notify running. */
const SILENT_PEER = "10.254.254.254";
const RECORD = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} ${SILENT_PEER} me\n`;

/** Tools, by path, that must end or find sm-notify only. */
const ENDING: Readonly<Record<string, readonly string[]>> = {
  "/usr/bin/killall": ["killall", "-TERM", SM_NOTIFY],
  "/bin/fuser": ["fuser", "-k", SM_NOTIFY],
  "/sbin/start-stop-daemon": ["start-stop-daemon", "--stop", "--exec", SM_NOTIFY],
};
const FINDING: Readonly<Record<string, readonly string[]>> = {
  "/bin/pidof": ["pidof", SM_NOTIFY],
  "/bin/busybox": ["busybox", "pidof", "sm-notify"],
  "/usr/bin/pgrep": ["pgrep", "sm-notify"],
};
const FINDING_STATD: Readonly<Record<string, readonly string[]>> = {
  "/bin/pidof": ["pidof", STATD],
  "/bin/busybox": ["busybox", "pidof", "rpc.statd"],
  "/usr/bin/pgrep": ["pgrep", "rpc.statd"],
};

async function prepare(host: TestHost): Promise<number> {
  const copies = ["rpc.statd", "sm-notify"].map((name) =>
    `cp --reflink=auto ${OUR_STATD} ${FOLDER}/${name}`
  );
  await host.output("sh", "-c", ["mkdir -p " + FOLDER, ...copies].join(" && "));
  assertEquals((await host.run(STATD, "-L")).code, 0);
  return Number(Deno.readTextFileSync(host.path("/run/rpc.statd.pid")));
}

async function startNotifier(host: TestHost): Promise<number> {
  await host.write(`${STATE_DIRECTORY}/sm/${SILENT_PEER}`, RECORD);
  await host.output("sh", "-c", `chown --reference=${STATE_DIRECTORY}/sm ${STATE_DIRECTORY}/sm/*`);
  const { code, stderr } = await host.run(SM_NOTIFY, "-f");
  assertEquals(code, 0, stderr);
  return await pidOf(host, "sm-notify");
}

/** Id of the process with a name in comm. */
async function pidOf(host: TestHost, comm: string): Promise<number> {
  const script = `grep -lx ${comm} /proc/[0-9]*/comm | cut -d/ -f3`;
  const pids = (await host.output("sh", "-c", script)).trim().split("\n").filter((line) => line);
  assertEquals(pids.length, 1, `${comm}: ${pids}`);
  return Number(pids[0]);
}

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

systemTest(
  "F2: signals meant for sm-notify do not reach rpc.statd",
  [OUR_STATD],
  async (newHost) => {
    const host = await newHost();
    const statd = await prepare(host);
    for (const [tool, command] of Object.entries(ENDING).filter(([tool]) => isThere(tool))) {
      const notifier = await startNotifier(host);
      await host.run(...command);
      await eventually(`${tool} has ended sm-notify`, async () => !await host.isAlive(notifier));
      assertEquals(await host.isAlive(statd), true, tool);
    }
    const notifier = await startNotifier(host);
    for (const [tool, command] of Object.entries(FINDING).filter(([tool]) => isThere(tool))) {
      assertEquals((await host.output(...command)).trim(), String(notifier), tool);
    }
    for (const [tool, command] of Object.entries(FINDING_STATD).filter(([tool]) => isThere(tool))) {
      assertEquals((await host.output(...command)).trim(), String(statd), tool);
    }
  },
);

systemTest("F3: an sm-notify started by statd is named sm-notify", [OUR_STATD], async (newHost) => {
  const host = await newHost();
  await host.output("sh", "-c", `mkdir ${FOLDER} && cp ${OUR_STATD} ${STATD}`);
  await host.write(SM_NOTIFY, "#!/bin/sh\nexit 1\n"); // another program with this name beside it
  await host.write(`${STATE_DIRECTORY}/sm/${SILENT_PEER}`, RECORD);
  await host.output("sh", "-c", `chown --reference=${STATE_DIRECTORY}/sm ${STATE_DIRECTORY}/sm/*`);
  assertEquals((await host.run(STATD)).code, 0);
  const notifier = await pidOf(host, "sm-notify");
  const [argv0, ...args] = (await host.output("cat", `/proc/${notifier}/cmdline`)).split("\0");
  assertEquals([argv0, args.join("")], ["sm-notify", ""]);
  await pidOf(host, "rpc.statd");
});
