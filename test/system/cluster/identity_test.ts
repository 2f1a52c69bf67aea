/**
 * Identities with a directory as ledger, on nodes with shared storage. Names begin with the number
 * of the acceptance test.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ManyPeers, monitor, peerAddresses } from "../../support/many_peers_client.ts";
import { eventually } from "../../support/patience.ts";
import { STATE_DIRECTORY } from "../../support/namespace.ts";
import { nullCall } from "../../support/nsm_calls.ts";
import { OUR_NSMCTL } from "../../support/nsmctl_host.ts";
import { ask } from "../../support/statd.ts";
import { type NewHost, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../../support/system_test.ts";

const NEEDS = [OUR_STATD, OUR_SM_NOTIFY];
/** Addresses of services, which every node has here; only the source of notices matters. */
const VIPS = ["10.99.0.1", "10.99.0.2", "10.99.0.3"];

const SUCCESS = /^SUCCESS 00000000/;
const FAILURE = /^SUCCESS 00000001/;

function section(id: string, vip: string, ledger: string): string {
  return `[identity "${id}"]\nnames = ${id}.example.net\naddresses = ${vip}\n` +
    `ledger = directory:${ledger}\n`;
}

/** Node with peers of its own network. */
async function node(
  newHost: NewHost,
  name: string,
  conf: string,
  strangers: readonly string[] = [],
): Promise<ClusterNode> {
  const addresses = VIPS.map((vip) => `${vip}/32`);
  const host = await newHost({ addresses, strangers, etc: { "nfs.conf": conf } });
  return new ClusterNode(host, name);
}

async function started(newHost: NewHost, name: string, conf: string): Promise<ClusterNode> {
  const it = await node(newHost, name, conf);
  await it.start();
  return it;
}

async function peersOf({ host }: ClusterNode): Promise<ManyPeers> {
  const peers = new ManyPeers(host);
  await peers.ready();
  return peers;
}

systemTest(
  "acceptance 4: a node with 1,000 peers dies: living peers are notified at once, dead ones stay for the next move",
  NEEDS,
  async (newHost, newFolder) => {
    const conf = section("vip1", VIPS[0]!, await newFolder());
    const living = peerAddresses("127.1", 950);
    const dead = Array.from({ length: 50 }, (_, i) => `10.200.0.${i + 1}`);
    const a = await node(newHost, "a", conf);
    monitor(a.host, [...living, ...dead]);
    await a.start();
    await a.identity("acquire", "vip1");
    assertEquals((await a.report("vip1"))["recorded"], 1000);
    await a.signal("KILL");

    const b = await started(newHost, "b", conf);
    const peers = await peersOf(b);
    const { code: refused, stderr } = await b.nsmctl("acquire", "vip1");
    assertEquals(refused, 4);
    assertMatch(stderr, /held by a since .*--fenced if that node is dead/);
    await b.identity("acquire", "vip1", "--fenced");
    // A run with silent peers lasts until its time limit; a busy machine needs more time for the
    // other peers.
    let run = await b.notify("vip1", "--deadline", "8");
    for (let attempt = 0; attempt < 3 && run.summary["told"] !== 950; attempt++) {
      run = await b.notify("vip1", "--deadline", "40");
    }
    const { code, lines, summary } = run;
    assertEquals(code, 6);
    const { total, told, gave_up, superseded, unread, epoch } = summary;
    assertEquals({ total, told, gave_up, superseded, unread, epoch }, {
      total: 1000,
      told: 950,
      gave_up: 50,
      superseded: false,
      unread: 0,
      epoch: 2,
    });
    assertEquals(lines.length, 1000);
    const left = lines.filter(({ outcome }) => outcome === "gave_up").map(({ name }) => name)
      .sort();
    assertEquals(left, [...dead].sort());
    assertEquals((await peers.count()).told, 950);

    await b.signal("KILL");
    const c = await node(newHost, "c", conf, ["10.200.0.0/24"]);
    await c.start();
    await peersOf(c);
    await c.identity("acquire", "vip1", "--fenced");
    const next = await c.notify("vip1", "--deadline", "300"); // it ends once all are notified
    assertEquals([next.code, next.summary["told"]], [0, 1000]);
    assert(Number(next.summary["state"]) > Number(summary["state"]));
  },
);

systemTest(
  "acceptance 5: a client monitored before an address arrived is notified when the address moves",
  NEEDS,
  async (newHost, newFolder) => {
    const conf = section("vip1", VIPS[0]!, await newFolder()) +
      section("vip2", VIPS[1]!, await newFolder());
    const a = await started(newHost, "a", conf);
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.identity("acquire", "vip2");
    await a.identity("release", "vip2");
    const b = await started(newHost, "b", conf);
    const peers = await peersOf(b);
    await b.identity("acquire", "vip2");
    const { code, lines } = await b.notify("vip2");
    assertEquals([code, lines.map(({ name, outcome }) => [name, outcome])], [
      0,
      [["127.1.0.1", "told"]],
    ]);
    const { notices } = (await peers.report()).get("127.1.0.1")!;
    assert(notices.some((notice) => notice.startsWith("vip2.example.net ")), String(notices));
    await eventually("it is in the history", async () => {
      const { stdout } = await b.host.run(OUR_NSMCTL, "events");
      return /identity vip2: held by this node/.test(stdout) &&
        /127\.1\.0\.1 told of identity vip2/.test(stdout);
    });
    // The client has not returned, and stays on the list for 120 s.
    const { code: again, stdout } = await b.host.run(OUR_SM_NOTIFY, "--identity", "vip2");
    assertMatch(stdout, /^Identity vip2: told 1 of 1 of state \d+ in /);
    assertEquals(again, 0);
  },
);

systemTest(
  "acceptance 6: three identities are added and removed while the daemon runs, each with its own address",
  NEEDS,
  async (newHost, newFolder) => {
    const ledgers = [await newFolder(), await newFolder(), await newFolder()];
    const [a, b] = [await started(newHost, "a", ""), await started(newHost, "b", "")];
    const peers = await peersOf(b);
    for (const [i, ledger] of ledgers.entries()) {
      const options = ["--names", `vip${i}.example.net`, "--addresses", VIPS[i]!];
      for (const it of [a, b]) {
        await it.identity("add", `vip${i}`, ...options, "--ledger", `directory:${ledger}`);
      }
      await a.identity("acquire", `vip${i}`);
      assertMatch(await a.mon(`127.1.0.${i + 1}`), SUCCESS);
    }
    await a.signal("KILL");
    for (const i of [0, 1, 2]) {
      await b.identity("acquire", `vip${i}`, "--fenced");
      await peers.forget();
      const { code, summary } = await b.notify(`vip${i}`);
      assertEquals(code, 0);
      // An identity acquired later has clients registered before and after: all were monitored.
      const report = await peers.report();
      for (const client of [1, 2, 3]) {
        const { notices, sources } = report.get(`127.1.0.${client}`)!;
        assertEquals(new Set(sources), new Set([VIPS[i]]));
        const forms = [`vip${i}.example.net`, `vip${i}`, VIPS[i]];
        const state = summary["state"];
        assertEquals([...notices].sort(), forms.map((form) => `${form} ${state}`).sort());
      }
    }
    assertEquals((await b.nsmctl("remove", "vip0")).code, 4, "it is held");
    await b.identity("release", "vip0");
    await b.identity("remove", "vip0");
    assertEquals(await b.report("vip0"), {});
    assertEquals((await b.report("vip1"))["state"], "held");
  },
);

systemTest(
  "acceptance 7: a node that was suspended and taken over writes nothing, and serves its other identities",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const conf = section("vip1", VIPS[0]!, ledger);
    const a = await started(newHost, "a", conf);
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.signal("STOP");
    const b = await started(newHost, "b", conf);
    await peersOf(b);
    await b.identity("acquire", "vip1", "--fenced");
    assertEquals((await b.notify("vip1")).code, 0);
    const journal = await Deno.readTextFile(`${ledger}/epoch.1/journal`);
    await a.signal("CONT");
    assertMatch(await a.mon("127.1.0.2"), FAILURE);
    assertMatch(await a.mon("127.1.0.3"), SUCCESS);
    const { state, supersededBy } = await a.report("vip1");
    assertEquals([state, supersededBy], ["superseded", "b"]);
    assertEquals((await a.notify("vip1")).code, 4);
    assertEquals(await Deno.readTextFile(`${ledger}/epoch.1/journal`), journal);
  },
);

systemTest(
  "R6: a run stops with status 4 when its identity is taken",
  NEEDS,
  async (newHost, newFolder) => {
    const conf = section("vip1", VIPS[0]!, await newFolder());
    const [a, b] = [await started(newHost, "a", conf), await started(newHost, "b", conf)];
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("10.200.0.1"), SUCCESS); // a silent address
    await a.identity("acquire", "vip1");
    const running = a.notify("vip1", "--deadline", "60");
    await eventually("it has begun", async () => (await a.host.run("pgrep", "nsmctl")).code === 0);
    await b.identity("acquire", "vip1", "--fenced");
    assertEquals((await running).code, 4);
    assertEquals((await b.report("vip1"))["pending"], 1);
  },
);

systemTest(
  "acceptance 9: a pending client that registers again is notified once, and its new record survives",
  NEEDS,
  async (newHost, newFolder) => {
    const conf = section("vip1", VIPS[0]!, await newFolder()) +
      section("vip2", VIPS[1]!, await newFolder());
    const [a, b] = [await started(newHost, "a", conf), await started(newHost, "b", conf)];
    const peers = await peersOf(b);
    await a.identity("acquire", "vip1");
    await b.identity("acquire", "vip2");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    assertMatch(await b.mon("127.1.0.1"), SUCCESS);
    await a.signal("KILL");
    await b.identity("acquire", "vip1", "--fenced");
    assertEquals((await b.notify("vip1")).summary["told"], 1);
    assertMatch(await b.mon("127.1.0.1"), SUCCESS);
    await eventually("it is settled", async () => (await b.report("vip1"))["pending"] === 0);
    assertEquals((await b.notify("vip1")).summary["total"], 0);
    assertEquals((await peers.report()).get("127.1.0.1")!.notices.length, 3, "three names, once");
    const c = await started(newHost, "c", conf);
    await b.identity("release", "vip1");
    await c.identity("acquire", "vip1");
    assertEquals((await c.report("vip1"))["pending"], 1);
  },
);

systemTest(
  "acceptance 13: a ledger that hangs costs STAT_FAIL, and nothing else",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const a = await started(newHost, "a", section("vip1", VIPS[0]!, ledger));
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    const journal = `${ledger}/epoch.1/journal`;
    await Deno.rename(journal, `${journal}.away`);
    await a.host.output("mkfifo", journal); // opening a FIFO blocks
    await a.host.output("chown", `--reference=${journal}.away`, journal);
    const hanging = a.mon("127.1.0.2");
    assertMatch(await ask(a.agent, nullCall), /^SUCCESS/);
    assertMatch(await a.mon("127.1.0.1"), SUCCESS, "on record already");
    assertMatch(await hanging, FAILURE);
    assertMatch(await a.mon("127.1.0.3"), FAILURE);
    assertMatch(String((await a.report("vip1"))["fault"]), /no answer for 1500 ms/);
    const { code, stderr } = await a.nsmctl("release", "vip1", "--deadline", "1");
    assertEquals(code, 5);
    assertMatch(stderr, /Identity vip1: its ledger has not answered for 1 s/);
    await a.signal("TERM");
  },
);

systemTest(
  "a restarted daemon continues the epoch, and no peer is notified",
  NEEDS,
  async (newHost, newFolder) => {
    const a = await started(newHost, "a", section("vip1", VIPS[0]!, await newFolder()));
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.signal("KILL");
    await a.start();
    assertMatch(await a.mon("127.1.0.2"), SUCCESS);
    const { state, epoch, recorded, pending } = await a.report("vip1");
    assertEquals([state, epoch, recorded, pending], ["held", 1, 2, 0]);
  },
);

systemTest(
  "the file system of a ledger can be unmounted after the release",
  NEEDS,
  async (newHost) => {
    const a = await node(newHost, "a", section("vip1", VIPS[0]!, "/srv/vip1/nsm"));
    await a.host.output("sh", "-c", "mount -t tmpfs none /srv && mkdir /srv/vip1");
    const before = await a.start();
    assertEquals((await a.nsmctl("acquire", "vip1")).code, 5, "it is not mounted");
    await a.host.output("sh", "-c", "mount -t tmpfs none /srv/vip1 && mkdir /srv/vip1/nsm");
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.identity("release", "vip1");
    await a.host.output("umount", "/srv/vip1");
    assertMatch(await a.mon("127.1.0.2"), SUCCESS);
    void before;
  },
);

systemTest(
  "what is missing is said: the address before clients are told, the file system of the ledger",
  NEEDS,
  async (newHost, newFolder) => {
    const disk = await newFolder();
    const a = await node(newHost, "a", section("vip1", "10.99.0.77", "/srv/vip1/nsm"));
    await a.host.output("sh", "-ec", "mount -t tmpfs none /srv; mkdir /srv/vip1");
    await a.start();
    const missing = /"?\/srv\/vip1\/nsm"?:? (?:it )?does not exist: is its file system mounted\?/;
    assertMatch((await a.nsmctl("acquire", "vip1")).stderr, missing);
    await a.host.output("mount", "--bind", disk, "/srv/vip1");
    await a.host.output("mkdir", "/srv/vip1/nsm");
    await a.identity("acquire", "vip1");
    const early = await a.nsmctl("notify", "vip1");
    assertEquals(early.code, 1);
    assertMatch(
      early.stderr,
      /^nsmctl: The address .* is not on this host \(10\.99\.0\.77\): bring /,
    );
    await a.host.output("ip", "address", "add", "10.99.0.77/32", "dev", "lo");
    await a.identity("notify", "vip1");
    await a.host.write("/etc/nfs.conf", section("vip1", "10.99.0.78", "/srv/vip1/nsm"));
    assertMatch(
      (await a.nsmctl("acquire", "vip1")).stderr,
      /^nsmctl: Identity vip1 was held already, with another setting of addresses than in nfs\.conf: /,
    );
    await a.host.output("umount", "/srv/vip1");
    const { code, stderr } = await a.nsmctl("release", "vip1");
    assertEquals(code, 5);
    assertMatch(stderr, missing);
    await a.host.output("mount", "--bind", disk, "/srv/vip1");
    await a.identity("release", "vip1");
    assertEquals((await a.nsmctl("acquire", "vip1")).stderr, "");
  },
);

systemTest(
  "acquire reports nfs-utils records in a ledger's directory, and ignores them",
  NEEDS,
  async (newHost, newFolder) => {
    const ledger = await newFolder();
    const a = await started(newHost, "a", section("vip1", VIPS[0]!, ledger));
    await a.host.output(
      "sh",
      "-c",
      `cd ${ledger} && mkdir sm && touch sm/client1 && chown statd .`,
    );
    const { code, stderr } = await a.nsmctl("acquire", "vip1");
    assertEquals(code, 0);
    assertMatch(stderr, /has records of nfs-utils, which are not in the ledger: no node will tell/);
    await a.host.output("rm", "-r", `${ledger}/sm`);
    await a.identity("release", "vip1");
    assertEquals((await a.nsmctl("acquire", "vip1")).stderr, "");
  },
);

systemTest(
  "R5: a run that tells clients stops when its identity is released on the same node",
  NEEDS,
  async (newHost, newFolder) => {
    const a = await started(newHost, "a", section("vip1", VIPS[0]!, await newFolder()));
    const peers = await peersOf(a);
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("10.200.0.1"), SUCCESS); // a silent address
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.identity("acquire", "vip1");
    const running = a.notify("vip1", "--deadline", "60");
    await eventually("it has begun", async () => (await peers.count()).told === 1);
    await a.identity("release", "vip1");
    const { code, summary } = await running;
    assertEquals([code, summary["superseded"]], [4, true]);
  },
);

systemTest(
  "without an identity no file of identities is made, and no output mentions them",
  NEEDS,
  async (newHost) => {
    const a = await started(newHost, "a", "");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    assertEquals(await a.identity("list"), "There are no identities.\n");
    const names = [...Deno.readDirSync(a.host.path(`${STATE_DIRECTORY}/sm`))].map(({ name }) =>
      name
    );
    assert(!names.includes(".identities"));
    const { code, stderr } = await a.nsmctl("acquire", "vip1");
    assertEquals(code, 1);
    assertMatch(stderr, /There is no identity vip1: nfs.conf has no section \[identity "vip1"\]/);
  },
);
