/** `nsmctl ports`: its output opens the ports, as checked by nft. */

import { assertEquals, assertMatch } from "@std/assert";
import schema from "../../conf/nsmctl.schema.json" with { type: "json" };
import { linesFor } from "../../lib/nsmctl/ports.ts";
import { faultsOf, type Schema } from "../support/json_schema.ts";
import { NsmctlHost, OUR_NSMCTL, STATD_PORT } from "../support/nsmctl_host.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NFT = "/usr/sbin/nft";
const CONF = `[statd]\nport=${STATD_PORT}\n[lockd]\nport=4051\nudp-port=4052\n`;

systemTest(
  "nft accepts the lines of nsmctl ports",
  [OUR_NSMCTL, OUR_STATD, NFT],
  async (newHost) => {
    await using resources = new AsyncDisposableStack();
    const { host, run } = await NsmctlHost.create(newHost, resources, {
      etc: { "nfs.conf": CONF },
    });
    const { code, stdout, stderr } = await run("ports", "nft");
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /udp dport \{ 111, 4050, 4052 \} accept/);
    assertMatch(stdout, /tcp dport \{ 111, 4050, 4051 \} accept/);
    const chain =
      "table inet filter { chain input { type filter hook input priority 0; policy drop; }; }";
    await host.write("/run/rules.nft", `${chain}\n${stdout}`);
    await host.output(NFT, "-c", "-f", "/run/rules.nft");
  },
);

systemTest("ports are those of the running daemon, and unfixed ones are reported", [
  OUR_NSMCTL,
  OUR_STATD,
], async (newHost) => {
  await using resources = new AsyncDisposableStack();
  const host = await NsmctlHost.create(newHost, resources, { etc: { "nfs.conf": "" } });
  await host.startStatd("-p", "4077");
  const { code, stdout, stderr } = await host.run("ports");
  assertEquals(code, 1);
  assertMatch(stdout, /^udp +4077 +status$/m);
  assertMatch(stderr, /lock manager's udp port is not fixed: set udp-port in section \[lockd\]/);
  const json = JSON.parse((await host.run("ports", "--json")).stdout);
  assertEquals(faultsOf(json, { $ref: "#/$defs/ports" }, schema as Schema), []);
  assertEquals((await host.run("ports", "pf")).code, 2);
});

Deno.test("each firewall has lines in its own words", () => {
  const ports = [
    { transport: "udp", port: 111, service: "rpcbind" },
    { transport: "tcp", port: 4050, service: "status" },
    { transport: "tcp", port: 0, service: "nlockmgr" },
  ] as const;
  assertEquals(
    linesFor("firewalld", ports),
    "firewall-cmd --permanent --add-port=111/udp\nfirewall-cmd --permanent --add-port=4050/tcp\n" +
      "firewall-cmd --reload\n",
  );
  assertEquals(
    linesFor("ufw", ports),
    "ufw allow 111/udp comment 'NFS rpcbind'\nufw allow 4050/tcp comment 'NFS status'\n",
  );
});
