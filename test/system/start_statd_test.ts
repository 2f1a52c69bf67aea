/** start-statd without systemd: command line, lock, and a statd that rpcbind has lost. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { registrations, startStatd } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const START_STATD = OUR_STATD.replace(/rpc\.statd$/, "start-statd");

systemTest("D3: start-statd starts nothing for --help, --version, or an unknown argument", [
  START_STATD,
], async (newHost) => {
  const host = await newHost();
  assertStringIncludes(await host.output(START_STATD, "--help"), "usage: start-statd");
  assertMatch(await host.output(START_STATD, "-V"), /^start-statd version /);
  const wrong = await host.run(START_STATD, "--hlep");
  assertEquals([wrong.code, wrong.stdout], [1, ""]);
  assertStringIncludes(wrong.stderr, '"--hlep"');
  assertEquals((await host.run("test", "-e", "/run/rpc.statd.pid")).code, 1);
});

systemTest("D23: start-statd reports a statd that cannot register with rpcbind, with status 0", [
  START_STATD,
], async (newHost) => {
  const host = await newHost();
  const statd = await startStatd(host);
  const { code, stderr } = await host.run(START_STATD);
  assertEquals(code, 0);
  assertStringIncludes(stderr, "rpc.statd runs, but is not registered");
  assertEquals(await statd.stop(), 0);
});

systemTest("start-statd without rpcbind starts statd and ends with 1, as nfs-utils' does", [
  START_STATD,
], async (newHost) => {
  const host = await newHost();
  const first = await host.run(START_STATD);
  assertStringIncludes(first.stderr, "rpc.statd runs, but is not registered: Cannot connect to");
  assertEquals(first.code, 1);
  await host.startRpcbind();
  const second = await host.run(START_STATD);
  assertEquals([second.code, second.stderr], [0, ""]);
  assertEquals((await registrations(host)).length > 0, true);
  await host.kill(Number(Deno.readTextFileSync(host.path("/run/rpc.statd.pid"))), "TERM");
});
