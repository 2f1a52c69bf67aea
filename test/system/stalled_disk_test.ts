/**
 * Stalled disk, which reports no error, as when its file server is away. The daemon waits for it in
 * the kernel, where no signal reaches it, and every command says why.
 *
 * Source: fsfreeze(8), which plays such a disk.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { message, mon } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_FOLDER, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const FREEZE = "/usr/sbin/fsfreeze";
const NEEDS = [OUR_NSMCTL, OUR_STATD, FREEZE, "/usr/sbin/mkfs.ext4", "/dev/loop-control"];
const STATD = { address: "127.0.0.1", port: STATD_PORT };
const DISK = "/run/disk";
const DIRECTORY = `${DISK}/nfs`;
/** Maximum time of the freeze, in s, however the test ends. */
const FROZEN_MAX_S = 120;

systemTest("every command that asks the daemon reports a stalled disk", NEEDS, async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources);
  const made = await host.host.run(
    "sh",
    "-ec",
    `truncate -s 16M /run/image; mkfs.ext4 -q -F /run/image; mkdir ${DISK}\n` +
      `mount -o loop /run/image ${DISK}; cp -a /var/lib/nfs ${DIRECTORY}`,
  );
  if (made.code !== 0) {
    // deno-lint-ignore no-console -- a skipped test says why
    console.log(`skipped: no file system in a file, ${made.stderr}`);
    return;
  }
  await host.host.output(
    "sh",
    "-c",
    `cd /; exec ${OUR_FOLDER}/rpc.statd --no-notify -P ${DIRECTORY}`,
  );
  const pid = (await host.host.output("cat", "/run/rpc.statd.pid")).trim();
  const thaw = () => host.host.run(FREEZE, "-u", DISK);
  // Run outside of the host: a process that waits for a disk outlasts the host's process 1.
  const seen = host.host.path(DISK);
  const watchdog = new Deno.Command("setsid", {
    args: ["sh", "-c", `sleep ${FROZEN_MAX_S}; exec ${FREEZE} -u ${seen}`],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  try {
    await host.host.output(FREEZE, "-f", DISK);
    await host.agent.flood([message(mon({ monName: "10.99.0.9" }))], STATD);
    const state = () => host.host.output("sh", "-c", `ps -o state= -p ${pid}`);
    await eventually("it waits for the disk", async () => (await state()).trim() === "D");
    const why = new RegExp(
      `^nsmctl: rpc\\.statd \\(pid ${pid}\\) .*; it waits for a disk: see dmesg`,
    );
    for (const command of ["status", "list"]) {
      const { code, stdout, stderr } = await host.run(command, "-P", DIRECTORY, "-t", "0.5");
      assertEquals([code, stdout], [5, ""], command);
      assertMatch(stderr, why);
    }
    const check = await host.run("check", "-P", DIRECTORY, "-t", "0.5");
    assertEquals(check.code, 2);
    assertMatch(check.stdout, /^NSM CRITICAL - .* it waits for a disk/);
    const doctor = await host.run("doctor", "--json", "-P", DIRECTORY);
    assertEquals(doctor.code, 4);
    const { findings } = JSON.parse(doctor.stdout) as { findings: Record<string, unknown>[] };
    const silent = findings.find(({ name }) => name === "statd-silent");
    assertEquals(silent?.["what"], "The status monitor waits for a disk that does not answer.");
    assertEquals(silent?.["commands"], [], "no restart would help");
  } finally {
    await thaw();
    Deno.kill(-watchdog.pid, "SIGKILL");
    await watchdog.status;
  }
  await eventually(
    "it answers",
    async () => (await host.run("status", "-q", "-P", DIRECTORY)).code === 0,
  );
  assertEquals(await host.host.output("ls", `${DIRECTORY}/sm`), "10.99.0.9\n");
  await host.host.output("sh", "-c", `kill ${pid}; tail --pid=${pid} -f /dev/null; umount ${DISK}`);
});
