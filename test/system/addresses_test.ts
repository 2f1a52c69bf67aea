/**
 * Addresses of this host that appear, vanish, or are only routed here: which of them are served,
 * and which one replies come from.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { message, nullCall } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];

/** Source of the reply to a call over UDP; `from` is an own address of the family. */
async function sourceOfReply(agent: Agent, address: string, from: string): Promise<string> {
  const server = { address, port: STATD_PORT };
  return (await agent.datagram(message(nullCall), server, { address: from })).from.address;
}

async function addAddress(host: TestHost, address: string): Promise<void> {
  await host.output("ip", "address", "add", address, "dev", "lo");
}

systemTest(
  "field 7: a reply over UDP comes from the address that was asked",
  NEEDS,
  async (newHost) => {
    const host = await newHost({ addresses: ["10.99.0.1/32", "fd99::1/128"] });
    const agent = new Agent(host);
    await host.output("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo");
    await host.output("ip", "-6", "route", "add", "local", "fd09::/64", "dev", "lo");
    const statd = await startStatd(host);
    await addAddress(host, "10.99.0.2/32"); // a moment ago
    await addAddress(host, "fd99::2/128");
    const asked = ["127.0.0.1", "127.0.1.1", "127.9.9.9", "10.99.0.1", "10.99.0.2", "10.9.0.7"];
    for (const address of asked) {
      for (const from of ["127.0.0.1", "10.99.0.1"]) {
        assertEquals(await sourceOfReply(agent, address, from), address);
      }
    }
    for (const address of ["::1", "fd99::1", "fd99::2", "fd09::7"]) {
      for (const from of ["::1", "fd99::1"]) {
        assertEquals(await sourceOfReply(agent, address, from), address);
      }
    }
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "realworld F4: an address of listen-addresses is served whenever it appears",
  NEEDS,
  async (newHost) => {
    const listen = "10.99.0.1, 10.99.0.7, fd99::7";
    const host = await newHost({
      addresses: ["10.99.0.1/32"],
      etc: { "nfs.conf": `[statd]\nlisten-addresses = ${listen}\n` },
    });
    await host.startRpcbind();
    const statd = await startStatd(host, FOREGROUND);
    const isServed = async (transport: string, address: string) => {
      const universal = `${address}.${STATD_PORT >> 8}.${STATD_PORT & 0xff}`;
      const { code } = await host.run("rpcinfo", "-a", universal, "-T", transport, "100024", "1");
      return code === 0;
    };
    const allServed = async () =>
      await isServed("udp", "10.99.0.7") && await isServed("tcp", "10.99.0.7") &&
      await isServed("udp6", "fd99::7") && await isServed("tcp6", "fd99::7");
    assertEquals(await isServed("tcp", "10.99.0.1"), true);
    for (let time = 0; time < 2; time++) {
      await addAddress(host, "10.99.0.7/32");
      await addAddress(host, "fd99::7/128");
      await eventually("the addresses are served", allServed);
      await host.output("ip", "address", "del", "10.99.0.7/32", "dev", "lo");
      await host.output("ip", "address", "del", "fd99::7/128", "dev", "lo");
    }
    await addAddress(host, "10.99.0.8/32");
    assertEquals(await isServed("tcp", "10.99.0.8"), false);
    assertEquals(await statd.stop(), 0);
  },
);
