/** Costs of a silent name service: time, and nothing else. */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { TestHost } from "../support/namespace.ts";
import { describe, message, mon, notify, nullCall } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, READY, startAll, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const PEER = { name: "h7.nsm.test", address: "10.98.0.7" };
const SERVER = { address: "10.99.0.1", port: STATD_PORT };
/** Silent address. */
const SILENT = "127.0.0.53";
/** Time after which every look-up has failed, in ms. */
const OUTAGE_MS = 5_000;

const OUTAGE = {
  "resolv.conf": `nameserver ${SILENT}\noptions timeout:1 attempts:1\n`,
  "nsswitch.conf": "hosts: files dns\n",
};

/** Makes a host whose name server is silent. */
async function silence(host: TestHost): Promise<void> {
  const nameServer = new Agent(host);
  await nameServer.serve({
    program: 0,
    port: 53,
    conduct: "silent",
    isRegistered: false,
    address: SILENT,
  });
}

/** Makes the names known. */
async function endOutage(host: TestHost): Promise<void> {
  const before = await host.output("cat", "/etc/hosts");
  await host.write("/etc/hosts", `${before}\n${PEER.address} ${PEER.name}\n`);
}

systemTest(
  "trust 13: a host denied by a failure of the name service is admitted afterwards",
  NEEDS,
  async (newHost) => {
    const host = await newHost({
      addresses: [`${SERVER.address}/32`],
      strangers: ["10.98.0.0/24"],
      etc: {
        ...OUTAGE,
        "hosts.allow": `statd: ${PEER.name}\n`,
        "hosts.deny": "ALL: ALL\n",
      },
    });
    await silence(host);
    const statd = await startStatd(host);
    const agent = new Agent(host);
    await agent.flood([message(nullCall)], SERVER, { address: PEER.address });
    await after(OUTAGE_MS); // its length is what is tried
    await endOutage(host);
    const answer = async () => {
      const reply = await agent.datagram(message(nullCall), SERVER, { address: PEER.address });
      return describe(reply.message);
    };
    await eventually("it is let in", async () => await answer() === "SUCCESS");
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "trust 14: with enforce, a notice from before an outage ends is passed on after it",
  NEEDS,
  async (newHost) => {
    const host = await newHost({
      addresses: [`${SERVER.address}/32`],
      strangers: ["10.98.0.0/24"],
      etc: OUTAGE,
    });
    await silence(host);
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const statd = host.start(OUR_STATD, ...FOREGROUND, "--check-notify-source", "enforce");
    await statd.line(READY);
    await ask(agent, mon({ monName: PEER.name }));
    const notice = message(notify(PEER.name, 5));
    await agent.datagram(notice, SERVER, { address: PEER.address });
    await after(OUTAGE_MS); // its length is what is tried
    await endOutage(host);
    assertEquals((await agent.called(1)).length, 1);
    assertEquals(await statd.stop(), 0);
  },
);

/** Number of spellings of one name, and the memory permitted for them, in KiB. */
const SPELLINGS = 1_500;
const COST_MAX_KIB = 8_192;

systemTest("trust 10: spellings of one name cost no memory", NEEDS, async (newHost) => {
  const host = await newHost();
  const { statd, agent } = await startAll(host);
  const pid = await statd.pid;
  const kib = async () => {
    const status = await host.output("cat", `/proc/${pid}/status`);
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]);
  };
  const spelling = (i: number) =>
    Array.from("abcdefghijkl", (letter, at) => i >> at & 1 ? letter.toUpperCase() : letter).join(
      "",
    );
  const register = async (i: number) => {
    assert((await ask(agent, mon({ monName: spelling(i) }))).startsWith("SUCCESS 00000000"));
  };
  for (let i = 0; i < 200; i++) await register(i);
  const before = await kib();
  for (let i = 200; i < SPELLINGS; i++) await register(i);
  const cost = await kib() - before;
  assert(cost < COST_MAX_KIB, `${cost} KiB`);
  assertEquals(await statd.stop(), 0);
});

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
