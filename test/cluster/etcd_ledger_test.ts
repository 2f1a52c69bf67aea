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
