/**
 * Packets with impossible source addresses: only this host is local (trust 1). A raw socket at the
 * other end of a cable sends them, and the kernel is configured as permissively as possible.
 */

import { DENO_RUN } from "../support/deno_run.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { type NewHost, OUR_STATD, systemTest } from "../support/system_test.ts";
import { TestHost } from "../support/namespace.ts";
import {
  describe,
  message,
  mon,
  notify,
  nullCall,
  record,
  simuCrash,
  stat,
  unmon,
  unmonAll,
} from "../support/nsm_calls.ts";
import type { Volley } from "../support/raw_packets.ts";
import { changes, takeSnapshot } from "../support/state_snapshot.ts";
import { ask, FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";

const SENDER = new URL("../support/raw_packets.ts", import.meta.url).pathname;

const OWN = "10.98.0.1";
const OWN_IPV6 = "fd98::1";
const STRANGER = "10.98.0.2";
const STRANGER_IPV6 = "fd98::2";
const IPV4 = [STRANGER, OWN] as const;
const IPV6 = [STRANGER_IPV6, OWN_IPV6] as const;
/** Monitored silent peer. */
const PEER = "10.98.0.9";
/** Reserved port, which some lock managers take for a sign of privilege. */
const RESERVED_PORT = 600;

const CALLS = [
  nullCall,
  stat("stranger.example"),
  mon({ monName: "stranger.example" }),
  unmon({ monName: PEER }),
  unmonAll(),
  simuCrash,
  notify(PEER, 77),
];

/** Sources, and the destinations for each. */
const FORGED: readonly [sources: readonly string[], destinations: readonly string[]][] = [
  [
    [
      "::ffff:127.0.0.1",
      `::ffff:${OWN}`,
      `::ffff:${PEER}`,
      "::127.0.0.1",
      `::${OWN}`,
      "::",
      "::1",
      // IPv4 in IPv6 by NAT64, 6to4 and SIIT is an address like any other.
      "64:ff9b::127.0.0.1",
      "2002:7f00:1::",
      "::ffff:0:127.0.0.1",
      OWN_IPV6,
      STRANGER_IPV6,
      "ff02::1",
    ],
    [OWN_IPV6, "::1", "ff02::1", "::ffff:127.0.0.1", `::ffff:${OWN}`],
  ],
  [
    ["127.0.0.1", "127.0.1.1", OWN, STRANGER, "0.0.0.0", "255.255.255.255", "224.0.0.1"],
    [OWN, "127.0.0.1", "127.0.1.1", "10.98.0.255", "255.255.255.255", "224.0.0.1"],
  ],
];

function routes(): Volley["routes"] {
  return FORGED.flatMap(([sources, destinations]) =>
    sources.flatMap((source) => destinations.map((destination) => ({ source, destination })))
  );
}

/** Makes the kernel accept packets that it drops by default. */
const TRUSTING = `
for name in all default lo cable; do
  for setting in rp_filter=0 accept_local=1 route_localnet=1 bc_forwarding=0; do
    echo "\${setting#*=}" >"/proc/sys/net/ipv4/conf/$name/\${setting%=*}"
  done
done
echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts
`;

async function pair(
  newHost: NewHost,
  nfsConf = "",
): Promise<{ host: TestHost; stranger: TestHost }> {
  const host = await newHost({ etc: { "nfs.conf": nfsConf } });
  const stranger = await newHost();
  await TestHost.join(
    { host, addresses: [`${OWN}/24`, `${OWN_IPV6}/64`] },
    { host: stranger, addresses: [`${STRANGER}/24`, `${STRANGER_IPV6}/64`] },
  );
  await host.output("sh", "-ec", TRUSTING);
  return { host, stranger };
}

async function attack(host: TestHost, stranger: TestHost): Promise<void> {
  const link = await host.output("ip", "-o", "link", "show", "cable");
  const to = /link\/ether (\S+)/.exec(link)![1]!.replaceAll(":", "");
  await sendCalls(stranger, to, routes());
}

/** Sends all calls on each route to one link-layer address. */
async function sendCalls(stranger: TestHost, to: string, routes: Volley["routes"]) {
  const volley: Volley = {
    device: "cable",
    to,
    sourcePort: RESERVED_PORT,
    port: STATD_PORT,
    routes,
    messages: CALLS.map((call) => message(call).toHex()),
  };
  await stranger.output(...DENO_RUN, SENDER, JSON.stringify(volley));
}

/** Link-layer broadcast address. */
const EVERYBODY = "ffffffffffff";

/** Sum of the drops of all UDP sockets over IPv4 at statd's port: the last column of /proc/net/udp. */
async function drops(host: TestHost): Promise<number> {
  const port = STATD_PORT.toString(16).toUpperCase().padStart(4, "0");
  const lines = (await host.output("cat", "/proc/net/udp")).split("\n");
  const ofStatd = lines.filter((line) => line.trim().split(/\s+/)[1]?.endsWith(`:${port}`));
  return ofStatd.reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-1)), 0);
}

/** Attacks, and waits until all packets are processed: sockets deliver in order. */
async function survive(
  { host, stranger }: { host: TestHost; stranger: TestHost },
  routes: readonly (readonly [from: string, to: string])[],
): Promise<void> {
  const agent = new Agent(host);
  await host.startRpcbind();
  await agent.serve();
  const statd = await startStatd(host, [...FOREGROUND, "--check-notify-source", "enforce"]);
  assertMatch(await ask(agent, mon({ monName: PEER })), /^SUCCESS 00000000 /);
  const before = takeSnapshot(host);

  await attack(host, stranger);
  const asker = new Agent(stranger);
  for (const [from, to] of routes) {
    const server = { address: to, port: STATD_PORT };
    await asker.datagram(message(nullCall), server, { address: from });
  }
  assertEquals(await ask(agent, nullCall), "SUCCESS");

  assertEquals(changes(before, takeSnapshot(host)), "");
  assertEquals(agent.calls, []);
  assertEquals(await statd.stop(), 0);
}

systemTest(
  "trust 1: no packet with a forged source changes anything",
  [OUR_STATD],
  async (newHost) => await survive(await pair(newHost), [IPV4, IPV6]),
);

systemTest(
  "trust 1: no forged packet has an effect if IPv6 sockets are IPv6-only by default",
  [OUR_STATD],
  async (newHost) => {
    const hosts = await pair(newHost);
    await hosts.host.output("sh", "-c", "echo 1 >/proc/sys/net/ipv6/bindv6only");
    await survive(hosts, [IPV4, IPV6]);
  },
);

systemTest(
  "trust 1: no forged packet has an effect without IPv6, and statd serves IPv4",
  [OUR_STATD],
  async (newHost) => {
    const hosts = await pair(newHost);
    const off = "for name in all default lo cable; do " +
      "echo 1 >/proc/sys/net/ipv6/conf/$name/disable_ipv6; done";
    await hosts.host.output("sh", "-c", off);
    await survive(hosts, [IPV4]);
  },
);

systemTest(
  "trust 1: no forged packet has an effect if statd listens at chosen addresses",
  [OUR_STATD],
  async (newHost) => {
    const nfsConf = `[statd]\nlisten-addresses = ${OWN}, ${OWN_IPV6}\n`;
    await survive(await pair(newHost, nfsConf), [IPV4, IPV6]);
  },
);

systemTest(
  "trust 7: the kernel drops a broadcast at the socket, so that a flood of them wakes nobody",
  [OUR_STATD],
  async (newHost) => {
    const { host, stranger } = await pair(newHost);
    const agent = new Agent(host);
    await host.startRpcbind();
    const statd = await startStatd(host);
    assertEquals(await drops(host), 0);
    const destinations = ["10.98.0.255", "255.255.255.255", OWN];
    const routes = destinations.map((destination) => ({ source: STRANGER, destination }));
    await sendCalls(stranger, EVERYBODY, routes);
    assertEquals(await ask(agent, nullCall), "SUCCESS");
    assertEquals(await drops(host), destinations.length * CALLS.length);
    assertEquals(await statd.stop(), 0);
  },
);

systemTest(
  "trust 1: hosts.deny refuses callers that forge an address of this host",
  [OUR_STATD],
  async (newHost) => {
    const { host, stranger } = await pair(newHost);
    await host.write("/etc/hosts.deny", "statd: ALL\n");
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const statd = await startStatd(host);
    assertMatch(await ask(agent, mon({ monName: PEER })), /^SUCCESS 00000000 /);
    await attack(host, stranger);
    for (const [address, to] of [IPV4, IPV6]) {
      const server = { address: to, port: STATD_PORT };
      const denied = await new Agent(stranger).datagram(message(nullCall), server, { address });
      assertMatch(describe(denied.message), /AUTH/);
    }
    for (const address of [OWN, OWN_IPV6]) {
      const server = { address, port: STATD_PORT };
      const { records } = await agent.stream([record(message(nullCall))], 1, server, { address });
      assertEquals(records.map(describe), ["SUCCESS"]);
    }
    assertEquals(agent.calls, []);
    assertEquals(await statd.stop(), 0);
  },
);
