/**
 * Cluster managers with nfs-utils' own means, without identities. Names begin with the number of
 * the acceptance test; driving_tools_test.ts has the agents themselves.
 */

import { assert, assertEquals } from "@std/assert";
import { ManyPeers, monitor } from "../../support/many_peers_client.ts";
import { eventually } from "../../support/patience.ts";
import { OUR_SM_NOTIFY, systemTest } from "../../support/system_test.ts";

const CLIENT = "127.1.0.1";

systemTest(
  "acceptance 1: a client that comes up late is notified of both floating addresses of a node",
  [OUR_SM_NOTIFY],
  async (newHost) => {
    const vips = ["10.99.0.1", "10.99.0.2"];
    const host = await newHost({ addresses: vips.map((vip) => `${vip}/32`) });
    monitor(host, [CLIENT]);
    const early = [];
    for (const vip of vips) early.push(await host.run(OUR_SM_NOTIFY, "-f", "-v", vip));
    assertEquals(early.map(({ code }) => code), [0, 0]);
    // Neither run has had a reply so far, since no peer existed.
    const peers = new ManyPeers(host);
    await peers.ready();
    const sources = new Set<string>();
    await eventually("it is told from both", async () => {
      for (const source of (await peers.report()).get(CLIENT)?.sources ?? []) sources.add(source);
      return sources.size === vips.length;
    });
    assert(vips.every((vip) => sources.has(vip)));
  },
);
