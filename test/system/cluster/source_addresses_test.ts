/** An identity with an address of each family, of which not every one is there when clients are to be told. */

import { assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ManyPeers } from "../../support/many_peers_client.ts";
import { TestHost } from "../../support/namespace.ts";
import { OUR_STATD, systemTest } from "../../support/system_test.ts";

const CLIENT = "127.1.0.1";
const IPV4 = "10.0.0.50";
const IPV6 = "fd00::50";

systemTest(
  "an IPv6 address that was just brought up is waited for; without it clients of IPv4 are told nevertheless",
  [OUR_STATD],
  async (newHost, newFolder) => {
    const conf = `[identity "vip1"]\nnames = vip1.example.net\naddresses = ${IPV4}, ${IPV6}\n` +
      `ledger = directory:${await newFolder()}\n`;
    const host = await newHost({ etc: { "nfs.conf": conf } });
    await TestHost.join(
      { host, addresses: ["10.0.0.1/24"] },
      { host: await newHost(), addresses: ["10.0.0.2/24"] },
    );
    const node = new ClusterNode(host, "a");
    await node.start();
    const peers = new ManyPeers(host);
    await peers.ready();
    await node.identity("acquire", "vip1");
    assertMatch(await node.mon(CLIENT), /^SUCCESS 00000000/);
    await node.identity("acquire", "vip1");
    const none = await node.nsmctl("notify", "vip1");
    assertEquals(none.code, 1);
    assertMatch(
      none.stderr,
      /^nsmctl: .* not on this host \(10\.0\.0\.50, fd00::50\): bring it up/,
    );

    await host.output("ip", "address", "add", `${IPV4}/24`, "dev", "cable");
    const half = await node.nsmctl("notify", "vip1");
    assertEquals([half.code, /told 1 of 1/.test(half.stdout)], [0, true]);
    assertMatch(
      half.stderr,
      /not on this host \(fd00::50\): clients of that family are not told\n$/,
    );
    assertEquals((await peers.report()).get(CLIENT)?.sources[0], IPV4);

    await host.output("ip", "address", "add", `${IPV6}/64`, "dev", "cable");
    const whole = await node.nsmctl("notify", "vip1");
    assertEquals([whole.code, whole.stderr], [0, ""]);
  },
);
