/** `[statd] status-group`: only its members may look, and they can change nothing. */

import { assertEquals, assertMatch } from "@std/assert";
import { message, mon } from "../support/nsm_calls.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { eventually } from "../support/patience.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const SETPRIV = "/usr/bin/setpriv";
const GROUP = "54321";
const SOCKET = "/run/rpc.statd.status.sock";
const STATD = { address: "127.0.0.1", port: STATD_PORT };

systemTest("members of status-group may look and change nothing", [
  OUR_NSMCTL,
  OUR_STATD,
  SETPRIV,
], async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const conf = `[statd]\nport=${STATD_PORT}\nstatus-group=${GROUP}\n`;
  const host = await NsmctlHost.create(newHost, resources, { etc: { "nfs.conf": conf } });
  const statd = await host.startStatd();
  await host.agent.datagram(message(mon({ monName: "10.99.0.9" })), STATD);
  await eventually("it is monitored", async () => (await host.run("list")).code === 0);
  const as = (groups: string, ...args: string[]) =>
    host.host.run(
      SETPRIV,
      "--reuid=65534",
      "--regid=65534",
      ...groups.split(" "),
      OUR_NSMCTL,
      ...args,
    );
  const member = (...args: string[]) => as(`--groups=${GROUP}`, ...args);
  const other = (...args: string[]) => as("--clear-groups", ...args);

  assertEquals((await host.host.output("stat", "-c", "%a %u %g", SOCKET)).trim(), `660 0 ${GROUP}`);
  const status = await member("status");
  assertEquals([status.code, status.stderr], [0, ""]);
  assertMatch(status.stdout, /^Monitored +1 peer, 1 request/m);
  assertEquals((await member("check")).code, 0);
  await host.host.output("chmod", "700", "/var/lib/nfs/sm", "/var/lib/nfs/sm.bak");
  const list = await member("list");
  assertMatch(list.stdout, /10\.99\.0\.9/);
  assertMatch(list.stderr, /peers still to be told are not shown/);
  for (
    const args of [
      ["forget", "--yes", "10.99.0.9"],
      ["declare-rebooted", "--yes", "--even-if-alive", "10.99.0.9"],
    ]
  ) {
    const refused = await member(...args);
    assertEquals(refused.code === 0, false, args[0]);
  }
  assertMatch((await host.run("list")).stdout, /10\.99\.0\.9/);
  const stranger = await other("status");
  assertEquals(stranger.code, 1);
  assertMatch(stranger.stderr, /Permission denied/);
  await statd.stop();
  assertEquals((await member("status")).code === 0, false);
});

systemTest("an unknown status-group is a warning, and statd serves", [
  OUR_NSMCTL,
  OUR_STATD,
], async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const conf = `[statd]\nport=${STATD_PORT}\nstatus-group=no-such-group\n`;
  const host = await NsmctlHost.create(newHost, resources, { etc: { "nfs.conf": conf } });
  await host.startStatd();
  const { stdout } = await host.run("status");
  assertMatch(stdout, /no socket for status-group: there is no group "no-such-group"/);
});
