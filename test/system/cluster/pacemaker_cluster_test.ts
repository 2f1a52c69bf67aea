/**
 * Instructions of nsm-cluster(7) about Pacemaker, copied from the page to a cluster of two nodes
 * with Debian's corosync and Pacemaker. Names begin with the number of the acceptance test.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { MANAGERS } from "../../support/layered_usr.ts";
import { ManyPeers, peerAddresses } from "../../support/many_peers_client.ts";
import { literalBlocks } from "../../support/manual_commands.ts";
import { type PacemakerNode, pacemakerPair } from "../../support/pacemaker_node.ts";
import { systemTest } from "../../support/system_test.ts";

const NEEDS = [`${MANAGERS}/usr/sbin/crm`, `${MANAGERS}/usr/sbin/pacemakerd`];
const SUCCESS = /^SUCCESS 00000000/;
/** Address on the cable that no node has. */
const SILENT = "10.0.0.99";
const FAILURE = /^SUCCESS 00000001/;

/** Commands of the page, adapted to a host without a disk, systemd and the kernel's NFS server. */
function fitted(commands: string, storage: string): string {
  const replacements: readonly (readonly [string, string])[] = [
    ["# crm configure\n", ""],
    ["systemd:rpc-statd", "ocf:heartbeat:Dummy"],
    ["systemd:nfs-server", "ocf:heartbeat:Dummy"],
    [
      "device=/dev/drbd0 directory=/srv/vip1 fstype=ext4",
      `device=${storage} directory=/srv/vip1 fstype=none options=bind`,
    ],
    ["ocf:heartbeat:exportfs", "ocf:heartbeat:Dummy"],
    ["  params directory=/srv/vip1 clientspec=10.0.0.0/24 options=rw fsid=1", "  op monitor"],
  ];
  return replacements.reduce((text, [from, to]) => {
    assert(text.includes(from), `the page does not say ${from}`);
    return text.replace(from, to);
  }, commands);
}

/** Peers of a node, which answer at 127.1.0.0/16. */
async function clientsOf({ host }: PacemakerNode): Promise<ManyPeers> {
  const peers = new ManyPeers(host);
  await peers.ready();
  return peers;
}

systemTest(
  "acceptance 16: with the page's commands Pacemaker moves a service, and its clients are notified",
  NEEDS,
  async (newHost, newFolder) => {
    const storage = await newFolder();
    await Deno.mkdir(`${storage}/nsm`);
    const nfsConf = (await literalBlocks("nsm-cluster.7", "Setting up")).join("");
    const [commands] = await literalBlocks("nsm-cluster.7", "Pacemaker");
    const [a, b] = await pacemakerPair(newHost, nfsConf);
    for (const { host } of [a, b]) await host.output("mkdir", "/srv/vip1");
    await a.host.write("/run/commands", fitted(commands!, storage));
    const configured = await a.host.run("crm", "-f", "/run/commands", "configure");
    assertEquals(configured.code, 0, configured.stdout + configured.stderr);
    await a.shows("vip1-notify.*Started a");

    // Requested move: node a releases the identity, its file system is unmounted, and b tells the
    // clients.
    const onB = await clientsOf(b);
    const clients = peerAddresses("127.1", 20);
    for (const client of clients) assertMatch(await a.mon(client), SUCCESS);
    await a.host.output("crm_resource", "--move", "--resource", "vip1", "--node", "b");
    await b.shows("vip1-notify.*Started b");
    assertEquals((await onB.count()).told, 20);
    const { notices, sources } = (await onB.report()).get(clients[0]!)!;
    assertEquals(notices.map((notice) => notice.split(" ")[0]), [
      "nfs1.example.net",
      "nfs1",
      "10.0.0.50",
    ]);
    assertEquals(new Set(sources), new Set(["10.0.0.50"]));
    assertEquals((await a.host.run("mountpoint", "-q", "/srv/vip1")).code !== 0, true);
    assertMatch(await a.mon("127.1.2.1"), SUCCESS);

    // The ledger is lost: new clients are refused, the monitor action reports it, and the service
    // moves.
    assertMatch(await b.mon("127.1.1.1"), SUCCESS);
    const onA = await clientsOf(a);
    await b.host.output("umount", "--lazy", "/srv/vip1");
    assertMatch(await b.mon("127.1.1.2"), FAILURE);
    await a.shows("vip1-notify.*Started a");
    assertEquals((await onA.report()).get("127.1.1.1")?.notices.length, 3);
    await a.host.output("crm_resource", "--cleanup");
    await a.shows("vip1-notify.*Started b");

    // The node ends abruptly. A silent client does not fail the start of the service.
    assertMatch(await b.mon("127.1.1.3"), SUCCESS);
    assertMatch(await b.mon(SILENT), SUCCESS);
    await onA.forget();
    await b.kill();
    await a.shows("vip1-notify.*Started a");
    const told = await onA.report();
    for (const client of [...clients, "127.1.1.1", "127.1.1.3"]) {
      assertEquals(told.get(client)?.notices.length, 3, client);
    }
    const failures = await a.host.output("crm_mon", "-1f");
    assertEquals(/vip1-notify: .*/.exec(failures)?.[0], undefined);
  },
);
