/**
 * nsmctl with unreadable records: it shows the others, names the fault, and exits with a status
 * other than 0.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { NsmctlHost, OUR_NSMCTL } from "../support/nsmctl_host.ts";
import { systemTest } from "../support/system_test.ts";

/** Record copied by root: the folder's owner cannot read it. */
const FOREIGN = "foreign.example.net";
const KNOWN = "known.example.net";
const FAULT = new RegExp(`Cannot read "/var/lib/nfs/sm/${FOREIGN}": Permission denied`);

async function prepared(newHost: Parameters<Parameters<typeof systemTest>[2]>[0]) {
  const resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources, { hosts: [`10.99.0.9 ${KNOWN}`] });
  for (const name of [KNOWN, FOREIGN]) await host.putRecord("sm", name);
  await host.putRecord("sm.bak", "waiting.example.net");
  await host.host.output("chown", "--reference=/var/lib/nfs/sm", `/var/lib/nfs/sm/${KNOWN}`);
  await host.host.output("chown", "root", `/var/lib/nfs/sm/${FOREIGN}`);
  await host.host.output("chmod", "600", `/var/lib/nfs/sm/${FOREIGN}`);
  return { host, resources };
}

systemTest("nsmctl skips unreadable records, and says so", [OUR_NSMCTL], async (newHost) => {
  const { host, resources } = await prepared(newHost);
  await using _resources = resources;
  const said = async (code: number, ...args: string[]) => {
    const ended = await host.run(...args);
    assertMatch(ended.stderr, FAULT, args.join(" "));
    assertEquals(ended.code, code, args.join(" "));
    return ended.stdout;
  };
  const names = await said(1, "list", "--no-header", "-o", "peer");
  assertEquals(names.trim().split("\n"), [KNOWN, "waiting.example.net"]);
  const listed = JSON.parse(await said(1, "list", "--json"));
  assertEquals(listed.peers.length, 2);
  assertMatch(listed.unread.join(), FAULT);
  assertMatch(await said(1, "show", KNOWN), /Monitored +yes/);
  assertEquals(await said(1, "show", FOREIGN), "", "nobody says that it is on neither list");
  assertStringIncludes(await said(1, "report"), KNOWN);
  assertStringIncludes(await said(1, "-l"), KNOWN);
  assertMatch(await said(1, "forget", "--yes", KNOWN), /Forgot 1 peer/);
  assertStringIncludes((await host.run("list")).stdout, "waiting.example.net");
});

systemTest(
  "nsmctl works if one of the two lists is missing",
  [OUR_NSMCTL],
  async (newHost) => {
    const { host, resources } = await prepared(newHost);
    await using _resources = resources;
    await host.host.output("rm", "-r", "/var/lib/nfs/sm");
    const { code, stdout, stderr } = await host.run("list");
    assertMatch(stderr, /Cannot read "\/var\/lib\/nfs\/sm": No such file/);
    assertEquals([code, stdout.includes("waiting.example.net")], [1, true]);
    await host.host.output("rm", "-r", "/var/lib/nfs/sm.bak");
    const none = await host.run("list");
    assertEquals([none.code, none.stdout], [1, ""]);
  },
);

systemTest("nsmctl status and -l work without the state number", [OUR_NSMCTL], async (newHost) => {
  const { host, resources } = await prepared(newHost);
  await using _resources = resources;
  await host.host.output("rm", "-f", "/var/lib/nfs/state");
  await host.host.output("mkdir", "/var/lib/nfs/state");
  const fault = /Cannot read "\/var\/lib\/nfs\/state": it is not a regular file/;
  const status = await host.run("status");
  assertMatch(status.stdout, /State number +not known\n[^]*Monitored +2 peers\n/);
  assertMatch(status.stderr, fault);
  assertEquals(status.code, 3);
  const json = JSON.parse((await host.run("status", "--json")).stdout);
  assertEquals([json.peers, json.stateNumber, json.unread.length], [2, undefined, 1]);
  const listed = await host.run("-l");
  assertMatch(listed.stdout, /State: 0\n#Hosts: 2/);
  assertMatch(listed.stderr, fault);
  assertEquals(listed.code, 1);
  await host.host.output("rm", "-r", "/var/lib/nfs/sm.bak");
  const less = await host.run("status");
  assertMatch(less.stdout, /Monitored +2 peers\nTo be notified +not known\n/);
  assertEquals(less.code, 3);
});
