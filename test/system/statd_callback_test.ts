/** Path from SM_NOTIFY to the lock manager, with a stand-in that answers, fails, moves or stays. */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { Called } from "../support/agent_orders.ts";
import { message, mon, notify, OTHER_PRIV, PRIV, text, unmon, word } from "../support/nsm_calls.ts";
import { ask, startAll, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const PEER = "10.99.0.3";
const NETWORK = { addresses: ["10.99.0.1/32", `${PEER}/32`, "fd99::1/128", "fd99::3/128"] };
const MONITORED = "SUCCESS 00000000 00000003";

/** Callback message without its xid. */
function status(monName: string, state: number, priv = PRIV, version = 3, procedure = 16): string {
  const header = [0, 2, 100021, version, procedure, 0, 0, 0, 0].map(word).join("");
  return header + text(monName) + word(state) + priv;
}

function xid(called: Called): string {
  return called.message.slice(0, 8);
}

function withoutXid(called: Called): string {
  return called.message.slice(8);
}

/** Sends a notice of a peer from one of the host's addresses to another one. */
async function notice(agent: Agent, monName: string, state: number, from = PEER): Promise<void> {
  const to = { address: from.includes(":") ? "fd99::1" : "10.99.0.1", port: STATD_PORT };
  await agent.datagram(message(notify(monName, state)), to, { address: from });
}

systemTest("a peer's notice reaches the lock manager, byte for byte", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  const { agent } = await startAll(host);
  assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
  const monName = "Some.Name.example";
  assertEquals(await ask(agent, mon({ monName, priv: OTHER_PRIV, version: 4 })), MONITORED);
  await notice(agent, PEER, 0x7fffffff);
  await agent.called(1);
  await notice(agent, "some.name.EXAMPLE", -3);
  // The name is that of the second registration, the source address that of the first.
  const calls = await agent.called(3);
  for (const { from } of calls) {
    assertEquals(from.address, "127.0.0.1");
    assert(from.port < 1024, `port ${from.port}`);
  }
  assertEquals(withoutXid(calls[0]!), status(PEER, 0x7fffffff));
  assertEquals(
    calls.slice(1).map(withoutXid).sort(),
    [status(PEER, -3), status(monName, -3, OTHER_PRIV, 4)].sort(),
  );
  assertEquals(new Set(calls.map(xid)).size, 3);
});

systemTest("a notice over IPv6 is matched by its source", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  const { agent } = await startAll(host);
  assertEquals(await ask(agent, mon({ monName: "fd99::3" })), MONITORED);
  await notice(agent, "unknown.example", 5, "fd99::3");
  const [called] = await agent.called(1);
  assertEquals(withoutXid(called!), status("fd99::3", 5));
});

systemTest(
  "a repeated state causes one callback, the next state another one",
  NEEDS,
  async (newHost) => {
    const host = await newHost(NETWORK);
    const { statd, agent } = await startAll(host);
    assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
    for (const state of [5, 5, 7, 7]) {
      await notice(agent, PEER, state);
      await agent.called(state === 5 ? 1 : 2);
    }
    assertEquals(await statd.stop(), 0);
    assertEquals(agent.calls.map(withoutXid), [status(PEER, 5), status(PEER, 7)]);
  },
);

systemTest("a peer that is no longer monitored causes no callback", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  const { statd, agent } = await startAll(host);
  assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
  assertEquals(await ask(agent, mon({ monName: PEER, version: 4 })), MONITORED);
  assertEquals(await ask(agent, unmon({ monName: PEER })), "SUCCESS 00000003");
  await notice(agent, PEER, 5);
  await agent.called(1);
  assertEquals(await statd.stop(), 0);
  assertEquals(agent.calls.map(withoutXid), [status(PEER, 5, PRIV, 4)]);
});

for (const conduct of ["system error", "denied"] as const) {
  systemTest(`a lock manager that answers "${conduct}" is called again`, NEEDS, async (newHost) => {
    const host = await newHost(NETWORK);
    const { agent } = await startAll(host);
    await agent.serve({ conduct });
    assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
    await notice(agent, PEER, 5);
    const [first, second] = await agent.called(2);
    assertEquals(
      [first, second].map((called) => withoutXid(called!)),
      Array(2).fill(status(PEER, 5)),
    );
    assert(xid(first!) !== xid(second!));
  });
}

systemTest(
  "a silent lock manager is called again, at its new port",
  NEEDS,
  async (newHost) => {
    const host = await newHost(NETWORK);
    const { statd, agent } = await startAll(host);
    const silent = await agent.serve({ conduct: "silent" });
    assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
    await notice(agent, PEER, 5);
    await agent.called(1);
    const moved = await agent.serve();
    const calls = await agent.called(2);
    assert(silent !== moved);
    assertEquals(calls.map(({ port }) => port), [silent, moved]);
    assertEquals(calls.map(withoutXid), Array(2).fill(status(PEER, 5)));
    await statd.line(/Told lock manager "thishost" .* has state 5/);
  },
);

systemTest("a lock manager that starts later is told then", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  const agent = new Agent(host);
  await host.startRpcbind();
  const statd = await startStatd(host);
  assertEquals(await ask(agent, mon({ monName: PEER })), MONITORED);
  await notice(agent, PEER, 5);
  await statd.line(/Cannot tell lock manager .* trying again/);
  await agent.serve();
  const [called] = await agent.called(1);
  assertEquals(withoutXid(called!), status(PEER, 5));
});

systemTest("a silent lock manager does not delay another one", NEEDS, async (newHost) => {
  const host = await newHost(NETWORK);
  const { agent } = await startAll(host);
  await agent.serve({ conduct: "silent", versions: [4] });
  // Version 3 stays registered at a port without a listener.
  assertEquals(await ask(agent, mon({ monName: PEER, version: 3 })), MONITORED);
  assertEquals(await ask(agent, mon({ monName: PEER, version: 4 })), MONITORED);
  await notice(agent, PEER, 5);
  const [called] = await agent.called(1);
  assertEquals(withoutXid(called!), status(PEER, 5, PRIV, 4));
});
