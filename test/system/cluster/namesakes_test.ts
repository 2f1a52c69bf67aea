/**
 * Two nodes with one host name: neither takes an identity from the other unless the other is
 * declared dead.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { eventually } from "../../support/patience.ts";
import { type NewHost, OUR_STATD, systemTest } from "../../support/system_test.ts";

const BOOT_ID = "/proc/sys/kernel/random/boot_id";

/** Host in a boot of its own, with the settings of an identity. */
async function bootedHost(newHost: NewHost, ledger: string) {
  const conf = `[identity "vip1"]\naddresses = 10.99.0.1\nledger = directory:${ledger}\n`;
  const host = await newHost({ addresses: ["10.99.0.1/32"], etc: { "nfs.conf": conf } });
  await host.write("/run/boot_id", `${crypto.randomUUID()}\n`);
  await host.output("mount", "--bind", "/run/boot_id", BOOT_ID);
  return host;
}

systemTest(
  "two nodes with one host name: the second is refused in one line, and its remedies work",
  [OUR_STATD],
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const [first, second] = [
      await bootedHost(newHost, ledger),
      await bootedHost(newHost, ledger),
    ];
    const a = new ClusterNode(first, "nfs");
    await a.start();
    await a.identity("acquire", "vip1");
    const namesake = new ClusterNode(second, "nfs");
    await namesake.start();
    const { code, stderr } = await namesake.nsmctl("acquire", "vip1");
    assertEquals(code, 4);
    assertMatch(stderr, /^nsmctl: Identity vip1 is held by another host called nfs since .*\n$/);
    assertMatch(stderr, /give each node a host name of its own, or say --fenced if that host is d/);
    assertEquals((await a.report("vip1"))["state"], "held");
    await namesake.signal("TERM");

    // First remedy: a name of its own.
    const b = new ClusterNode(second, "nfs2");
    await b.start();
    const { stderr: named } = await b.nsmctl("acquire", "vip1");
    assertMatch(named, /held by nfs since .*: release it there/);
    await a.identity("release", "vip1");
    await b.identity("acquire", "vip1");
    await b.identity("release", "vip1");
    await b.signal("TERM");

    // Second remedy, if the other host is alive: that host learns why it has lost the identity.
    await a.identity("acquire", "vip1");
    await namesake.start();
    await namesake.identity("acquire", "vip1", "--fenced");
    await eventually("the first host knows", async () => {
      return (await a.report("vip1"))["supersededBy"] === "another host called nfs";
    });
    assertEquals((await namesake.report("vip1"))["state"], "held");
  },
);
