/**
 * Acceptance test 21 of identities: a service in a pod of Kubernetes, with the settings of the
 * page. The pod has a network behind masquerading, a read-only root, and an unprivileged user; its
 * ledger is a volume.
 */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Agent } from "../../support/agent_client.ts";
import { literalBlocks } from "../../support/manual_commands.ts";
import { TestHost } from "../../support/namespace.ts";
import { mon } from "../../support/nsm_calls.ts";
import { OUR_NSMCTL } from "../../support/nsmctl_host.ts";
import { ask, FOREGROUND, READY } from "../../support/statd.ts";
import { DEBIAN_STATD, type NewHost, OUR_STATD, systemTest } from "../../support/system_test.ts";

const NFT = "/usr/sbin/nft";
const SETPRIV = "/usr/bin/setpriv";
const NEEDS = [OUR_STATD, OUR_NSMCTL, DEBIAN_STATD, NFT, SETPRIV];
const SERVICE = "nfs1.example.net";
const NODE = "10.0.0.1";
const CLIENT = "10.0.0.2";
/** User of the pod: a bare number. */
const USER = "65534";
const UNPRIVILEGED = [
  SETPRIV,
  ...["--reuid", USER, "--regid", USER, "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"],
  "--no-new-privs",
];
const SUCCESS = /^SUCCESS 00000000/;
/** Constant name and disk, as of a StatefulSet. */
const POD_NAME = "nfs-0";

/** Node of the cluster that hides the addresses of its pods. */
async function masqueradingNode(newHost: NewHost): Promise<TestHost> {
  const node = await newHost();
  await node.output("sh", "-ec", "echo 1 >/proc/sys/net/ipv4/ip_forward");
  const rules = "add table ip nat; " +
    "add chain ip nat behind { type nat hook postrouting priority srcnat; }; " +
    "add rule ip nat behind ip saddr 10.1.0.0/16 masquerade";
  await node.output(NFT, rules);
  return node;
}

/** Pod on that node; only mounts are writable. */
async function podOn(node: TestHost, newHost: NewHost, number: number, ledger: string) {
  const [settings] = await literalBlocks("nsm-cluster.7", "A server in a pod");
  const nfsConf = settings!.replace("/srv/nsm", ledger);
  const pod = await newHost({ etc: { "nfs.conf": nfsConf } });
  await TestHost.join(
    { host: pod, addresses: [`10.1.${number}.2/24`] },
    { host: node, addresses: [`10.1.${number}.1/24`] },
  );
  const device = `pod${number}`;
  await node.output(
    "sh",
    "-ec",
    `ip link set cable down; ip link set cable name ${device}; ip link set ${device} up; ` +
      `ip address replace 10.1.${number}.1/24 dev ${device}`,
  );
  await pod.output("ip", "route", "add", "default", "via", `10.1.${number}.1`);
  await pod.output("chown", "-R", `${USER}:${USER}`, "/var/lib/nfs");
  await pod.output("mount", "--bind", ledger, ledger);
  await pod.output("mount", "-o", "remount,bind,ro", "/");
  const command = `hostname ${POD_NAME} && { "$@" & wait; }`;
  const statd = pod.start(
    ...["unshare", "--uts", "sh", "-c", command, "sh"],
    ...[...UNPRIVILEGED, OUR_STATD, ...FOREGROUND],
  );
  await statd.line(READY);
  const identity = async (...args: string[]) => {
    const { code, stdout, stderr } = await pod.run(
      ...UNPRIVILEGED,
      OUR_NSMCTL,
      "identity",
      ...args,
    );
    assertEquals(code, 0, stderr);
    return stdout;
  };
  return { pod, statd, identity };
}

systemTest(
  "acceptance 21: a killed pod restarts elsewhere, and its client is notified under the service's name",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    await Deno.chown(ledger, Number(USER), Number(USER));
    const node = await masqueradingNode(newHost);
    const client = await newHost({ hosts: [`${NODE} ${SERVICE}`] });
    const first = await podOn(node, newHost, 1, ledger);
    const second = await podOn(node, newHost, 2, ledger);
    await TestHost.join(
      { host: node, addresses: [`${NODE}/24`] },
      { host: client, addresses: [`${CLIENT}/24`] },
    );

    // The client is nfs-utils', and has mounted the service by its name.
    await client.startRpcbind();
    const lockd = new Agent(client);
    await lockd.serve();
    client.start(DEBIAN_STATD, "-F", "-p", "4050", "--no-notify");
    await client.output("sh", "-c", "until rpcinfo -t 127.0.0.1 100024 1; do sleep 0.1; done");
    assertMatch(await ask(lockd, mon({ monName: SERVICE })), SUCCESS);

    await first.identity("acquire", "nfs1", "--fenced");
    assertMatch(await ask(new Agent(first.pod), mon({ monName: CLIENT })), SUCCESS);
    await first.pod.output("pkill", "-KILL", "-f", `^${OUR_STATD}`);
    await first.statd.ended;

    await second.identity("acquire", "nfs1", "--fenced");
    assertMatch(await second.identity("notify", "nfs1"), /^Identity nfs1: told 1 of 1 /);
    const [called] = await lockd.called(1);
    assertStringIncludes(called!.message, new TextEncoder().encode(SERVICE).toHex());
    // Its notice came from the node.
    assertEquals((await client.run("grep", "-c", "^10\\.1\\.", "/proc/net/arp")).stdout, "0\n");
  },
);
