/**
 * Instructions of nsm-cluster(7), copied from the page to two bare hosts: a service with a
 * directory as ledger, and one with an etcd with TLS and users, each up to the test of the
 * take-over.
 */

import { assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD } from "../../support/etcd_cluster.ts";
import { ManyPeers } from "../../support/many_peers_client.ts";
import { literalBlocks } from "../../support/manual_commands.ts";
import { eventually } from "../../support/patience.ts";
import { TestHost } from "../../support/namespace.ts";
import { type NewHost, OUR_STATD, systemTest } from "../../support/system_test.ts";

const ETCDCTL = Deno.env.get("ETCDCTL") ?? "/usr/bin/etcdctl";
const OPENSSL = "/usr/bin/openssl";
const SUCCESS = /^SUCCESS 00000000/;
/** Address of the service on the page, and addresses of the members of etcd. */
const VIP = "10.0.0.50";
const MEMBERS = ["e1", "e2", "e3"].map((name, i) => `10.0.0.${11 + i} ${name}`);

/** Two hosts on a cable, configured as on the page. */
async function pair(
  newHost: NewHost,
  nfsConf: string,
): Promise<readonly [ClusterNode, ClusterNode]> {
  const parts = { etc: { "nfs.conf": nfsConf }, hosts: MEMBERS };
  const nodes = [
    new ClusterNode(await newHost(parts), "a"),
    new ClusterNode(await newHost(parts), "b"),
  ] as const;
  const [a, b] = nodes;
  await TestHost.join(
    { host: a.host, addresses: ["10.0.0.1/24"] },
    { host: b.host, addresses: ["10.0.0.2/24"] },
  );
  return nodes;
}

/** Starts the service on node a, kills node a, and lets node b take over. */
async function takeOver([a, b]: readonly [ClusterNode, ClusterNode]): Promise<void> {
  const page = (await Deno.readTextFile(new URL("../../../conf/nsm-cluster.7", import.meta.url)))
    .replaceAll("\\-", "-");
  const command = (action: string) => {
    const [, args] = new RegExp(`nsmctl identity (${action} vip1.*)`).exec(page)!;
    return args!.split(" ");
  };
  await a.identity(...command("acquire"));
  await a.host.output("ip", "address", "add", `${VIP}/24`, "dev", "cable");
  await a.identity(...command("notify"));
  // An etcd that elects, as on a busy machine, refuses new clients for a second or two.
  await eventually("a client is granted", async () => SUCCESS.test(await a.mon("127.1.0.1")));
  await a.signal("KILL");
  await a.host.output("ip", "address", "del", `${VIP}/24`, "dev", "cable");

  const peers = new ManyPeers(b.host);
  await peers.ready();
  await b.identity(...command("acquire"));
  await b.host.output("ip", "address", "add", `${VIP}/24`, "dev", "cable");
  const [action, ...args] = command("notify");
  assertEquals(action, "notify");
  assertMatch(await b.identity("notify", ...args), /told 1 of 1/);
  assertEquals((await peers.report()).get("127.1.0.1")?.sources[0], VIP);
  await b.identity(...command("release"));
}

systemTest(
  "the page, from two bare hosts to a take-over: a directory",
  [OUR_STATD],
  async (newHost, newFolder) => {
    const settings = (await literalBlocks("nsm-cluster.7", "Setting up")).join("");
    const nodes = await pair(newHost, settings);
    const disk = await newFolder();
    for (const { host } of nodes) {
      await host.output("mount", "-t", "tmpfs", "none", "/srv");
      await host.output("sh", "-ec", `mkdir /srv/vip1; mount --bind ${disk} /srv/vip1`);
    }
    await nodes[0].host.output("mkdir", "/srv/vip1/nsm");
    for (const node of nodes) await node.start();
    await takeOver(nodes);
    await nodes[1].host.output("umount", "/srv/vip1");
  },
);

/** Certificate authority, and certificate of the members. */
const CERTIFICATES = `
mkdir -m 755 /etc/nsm && cd /etc/nsm
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 \\
  -subj /O=site -keyout ca.key -out ca.pem
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=site \\
  -keyout etcd.key -out etcd.csr
echo subjectAltName=DNS:e1,DNS:e2,DNS:e3 >ext
openssl x509 -req -in etcd.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 3650 -extfile ext \\
  -out etcd.pem
`;
const PASSWORD = "secret of nsm";

/** Three members on the first node's host, with users, one of them root. */
async function startEtcd(host: TestHost, folder: string): Promise<void> {
  await host.output("sh", "-ec", CERTIFICATES);
  const names = MEMBERS.map((line) => line.split(" ") as [string, string]);
  const peers = names.map(([address, name]) => `${name}=http://${address}:2380`).join(",");
  const members = names.map(([address, name]) =>
    host.start(
      ...[ETCD, "--name", name, "--data-dir", `${folder}/${name}`, "--log-level", "info"],
      ...["--listen-client-urls", `https://${address}:2379`],
      ...["--advertise-client-urls", `https://${name}:2379`, "--initial-cluster", peers],
      ...["--listen-peer-urls", `http://${address}:2380`],
      ...["--initial-advertise-peer-urls", `http://${address}:2380`],
      ...["--cert-file", "/etc/nsm/etcd.pem", "--key-file", "/etc/nsm/etcd.key"],
    )
  );
  for (const member of members) await member.line(/serving client requests/);
}

systemTest(
  "the page, from two bare hosts to a take-over: etcd with TLS and users",
  [OUR_STATD, ETCD, ETCDCTL, OPENSSL],
  async (newHost, newFolder) => {
    const settings = (await literalBlocks("nsm-cluster.7", "Setting up")).join("");
    const [section, users, enabling] = await literalBlocks("nsm-cluster.7", "A ledger in etcd");
    const identity = settings.replace(/^ledger = .*$/m, "ledger = etcd");
    const nodes = await pair(newHost, `${identity}${section}`);
    const [a, b] = nodes;
    for (const line of MEMBERS) {
      await a.host.output("ip", "address", "add", `${line.split(" ")[0]}/24`, "dev", "cable");
    }
    await startEtcd(a.host, await newFolder());
    const passwords = [["nsm", PASSWORD], ["root", "secret of root"]] as const;
    const commands = passwords.reduce(
      (text, [user, password]) =>
        text.replace(`user add ${user}`, `user add ${user}:'${password}'`),
      `${users}${enabling}`.replaceAll(/^# /gm, ""),
    );
    await a.host.output("sh", "-ec", `etcdctl() { ${ETCDCTL} "$@"; }\n${commands}`);
    await b.host.output("mkdir", "/etc/nsm");
    await b.host.write("/etc/nsm/ca.pem", await Deno.readFile(a.host.path("/etc/nsm/ca.pem")));
    for (const node of nodes) {
      await node.host.write("/etc/nsm/etcd.password", `${PASSWORD}\n`);
      await node.host.output("chmod", "600", "/etc/nsm/etcd.password");
      await node.start();
    }
    await takeOver(nodes);
  },
);
