/**
 * Output of programs when it cannot be written, and the name of a program started without argv[0].
 */

import { assertEquals, assertMatch } from "@std/assert";
import { OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const BASH = "/usr/bin/bash";

systemTest(
  "output that cannot be written is reported, and the status is not 0",
  [OUR_STATD, OUR_SM_NOTIFY],
  async (newHost) => {
    const host = await newHost();
    const line = `0100007f 000186b5 00000003 00000010 ${"0".repeat(32)} 127.0.0.1 me\n`;
    await host.write("/var/lib/nfs/state", "\x05\0\0\0");
    await host.write("/var/lib/nfs/sm/127.0.0.1", line);
    await host.output("chown", "--reference=/var/lib/nfs/sm", "/var/lib/nfs/sm/127.0.0.1");
    const printing = [
      [OUR_STATD, "--check-config"],
      [OUR_STATD, "--version"],
      [OUR_SM_NOTIFY, "--dry-run"],
    ];
    for (const command of printing) {
      const { code, stderr } = await host.run("sh", "-c", 'exec "$@" >/dev/full', "sh", ...command);
      assertMatch(stderr, /^Cannot write to standard output: No space left on device$/m);
      assertEquals(code, 1, command.join(" "));
      const unread = await host.run("sh", "-c", '"$@" | true; exit 0', "sh", ...command);
      assertEquals([unread.code, unread.stderr], [0, ""], "nobody has to read it");
    }
  },
);

systemTest("a program without argv[0] takes its role from its file's name", [
  OUR_STATD,
  BASH,
], async (newHost) => {
  const host = await newHost();
  const copy = "/run/sm-notify";
  await host.output("ln", OUR_STATD, copy).catch(() => host.output("cp", OUR_STATD, copy));
  const nameless = 'exec -a "" "$@"';
  const version = await host.run(BASH, "-c", nameless, "bash", copy, "--version");
  assertMatch(version.stdout, /^sm-notify version /);
  const wrong = await host.run(BASH, "-c", nameless, "bash", OUR_STATD, "--nonsense");
  assertMatch(wrong.stderr, /^rpc\.statd: .*\nTry: rpc\.statd --help\n$/);
});
