/**
 * trust 15: a notice with an implausible state is confirmed by the peer itself. The forged notice
 * is a raw packet with the peer's own address.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { STATE_DIRECTORY, TestHost } from "../support/namespace.ts";
import { message, mon, notify } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import type { Volley } from "../support/raw_packets.ts";
import { ask, FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const SENDER = new URL("../support/raw_packets.ts", import.meta.url).pathname;
const ADDRESSES = [
  { own: "10.98.0.1", peer: "10.98.0.2", bits: 24 },
  { own: "fd98::1", peer: "fd98::2", bits: 64 },
];
const FORGED = 0x7fffffff;

/** Sets the state number; a new installation has no second copy of it. */
async function setState(host: TestHost, state: number): Promise<void> {
  await host.output("rm", "-f", `${STATE_DIRECTORY}/.state`);
  Deno.writeFileSync(host.path(`${STATE_DIRECTORY}/state`), new Uint8Array([state, 0, 0, 0]));
}

/** Sends forged notices, from the peer's end of the cable. */
async function forge(host: TestHost, peer: TestHost, address: typeof ADDRESSES[number]) {
  const link = await host.output("ip", "-o", "link", "show", "cable");
  const volley: Volley = {
    device: "cable",
    to: /link\/ether (\S+)/.exec(link)![1]!.replaceAll(":", ""),
    sourcePort: 700,
    port: STATD_PORT,
    routes: [{ source: address.peer, destination: address.own }],
    messages: [message(notify(address.peer, FORGED)).toHex()],
  };
  await peer.output(...DENO_RUN, SENDER, JSON.stringify(volley));
}

for (const address of ADDRESSES) {
  systemTest(
    `trust 15: enforce, ${address.peer}: a forged high state silences nobody, and a new installation is believed`,
    [OUR_STATD],
    async (newHost) => {
      const nfsConf = "[statd]\nnotify-source-check = enforce\nnotify-state-check = enforce\n";
      const [host, peer] = [await newHost({ etc: { "nfs.conf": nfsConf } }), await newHost()];
      await TestHost.join(
        { host, addresses: [`${address.own}/${address.bits}`] },
        { host: peer, addresses: [`${address.peer}/${address.bits}`] },
      );
      const agent = new Agent(host);
      await host.startRpcbind();
      await agent.serve();
      const options = [...FOREGROUND, "--check-notify-source", "enforce"];
      const statd = await startStatd(host, options);
      await peer.startRpcbind();
      await setState(peer, 21);
      const before = await startStatd(peer, FOREGROUND);

      const told = async (...states: number[]) => {
        await agent.called(states.length);
        const all = () => agent.calls.map((call) => parseInt(call.message.slice(-40, -32), 16) | 0);
        assertEquals(all(), states);
        const path = host.path(`${STATE_DIRECTORY}/sm/.peers`);
        const noted = `"passedOn":${states.at(-1)}`;
        await eventually(noted, () => Deno.readTextFileSync(path).includes(noted));
      };
      const peerAgent = new Agent(peer);
      const notice = (state: number) =>
        peerAgent.datagram(
          message(notify(address.peer, state)),
          { address: address.own, port: STATD_PORT },
          { address: address.peer },
        );

      assertMatch(await ask(agent, mon({ monName: address.peer })), /^SUCCESS 00000000 /);
      await notice(21);
      await told(21);
      await forge(host, peer, address);
      await statd.line(
        /state 2147483647 .* is refused for peer .* the peer itself says that it is 21/,
      );
      await notice(23);
      await told(21, 23);

      await before.stop();
      await setState(peer, 3);
      const after = await startStatd(peer, FOREGROUND);
      await notice(3);
      await told(21, 23, 3);
      assertEquals([await after.stop(), await statd.stop()], [0, 0]);
    },
  );
}
