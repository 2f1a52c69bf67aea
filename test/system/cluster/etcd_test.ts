/**
 * Identities with etcd as ledger, from Debian's etcd-server. Names begin with the number of the
 * acceptance test. The programs are those of ETCD, or in /usr/bin.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { ClusterNode } from "../../support/cluster_node.ts";
import { ETCD, EtcdCluster } from "../../support/etcd_cluster.ts";
import { TestHost } from "../../support/namespace.ts";
import { nullCall } from "../../support/nsm_calls.ts";
import { ManyPeers, monitor, peerAddresses } from "../../support/many_peers_client.ts";
import { eventually } from "../../support/patience.ts";
import { ask } from "../../support/statd.ts";
import { type NewFolder, type NewHost, OUR_STATD, systemTest } from "../../support/system_test.ts";

const NEEDS = [OUR_STATD, ETCD, "/usr/bin/curl"];
const VIP = "10.99.0.1";
const A = "10.98.0.1";
const B = "10.98.0.2";

const SUCCESS = /^SUCCESS 00000000/;
const FAILURE = /^SUCCESS 00000001/;

/** Functions with which a test makes its world. */
type Made = readonly [NewHost, NewFolder];

interface World {
  readonly a: ClusterNode;
  readonly b: ClusterNode;
  readonly etcd: EtcdCluster;
}

interface Options {
  readonly members?: number;
  readonly flags?: readonly string[];
  /** Lines of the identity's section. */
  readonly identity?: string;
  /** Lines of the section [etcd], without endpoints. */
  readonly etcd?: string;
  readonly timeoutMs?: number;
}

/** Two nodes and one etcd cluster, which runs beside the first node. */
async function world([newHost, newFolder]: Made, options: Options = {}): Promise<World> {
  const { members = 1, flags = [], identity = "", etcd: more = "", timeoutMs = 1500 } = options;
  const endpoints = Array.from({ length: members }, (_, i) => `http://${A}:${23791 + i}`);
  const conf = `[identity "vip1"]\nnames = vip1.example.net\naddresses = ${VIP}\nledger = etcd\n` +
    `${identity}\n[etcd]\nendpoints = ${endpoints.join(", ")}\ntimeout-ms = ${timeoutMs}\n${more}`;
  const parts = { addresses: [`${VIP}/32`], etc: { "nfs.conf": conf } };
  const [hostA, hostB] = [await newHost(parts), await newHost(parts)];
  await TestHost.join(
    { host: hostA, addresses: [`${A}/24`] },
    { host: hostB, addresses: [`${B}/24`] },
  );
  const etcd = new EtcdCluster(hostA, await newFolder(), A, members, flags);
  await etcd.start();
  return { a: new ClusterNode(hostA, "a"), b: new ClusterNode(hostB, "b"), etcd };
}

async function peersOf({ host }: ClusterNode): Promise<ManyPeers> {
  const peers = new ManyPeers(host);
  await peers.ready();
  return peers;
}

systemTest(
  "acceptance 4 with etcd: a node with 1,000 peers dies: living peers are notified at once, dead ones stay on record",
  NEEDS,
  async (...made) => {
    const { a, b } = await world(made);
    const living = peerAddresses("127.1", 950);
    const dead = Array.from({ length: 50 }, (_, i) => `10.200.0.${i + 1}`);
    monitor(a.host, [...living, ...dead]);
    await a.start();
    await a.identity("acquire", "vip1");
    assertEquals((await a.report("vip1"))["recorded"], 1000);
    await a.signal("KILL");
    await b.start();
    const peers = await peersOf(b);
    const { code: refused, stderr } = await b.nsmctl("acquire", "vip1");
    assertEquals(refused, 4);
    assertMatch(stderr, /held by a since .*--fenced if that node is dead/);
    await b.identity("acquire", "vip1", "--fenced");
    const { code, summary } = await b.notify("vip1", "--deadline", "40");
    const { total, told, gave_up, superseded, unread } = summary;
    assertEquals([code, total, told, gave_up, superseded, unread], [6, 1000, 950, 50, false, 0]);
    assertEquals((await peers.count()).told, 950);
    assertEquals((await b.report("vip1"))["state"], "held");
  },
);

systemTest(
  "acceptance 7 with etcd: a node that was suspended changes nothing when it resumes, and reports why",
  NEEDS,
  async (...made) => {
    const { a, b } = await world(made);
    await a.start();
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.signal("STOP");
    await b.start();
    await b.identity("acquire", "vip1", "--fenced");
    await a.signal("CONT");
    await eventually("a knows", async () => (await a.report("vip1"))["state"] === "superseded");
    assertEquals((await a.report("vip1"))["supersededBy"], "b");
    assertMatch(await a.mon("127.1.0.3"), SUCCESS);
    assertEquals((await b.report("vip1"))["pending"], 1);
  },
);

systemTest(
  "a restarted daemon continues the epoch in etcd, and no peer is notified",
  NEEDS,
  async (...made) => {
    const { a, b } = await world(made);
    await a.start();
    await a.identity("acquire", "vip1");
    const { epoch } = await a.report("vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.signal("KILL");
    await a.start();
    assertMatch(await a.mon("127.1.0.2"), SUCCESS);
    const report = await a.report("vip1");
    assertEquals([report["epoch"], report["recorded"], report["pending"]], [epoch, 2, 0]);
    await a.identity("release", "vip1");
    await b.start();
    await b.identity("acquire", "vip1");
    assertEquals((await b.report("vip1"))["pending"], 2);
  },
);

systemTest(
  "acceptance 11: without a quorum a new client is refused, a reclaim is granted, and all other calls work",
  NEEDS,
  async (...made) => {
    const { a, b, etcd } = await world(made, { members: 3 });
    await a.start();
    await a.identity("acquire", "vip1");
    const reclaiming = peerAddresses("127.1", 200);
    for (const peer of reclaiming) assertMatch(await a.mon(peer), SUCCESS);
    await a.signal("KILL");
    await b.start();
    await b.identity("acquire", "vip1", "--fenced");
    await etcd.killMember(1);
    await etcd.killMember(2);
    assertMatch(await b.mon("127.2.0.1"), FAILURE);
    for (const peer of reclaiming) assertMatch(await b.mon(peer), SUCCESS);
    for (let i = 0; i < 20; i++) {
      assertMatch(await b.mon("127.2.0.2"), FAILURE);
      assertMatch(await ask(b.agent, nullCall), /^SUCCESS/);
    }
    assertMatch(String((await b.report("vip1"))["fault"]), /etcd: |no answer/);
    await etcd.startMember(1);
    await eventually("etcd is back", async () => (await b.report("vip1"))["fault"] === undefined);
    assertMatch(await b.mon("127.2.0.1"), SUCCESS);
  },
);

systemTest(
  "acceptance 11: local: acknowledged without a quorum, and recorded in etcd once it is back",
  NEEDS,
  async (...made) => {
    const { a, b, etcd } = await world(made, { identity: "when-unreachable = local" });
    await a.start();
    await a.identity("acquire", "vip1");
    await etcd.killMember(1);
    for (const peer of peerAddresses("127.1", 50)) assertMatch(await a.mon(peer), SUCCESS);
    assertEquals((await a.report("vip1"))["unreplicated"], 50);
    await etcd.startMember(1);
    await eventually("replayed", async () => (await a.report("vip1"))["recorded"] === 50);
    await b.start();
    await b.identity("acquire", "vip1", "--fenced");
    assertEquals((await b.report("vip1"))["pending"], 50);
  },
);

systemTest(
  "acceptance 12: users: an expired token, a changed password, a user without rights to the prefix",
  NEEDS,
  async (...made) => {
    const { a, etcd } = await world(made, {
      flags: ["--auth-token-ttl", "1"],
      etcd: "prefix = /nsm/prod\nuser = nsm\npassword-file = /etc/etcd.password\n",
    });
    await a.host.write("/etc/etcd.password", "one\n");
    await withUsers(etcd, "one", "/nsm/prod/");
    await a.start();
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    // This is longer than the token's lifetime: the next call finds the token expired.
    await a.host.output("sleep", "3");
    assertMatch(await a.mon("127.1.0.2"), SUCCESS);
    const root = await tokenOf(etcd, "root", "r");
    await etcd.call(1, "/v3/auth/user/changepw", { name: "nsm", password: "two" }, root);
    assertMatch(await a.mon("127.1.0.3"), FAILURE);
    assertMatch(String((await a.report("vip1"))["fault"]), /user "nsm" was given no token/);
    await a.host.write("/etc/etcd.password", "two\n");
    await eventually("works", async () => (await a.report("vip1"))["fault"] === undefined);
    await etcd.call(1, "/v3/auth/role/revoke", {
      role: "nsm",
      key: btoa("/nsm/prod/"),
      range_end: btoa("/nsm/prod0"),
    }, await tokenOf(etcd, "root", "r"));
    assertMatch(await a.mon("127.1.0.4"), FAILURE);
    assertMatch(String((await a.report("vip1"))["fault"]), /permission denied: the user needs/);
  },
);

systemTest(
  "acceptance 12: JWT: an expired token, and one invalidated by a change of users",
  [...NEEDS, "/usr/bin/openssl"],
  async (...made) => {
    const keys = await made[1]();
    for (
      const args of [
        ["genrsa", "-out", `${keys}/private.pem`, "2048"],
        ["rsa", "-in", `${keys}/private.pem`, "-pubout", "-out", `${keys}/public.pem`],
      ]
    ) assert((await new Deno.Command("openssl", { args, stderr: "null" }).output()).success);
    const jwt =
      `jwt,pub-key=${keys}/public.pem,priv-key=${keys}/private.pem,sign-method=RS256,ttl=2s`;
    const { a, etcd } = await world(made, {
      flags: ["--auth-token", jwt],
      etcd: "prefix = /nsm/prod\nuser = nsm\npassword-file = /etc/etcd.password\n",
    });
    await a.host.write("/etc/etcd.password", "one\n");
    await withUsers(etcd, "one", "/nsm/prod/");
    await a.start();
    await a.identity("acquire", "vip1");
    assertMatch(await a.mon("127.1.0.1"), SUCCESS);
    await a.host.output("sleep", "3");
    assertMatch(await a.mon("127.1.0.2"), SUCCESS);
    const root = await tokenOf(etcd, "root", "r");
    await etcd.call(1, "/v3/auth/user/add", { name: "other", password: "o" }, root);
    assertMatch(await a.mon("127.1.0.3"), SUCCESS);
    assertEquals((await a.report("vip1"))["recorded"], 3);
  },
);

systemTest(
  "acceptance 12: an etcd without its gateway is reported",
  NEEDS,
  async (...made) => {
    const { a } = await world(made, { flags: ["--enable-grpc-gateway=false"] });
    await a.start();
    const { code, stderr } = await a.nsmctl("acquire", "vip1", "--deadline", "2");
    assertEquals(code, 5);
    assertMatch(stderr, /it has no JSON gateway: set enable-grpc-gateway: true/);
  },
);

async function tokenOf(etcd: EtcdCluster, name: string, password: string): Promise<string> {
  const { token } = await etcd.call(1, "/v3/auth/authenticate", { name, password }) as {
    token: string;
  };
  assert(token !== undefined);
  return token;
}

/** Users root and nsm; nsm has all rights below a prefix. */
async function withUsers(etcd: EtcdCluster, password: string, prefix: string): Promise<void> {
  const end = `${prefix.slice(0, -1)}0`;
  const perm = { permType: "READWRITE", key: btoa(prefix), range_end: btoa(end) };
  for (
    const [path, body] of [
      ["user/add", { name: "root", password: "r" }],
      ["user/add", { name: "nsm", password }],
      ["role/add", { name: "root" }],
      ["role/add", { name: "nsm" }],
      ["role/grant", { name: "nsm", perm }],
      ["user/grant", { user: "root", role: "root" }],
      ["user/grant", { user: "nsm", role: "nsm" }],
      ["enable", {}],
    ] as const
  ) await etcd.call(1, `/v3/auth/${path}`, body);
}
