import { assert, assertEquals, assertRejects } from "@std/assert";
import { LedgerError, SupersededError } from "../../lib/cluster/ledger.ts";
import { EtcdEngine } from "../support/ledger_engines.ts";

const pure = { permissions: "none" } as const;

async function taken(engine: EtcdEngine, node: string) {
  const ledger = engine.ledger(node);
  const taking = await ledger.take({ node, life: node, since: `of ${node}` }, () => true);
  assert(taking.outcome === "taken");
  return { ledger, own: taking.own };
}

Deno.test("a newly created etcd is a fault, and not blamed on another node", pure, async () => {
  const engine = new EtcdEngine();
  const { ledger } = await taken(engine, "a");
  engine.etcd.keys.clear();
  const calls = [
    () => ledger.verify(),
    () => ledger.put([{ monName: "c1", addresses: [] }]),
    () => ledger.tryWriting(),
  ];
  for (const call of calls) await assertRejects(call, LedgerError, "acquire it again");
  assertEquals(engine.etcd.keys.size, 0);
  await taken(engine, "a");
});

Deno.test(
  "a backup of etcd in which this node had an earlier epoch is a fault, too",
  pure,
  async () => {
    const engine = new EtcdEngine();
    await taken(engine, "a");
    const backup = new Map(engine.etcd.keys);
    const { ledger } = await taken(engine, "a");
    for (const [key, entry] of backup) engine.etcd.keys.set(key, entry);
    await assertRejects(() => ledger.verify(), LedgerError, "acquire it again");
  },
);

Deno.test("the node that takes a newly created etcd is the owner", pure, async () => {
  const engine = new EtcdEngine();
  await taken(engine, "a");
  const { ledger } = await taken(engine, "a");
  engine.etcd.keys.clear();
  engine.etcd.revision = 1;
  await taken(engine, "b");
  await assertRejects(() => ledger.verify(), SupersededError, "b has taken it");
});

Deno.test("an etcd with a foreign value under the key of the owner is a fault", pure, async () => {
  const engine = new EtcdEngine();
  const { ledger } = await taken(engine, "a");
  const owner = [...engine.etcd.keys.keys()].find((key) => key.includes("/owner/"))!;
  engine.etcd.keys.get(owner)!.value = btoa("no JSON");
  await assertRejects(() => ledger.verify(), LedgerError, "does not say which node");
});

Deno.test(
  "an epoch of an equal number in another etcd is a fault, not another node",
  pure,
  async () => {
    const engine = new EtcdEngine();
    const { ledger } = await taken(engine, "a");
    const [key, entry] = [...engine.etcd.keys].find(([key]) => key.includes("/owner/"))!;
    const other = { ...JSON.parse(atob(entry.value)), since: "another time" };
    engine.etcd.keys.set(key, { ...entry, value: btoa(JSON.stringify(other)) });
    await assertRejects(() => ledger.verify(), LedgerError, "not the cluster in which");
  },
);

Deno.test("a node that is always overtaken by other nodes gives up", pure, async () => {
  const engine = new EtcdEngine();
  await taken(engine, "a");
  const owner = [...engine.etcd.keys].find(([key]) => key.includes("/owner/"))![1];
  const claim = { node: "b", life: "b", since: "now" };
  let asked = 0;
  const overtaken = () => {
    owner.modRevision++;
    return ++asked > 0;
  };
  await assertRejects(
    () => engine.ledger("b").take(claim, overtaken),
    LedgerError,
    "other nodes take the identity at the same time",
  );
  assert(asked > 1);
});

Deno.test(
  "a record that cannot be read is counted, and the remaining ones are told",
  pure,
  async () => {
    const engine = new EtcdEngine();
    const { ledger } = await taken(engine, "a");
    await ledger.put(["c1", "c2"].map((monName) => ({ monName, addresses: [] })));
    const record = [...engine.etcd.keys.keys()].find((key) => key.includes("c1"))!;
    engine.etcd.keys.get(record)!.value = btoa("no JSON");
    const { ledger: next } = await taken(engine, "b");
    const { peers, unread } = await next.pending();
    assertEquals([peers.map(({ monName }) => monName), unread], [["c2"], 1]);
  },
);
