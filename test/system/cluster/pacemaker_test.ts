/**
 * Resource agent for Pacemaker, with Debian's shell functions for agents, its ocf-tester, and its
 * Pacemaker. Names begin with the number of the acceptance test.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { layerUsr, MANAGERS } from "../../support/layered_usr.ts";
import { ManyPeers, peerAddresses } from "../../support/many_peers_client.ts";
import type { Ended } from "../../support/namespace.ts";
import { type NewHost, systemTest } from "../../support/system_test.ts";

const AGENT = "/usr/lib/ocf/resource.d/nsm/identity";
const NEEDS = [`${MANAGERS}/usr/sbin/ocf-tester`];
const VIP = "10.99.0.1";
/** Exit statuses of the OCF standard. */
const OCF = {
  success: 0,
  generic: 1,
  args: 2,
  installed: 5,
  configured: 6,
  notRunning: 7,
} as const;

const SUCCESS = /^SUCCESS 00000000/;

async function node(newHost: NewHost, name: string, nfsConf = ""): Promise<ClusterNode> {
  const host = await newHost({ addresses: [`${VIP}/32`], etc: { "nfs.conf": nfsConf } });
  await layerUsr(host, MANAGERS, true);
  return new ClusterNode(host, name);
}

type Parameters = Readonly<Record<string, string>>;

/** Runs the agent like Pacemaker. */
function agent(
  { host }: ClusterNode,
  action: string,
  parameters: Parameters,
  interval = "10000",
): Promise<Ended> {
  const variables = Object.entries(parameters).map(([name, value]) =>
    `OCF_RESKEY_${name}=${value}`
  );
  return host.run(
    "env",
    "OCF_ROOT=/usr/lib/ocf",
    "OCF_RESOURCE_INSTANCE=it",
    "OCF_RESOURCE_TYPE=identity",
    "OCF_RESOURCE_PROVIDER=nsm",
    "HA_LOGFILE=/run/agent.log",
    `OCF_RESKEY_CRM_meta_interval=${interval}`,
    ...variables,
    AGENT,
    action,
  );
}

/** Exit status of {@link agent}. */
async function status(...args: globalThis.Parameters<typeof agent>): Promise<number> {
  return (await agent(...args)).code;
}

systemTest(
  "acceptance 16: ocf-tester finds no fault in either phase",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const a = await node(newHost, "a");
    await a.start();
    const options = [
      `id=vip1`,
      `names=nfs1.example.net`,
      `addresses=${VIP}`,
      `ledger=directory:${ledger}`,
    ].flatMap((option) => ["-o", option]);
    for (const phase of ["acquire", "notify"]) {
      if (phase === "notify") await a.identity("acquire", "vip1");
      const { code, stdout, stderr } = await a.host.run(
        ...["ocf-tester", "-n", "it", ...options, "-o", `phase=${phase}`, AGENT],
      );
      assertEquals(code, 0, stdout + stderr);
      assertStringIncludes(stdout, "passed all tests");
      // ocf-tester also calls optional actions, and comments on the meta-data.
      assertEquals(/\* (?!Your agent does not support)/.exec(stdout)?.input, undefined);
    }
  },
);

systemTest(
  "acceptance 16: the agent moves an identity from a killed node, and its clients are notified",
  NEEDS,
  async (newHost, newFolder) => {
    const given = {
      id: "vip1",
      names: "nfs1.example.net",
      addresses: VIP,
      ledger: `directory:${await newFolder()}`,
    };
    const acquire = { ...given, phase: "acquire" };
    const notify = { ...given, phase: "notify" };
    const [a, b] = await Promise.all([node(newHost, "a"), node(newHost, "b")]);
    await Promise.all([a.start(), b.start()]);
    assertEquals(await status(a, "monitor", acquire, "0"), OCF.notRunning);
    assertEquals(await status(a, "start", acquire), OCF.success);
    assertEquals(await status(a, "start", notify), OCF.success);
    assertEquals(await status(a, "monitor", acquire), OCF.success);
    assertEquals(await status(a, "monitor", notify), OCF.success);
    // A start of a running agent is no acquisition.
    assertEquals(await status(a, "start", acquire), OCF.success);
    assertEquals((await a.report("vip1"))["epoch"], 1);
    const clients = peerAddresses("127.1", 20);
    for (const client of clients) assertMatch(await a.mon(client), SUCCESS);
    await a.signal("KILL");

    const peers = new ManyPeers(b.host);
    await peers.ready();
    assertEquals(await status(b, "start", acquire), OCF.success);
    assertEquals(await status(b, "monitor", notify), OCF.notRunning);
    assertEquals(await status(b, "start", notify), OCF.success);
    assertEquals((await peers.count()).told, 20);
    assertEquals(await status(b, "monitor", notify), OCF.success);

    // An agent without a daemon is not running and can be stopped; the next daemon does not hold
    // the identity.
    assertEquals(await status(a, "monitor", acquire, "0"), OCF.notRunning);
    assertEquals(await status(a, "stop", acquire), OCF.success);
    await a.start();
    assertEquals((await a.report("vip1"))["state"], "not held");
    assertMatch(await a.mon("127.1.1.1"), SUCCESS);

    // A superseded node no longer runs the agent, and stops it without a fault.
    assertEquals(await status(a, "start", acquire), OCF.success);
    assertEquals((await b.mon("127.1.1.2")).startsWith("SUCCESS 00000001"), true);
    assertEquals(await status(b, "monitor", acquire), OCF.notRunning);
    assertEquals(await status(b, "stop", acquire), OCF.success);

    // After another acquire by hand, told clients were told the previous number.
    assertEquals(await status(a, "start", notify), OCF.success);
    await a.identity("acquire", "vip1");
    assertEquals(await status(a, "monitor", notify), OCF.notRunning);
    assertEquals(await status(a, "start", notify), OCF.success);
    assertEquals(await status(a, "stop", notify), OCF.success);

    // An unreachable client stays on record, and is no failure of the service.
    assertMatch(await a.mon("10.200.0.1"), SUCCESS);
    await a.identity("acquire", "vip1");
    const brief = { ...notify, deadline: "1" };
    assertEquals(await status(a, "start", brief), OCF.success);
    assertMatch(await a.host.output("cat", "/run/agent.log"), /10\.200\.0\.1: not told/);
    assertEquals(await status(a, "stop", notify), OCF.success);

    // A start ends before its timeout, in ms, would fail it.
    const short = { ...notify, CRM_meta_timeout: "5000" };
    assertEquals(await status(a, "start", short), OCF.success);
    assertStringIncludes(
      await a.host.output("cat", "/run/agent.log"),
      "Clients were tried for 1 s, not for 25 s: the start has to end within 5 s. " +
        "Set op start timeout=40s",
    );
    assertEquals(await status(a, "stop", notify), OCF.success);
    assertEquals(await status(a, "stop", acquire), OCF.success);
    assertEquals(await status(a, "stop", acquire), OCF.success);
  },
);

systemTest(
  "the agent reports faults by the exit statuses of the OCF standard",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const given = { id: "vip1", addresses: VIP, ledger: `directory:${ledger}` };
    const a = await node(newHost, "a");
    const reasons: string[] = [];
    const ends = async (code: number, action: string, parameters: Parameters) => {
      const ended = await agent(a, action, parameters);
      assertEquals(ended.code, code, ended.stderr);
      reasons.push(/ocf-exit-reason:(.*)/.exec(ended.stderr)?.[1] ?? "");
    };
    await ends(OCF.generic, "start", given);
    await a.start();
    await ends(OCF.configured, "validate-all", {});
    await ends(OCF.configured, "validate-all", { ...given, id: "../x" });
    await ends(OCF.configured, "validate-all", { ...given, phase: "both" });
    await ends(OCF.configured, "validate-all", { ...given, deadline: "soon" });
    await ends(OCF.installed, "validate-all", { ...given, nsmctl: "/nowhere" });
    await ends(OCF.configured, "start", { ...given, addresses: "not-one" });
    await ends(OCF.args, "start", { id: "unknown" });
    await ends(OCF.generic, "start", { ...given, ledger: "directory:/srv/absent/nsm" });
    await ends(OCF.success, "start", given);
    await a.host.output("ip", "address", "del", `${VIP}/32`, "dev", "lo");
    await ends(OCF.generic, "start", { id: "vip1", phase: "notify" });
    assertEquals(reasons, [
      "nsmctl: rpc.statd does not run: start it; it holds the identities of this node",
      "The parameter id is missing",
      'id "../x" has characters that no identity has',
      'phase "both" is neither acquire nor notify',
      'deadline "soon" is no number of seconds',
      "/nowhere cannot be run",
      'nsmctl: Identity vip1: "not-one" is no numeric address',
      "nsmctl: There is no identity unknown: " +
      'nfs.conf has no section [identity "unknown"], and nobody has added it',
      "nsmctl: The ledger /srv/absent/nsm: it does not exist: is its file system mounted? " +
      "Make it once, below the mount point",
      "",
      "nsmctl: The address of the identity is not on this host (10.99.0.1): bring it up first",
    ]);
  },
);
