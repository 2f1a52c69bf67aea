/**
 * `deno task ctdb`: instructions of nsm-cluster(7) about CTDB, copied from the page to a cluster of two
 * nodes with Debian's ctdbd. Names begin with the number of the acceptance test.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../../support/agent_client.ts";
import {
  type CtdbNode,
  type CtdbOptions,
  ctdbPair,
  DEBIAN_CALLOUT,
} from "../../support/ctdb_node.ts";
import { MANAGERS } from "../../support/layered_usr.ts";
import { literalBlocks } from "../../support/manual_commands.ts";
import { ManyPeers, peerAddresses } from "../../support/many_peers_client.ts";
import { eventually } from "../../support/patience.ts";
import { describe, message, mon, nullCall } from "../../support/nsm_calls.ts";
import { STATD, STATD_PORT } from "../../support/statd.ts";
import {
  DEBIAN_STATD,
  type NewFolder,
  type NewHost,
  systemTest,
} from "../../support/system_test.ts";

const NEEDS = [`${MANAGERS}/usr/sbin/ctdbd`];
const SUCCESS = /^SUCCESS 00000000/;
const IPV6 = "fd00::50";
const PUBLIC = ["10.0.0.50", "10.0.0.51", "10.0.0.52", "10.0.0.53", IPV6];

/**
 * Two nodes as in the manual page, with further lines in script.options; and the folder of the
 * ledgers.
 */
async function cluster(
  newHost: NewHost,
  newFolder: NewFolder,
  more: readonly string[] = [],
  parts: Partial<CtdbOptions> = {},
): Promise<{ nodes: readonly [CtdbNode, CtdbNode]; ledgers: string }> {
  const shared = await newFolder();
  const [makeFolder, options, setUp] = await literalBlocks("nsm-cluster.7", "CTDB");
  const fitted = (text: string) => text.replaceAll(/^# /gm, "").replaceAll("/cluster", shared);
  const { success } = await new Deno.Command("sh", { args: ["-ec", fitted(makeFolder!)] }).output();
  assert(success);
  const nodes = await ctdbPair(newHost, {
    publicAddresses: PUBLIC.map((address) => `${address}/${address === IPV6 ? 64 : 24}`),
    scriptOptions: [...fitted(options!).trim().split("\n"), ...more],
    shared,
    setUp: fitted(setUp!),
    ...parts,
  });
  return { nodes, ledgers: `${shared}/nsm` };
}

async function peersOf({ host }: CtdbNode): Promise<ManyPeers> {
  const peers = new ManyPeers(host);
  await peers.ready();
  return peers;
}

/** Identities held by a node. @throws {Error} If its rpc.statd does not answer. */
async function heldBy(node: CtdbNode): Promise<string[]> {
  const reports: { id: string; state: string }[] = JSON.parse(
    await node.identity("list", "--json"),
  );
  return reports.filter(({ state }) => state === "held").map(({ id }) => id).sort();
}

/** Identity of an address. */
function idOf(address: string): string {
  return `ip-${address.replaceAll(":", "-")}`;
}

/** Moves addresses so that each node has two IPv4 addresses. */
async function deal(nodes: readonly [CtdbNode, CtdbNode]): Promise<readonly [string[], string[]]> {
  const [ofA] = await dealt(nodes);
  for (const [i, address] of PUBLIC.filter((address) => address !== IPV6).entries()) {
    const node = i < 2 ? 0 : 1;
    if (ofA.includes(address) !== (node === 0)) await nodes[0].move(address, node);
  }
  return await dealt(nodes);
}

/** Addresses of each node, once the nodes hold the identities too. */
async function dealt(
  [a, b]: readonly [CtdbNode, CtdbNode],
): Promise<readonly [string[], string[]]> {
  let addresses: readonly [string[], string[]] = [[], []];
  await eventually("each address has its identity", async () => {
    addresses = await a.addresses();
    // A callout may be restarting rpc.statd.
    const held = await Promise.all([a, b].map((node) => heldBy(node).catch(() => [])));
    return held.every((ids, i) => ids.join() === addresses[i]!.map(idOf).sort().join()) &&
      addresses.flat().length === PUBLIC.length;
  });
  return addresses;
}

/** Waits until the clients have been told at least from these addresses. */
async function areTold(
  peers: ManyPeers,
  clients: readonly string[],
  sources: readonly string[],
): Promise<void> {
  let missing: string[] = [];
  await eventually(`told from ${sources}`, async () => {
    const report = await peers.report();
    missing = clients.filter((client) =>
      !sources.every((source) => report.get(client)?.sources.includes(source))
    );
    return missing.length === 0;
  }).catch((error) => {
    throw new Error(`not told: ${missing}`, { cause: error });
  });
}

systemTest(
  "acceptance 15: when CTDB moves addresses, their clients keep their locks",
  NEEDS,
  async (newHost, newFolder) => {
    const { nodes, ledgers } = await cluster(newHost, newFolder, ["CTDB_NSM_RESTART_LOCKD=no"]);
    const [a, b] = nodes;
    const [ofA] = await deal(nodes);
    const [onA, onB] = [await peersOf(a), await peersOf(b)];
    const clients = peerAddresses("127.1", 20);
    for (const client of clients) assertMatch(await a.mon(client), SUCCESS);
    assertMatch(await b.mon("127.1.9.1"), SUCCESS);

    // The move notifies clients from the address, by the cluster's names; clients of node b's own
    // address lose nothing.
    const [moved, ...left] = ofA.filter((address) => address !== IPV6);
    await onB.forget();
    await b.move(moved!, 1);
    await areTold(onB, clients, [moved!]);
    const forms = ["nfs.example.net", "nfs", moved];
    let sources: readonly string[] = [];
    await eventually("told by all names", async () => {
      const received = (await onB.report()).get(clients[0]!)!;
      sources = received.sources;
      return received.notices.map((notice) => notice.split(" ")[0]).join() === forms.join();
    });
    assertEquals(new Set(sources), new Set([moved]));
    assertEquals((await onB.report()).get("127.1.9.1"), undefined);
    assertEquals((await onA.report()).get(clients[0]!), undefined);

    // The node crashes, and no node sees the ledgers: the address moves all the same. Clients left
    // over are notified once the ledgers are back.
    assertMatch(await a.mon("127.1.9.2"), SUCCESS);
    await Deno.rename(ledgers, `${ledgers}.away`);
    await a.kill();
    for (const address of left) await b.shows(address, 1);
    await eventually("it is said", async () => {
      const log = await b.log();
      return left.every((address) => log.includes(`${idOf(address)} is not held here`));
    });
    await Deno.rename(`${ledgers}.away`, ledgers);
    await areTold(onB, [...clients, "127.1.9.2"], left);
    await eventually("all is held", async () => {
      return (await heldBy(b)).join() === PUBLIC.map(idOf).sort().join();
    });
    await b.isHealthy(1);
  },
);

systemTest(
  "acceptance 15: after a restart of the lock manager, all clients of both nodes are notified",
  NEEDS,
  async (newHost, newFolder) => {
    const { nodes } = await cluster(newHost, newFolder);
    const [a, b] = nodes;
    const both = await deal(nodes);
    const [ofA, ofB] = both.map((addresses) => addresses.filter((address) => address !== IPV6));
    const [onA, onB] = [await peersOf(a), await peersOf(b)];
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    assertMatch(await b.mon("127.1.0.2"), SUCCESS);
    const [moved, ...left] = ofA!;
    await b.move(moved!, 1);
    await areTold(onB, ["127.1.0.1"], [moved!]);
    await areTold(onB, ["127.1.0.2"], [moved!, ...ofB!]);
    await areTold(onA, ["127.1.0.1"], left);
    for (const { host } of nodes) {
      const asked = (await host.output("cat", "/run/nfs-callout")).split("\n");
      const ofLockd = asked.filter((line) => line.includes("nlockmgr"));
      assertEquals(ofLockd.slice(-2), ["stop nlockmgr", "start nlockmgr"]);
    }
  },
);

systemTest(
  "acceptance 15: where the callout restarts rpc.statd, the NFS server is restarted for a grace period",
  NEEDS,
  async (newHost, newFolder) => {
    const { nodes } = await cluster(newHost, newFolder, [], { nfsCallout: DEBIAN_CALLOUT });
    const [a, b] = nodes;
    for (const { host } of nodes) {
      await host.output("sh", "-c", "echo Y >/proc/fs/lockd/nlm_end_grace");
      await host.output("sh", "-c", "mkdir /proc/fs/nfsd && echo 8 >/proc/fs/nfsd/threads");
    }
    const [ofA, ofB] = (await deal(nodes)).map((addresses) =>
      addresses.filter((address) => address !== IPV6)
    );
    const onB = await peersOf(b);
    const granted = (node: CtdbNode, client: string) =>
      eventually(
        `${client} is granted`,
        async () => SUCCESS.test(await node.mon(client).catch(() => "")),
      );
    await granted(a, "127.1.0.1");
    await granted(b, "127.1.0.2");

    // The lock manager of node b loses the locks of its own client, too.
    await a.kill();
    await areTold(onB, ["127.1.0.1"], ofA!);
    await areTold(onB, ["127.1.0.2"], [...ofA!, ...ofB!]);
    assertEquals(await b.host.output("cat", "/proc/fs/lockd/nlm_end_grace"), "N\n");
    const asked = (await b.host.output("cat", "/run/nfs-callout")).split("\n")
      .filter((line) => /^(stop|start) n/.test(line));
    assertEquals(asked.slice(-2), ["stop nfs", "start nfs"]);
  },
);

systemTest(
  "acceptance 15: an identity that was released by hand is acquired again, and the way back leaves none",
  NEEDS,
  async (newHost, newFolder) => {
    const { nodes } = await cluster(newHost, newFolder, ["CTDB_NSM_RESTART_LOCKD=no"]);
    const owner = async () => {
      const addresses = await dealt(nodes);
      const i = addresses[0].length > 0 ? 0 : 1;
      return { node: nodes[i], other: nodes[1 - i]!, ids: addresses[i].map(idOf) };
    };
    const first = await owner();
    await first.node.identity("release", first.ids[0]!);
    await first.node.identity("remove", first.ids[0]!);
    const { node, other, ids } = await owner();

    const back = (await literalBlocks("nsm-cluster.7", "CTDB")).at(-1)!.replaceAll(/^# /gm, "");
    const [shutdown, takeOut, remove, switchOn] = back.trim().split("\n");
    const removals = ids.map((id) => remove!.replace(/ip-\S+/, id));
    await node.host.output("sh", "-ec", [shutdown, takeOut, ...removals, switchOn].join("\n"));
    assertEquals(await heldBy(node), []);
    assertEquals(await node.report(ids[0]!), {});
    assertMatch(await node.host.output("ls", "-l", "/etc/ctdb/statd-callout"), /^-rwx/);
    await node.host.output("ctdbd");
    await other.isHealthy(2);
  },
);

/** Number of hosts for which CTDB's callout runs, per program. */
const CALLOUTS = 100;
/**
 * Interval of health checks, in ms: much shorter than CTDB's, and long enough to slow nothing down.
 */
const HEALTH_MS = 100;
/** Tolerated ratio of durations, ours to Debian's, with one run of each. */
const SLOWER_MAX = 2;

systemTest(
  "acceptance 15: CTDB's own callout runs as with Debian's statd, and health checks are answered meanwhile",
  [...NEEDS, DEBIAN_STATD],
  async (newHost, newFolder) => {
    const shared = await newFolder();
    // That path has our program in the hosts.
    await Deno.copyFile(DEBIAN_STATD, `${shared}/debian`);
    const [{ host }] = await ctdbPair(newHost, {
      publicAddresses: [`${PUBLIC[0]}/24`, `${PUBLIC[1]}/24`],
      scriptOptions: [],
      shared,
      // The callout needs root, as CTDB's tools do.
      setUp:
        "chmod +x /etc/ctdb/statd-callout; chown -R root:root /var/lib/nfs; cd /var/lib/nfs; " +
        "chmod 700 sm sm.bak; cp -a /var/lib/nfs /run/debian; chmod 755 /run/debian",
      nfsConf: "[statd]\nname = cluster\nha-callout = /etc/ctdb/statd-callout\n",
    });
    await host.startRpcbind();
    const port = STATD_PORT + 1;
    const callout = ["-n", "cluster", "-H", "/etc/ctdb/statd-callout"];
    const debian = ["-F", "-p", String(port), "--no-notify", "-P", "/run/debian", ...callout];
    host.start(`${shared}/debian`, ...debian);
    const listens = `until : </dev/tcp/127.0.0.1/${port}; do sleep 0.2; done`;
    await host.output("timeout", "60", "bash", "-c", listens);
    const [health, caller] = [new Agent(host), new Agent(host)];
    const took: number[] = [];
    for (const to of [{ ...STATD, port }, STATD]) {
      let isOver = false;
      let slowest = 0;
      const checking = (async () => {
        while (!isOver) {
          const asked = performance.now();
          await health.datagram(message(nullCall), to);
          slowest = Math.max(slowest, performance.now() - asked);
          await new Promise((resolve) => setTimeout(resolve, HEALTH_MS));
        }
      })();
      const started = performance.now();
      for (let i = 0; i < CALLOUTS; i++) {
        const monName = `127.1.${to.port & 255}.${i}`;
        const { message: reply } = await caller.datagram(message(mon({ monName })), to);
        assertMatch(describe(reply), SUCCESS);
      }
      took.push(performance.now() - started);
      isOver = true;
      await checking;
      const figures = `${to === STATD ? "ours" : "Debian's"}: ${CALLOUTS} callouts in ` +
        `${(took.at(-1)! / 1000).toFixed(1)} s, slowest SM_NULL ${slowest.toFixed(0)} ms\n`;
      await Deno.stdout.write(new TextEncoder().encode(figures));
    }
    assert(took[1]! < SLOWER_MAX * took[0]!, String(took));
  },
);
