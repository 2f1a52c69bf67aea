/** trust 16: a link-local address belongs to one interface, over UDP and over TCP. */

import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { TestHost } from "../support/namespace.ts";
import { message, mon, notify, record } from "../support/nsm_calls.ts";
import { ask, FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const SERVER = { address: "fe80::51%cable", port: STATD_PORT };
const PEER = "fe80::52";
/** Second interface of the host, where another host may have the same link-local address. */
const OTHER_INTERFACE = `
ip link add other type veth peer name other-end
ip link set other up
ip link set other-end up
ip address add fe80::99/64 dev other nodad
`;

systemTest(
  "trust 16: enforce believes a link-local address by its interface",
  [OUR_STATD],
  async (newHost) => {
    const [host, peer] = [await newHost(), await newHost()];
    await TestHost.join(
      { host, addresses: ["fe80::51/64"] },
      { host: peer, addresses: [`${PEER}/64`] },
    );
    await host.output("sh", "-ec", OTHER_INTERFACE);
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const statd = await startStatd(host, [...FOREGROUND, "--check-notify-source", "enforce"]);
    const peerAgent = new Agent(peer);
    const overUdp = (state: number) =>
      peerAgent.datagram(message(notify("stranger", state)), SERVER, { address: `${PEER}%cable` });
    const overTcp = async (state: number) => {
      const calls = [record(message(notify("stranger", state)))];
      const { records } = await peerAgent.stream(calls, 1, SERVER);
      assertEquals(records.length, 1);
    };

    for (const name of [`${PEER}%other`, PEER]) {
      assertMatch(await ask(agent, mon({ monName: name })), /^SUCCESS 00000000 /);
    }
    await overUdp(5);
    await overTcp(7);
    assertMatch(await ask(agent, mon({ monName: `${PEER}%cable` })), /^SUCCESS 00000000 /);
    await overUdp(9);
    await overTcp(11);
    await agent.called(2);
    const states = agent.calls.map((call) => parseInt(call.message.slice(-40, -32), 16));
    assertEquals(states, [9, 11]);
    assertEquals(await statd.stop(), 0);
  },
);
