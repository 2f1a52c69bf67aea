/**
 * sm-notify and foreign peers, each in a network namespace of its own: calls and notices by
 * transport and source.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { Seen } from "../support/bsd_peer.ts";
import { BsdPeer } from "../support/bsd_peer_client.ts";
import { DENO_RUN } from "../support/deno_run.ts";
import { listed, monitor, MY_NAME } from "../support/many_peers_client.ts";
import { type HostOptions, TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import {
  DEBIAN_STATD,
  type NewHost,
  OUR_SM_NOTIFY as SM_NOTIFY,
  systemTest,
} from "../support/system_test.ts";

const NEEDS = [SM_NOTIFY];
const OWN = { ipv4: "10.98.0.1", ipv6: "fd98::1" };
/** Further own addresses, which the system would not choose as source. */
const FLOATING = { ipv4: "10.98.0.7", ipv6: "fd98::7" };
const PEER = { ipv4: "10.98.0.2", ipv6: "fd98::2" };
/** Time limit for all peers, in seconds. */
const LIMIT_SECONDS = "20";
const NAMES = ["nodeb 3", `${MY_NAME} 3`];

function ends({ ipv4, ipv6 }: typeof OWN): string[] {
  return [`${ipv4}/24`, `${ipv6}/64`];
}

/** Our host, and a peer's, joined by a cable. */
async function twoHosts(
  newHost: NewHost,
  options: HostOptions = {},
): Promise<[TestHost, TestHost]> {
  const [host, other] = await Promise.all([newHost(options), newHost()]);
  await TestHost.join({ host, addresses: ends(OWN) }, { host: other, addresses: ends(PEER) });
  for (const address of ends(FLOATING)) {
    const own = ["ip", "address", "add", address, "dev", "cable", "nodad", "preferred_lft", "0"];
    await host.output(...own);
  }
  return [host, other];
}

/** Runs sm-notify, which must tell all peers. */
async function tellAll(host: TestHost, ...options: string[]): Promise<string> {
  const { code, stderr } = await host.run(SM_NOTIFY, "-d", "--deadline", LIMIT_SECONDS, ...options);
  assertEquals(code, 0, stderr);
  assertEquals(listed(host, "sm.bak"), []);
  return stderr;
}

/** Distinct values: on a busy machine, calls are repeated. */
function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)].sort();
}

const noticesOf = (seen: readonly Seen[]) => distinct(seen.flatMap(({ notice }) => notice ?? []));

/** Expected look-ups at the peer, by its address family. */
const LOOK_UPS = [["ipv4", "100000.2.3"], ["ipv6", "100000.3.3"]] as const;

for (const [family, lookUp] of LOOK_UPS) {
  for (const transport of ["udp", "tcp"] as const) {
    systemTest(
      `a peer without rpcbind version 4 is notified over ${transport} and ${family}`,
      NEEDS,
      async (newHost) => {
        const [host, other] = await twoHosts(newHost);
        const peer = await BsdPeer.start(other, "udp", "tcp");
        const preference = transport === "tcp" ? "yes" : "no";
        await host.write("/etc/nfs.conf", `[statd]\nsend-using-tcp = ${preference}\n`);
        monitor(host, [PEER[family]]);
        await tellAll(host);
        const seen = await peer.seen(3);
        assertEquals(distinct(seen.map(({ call }) => call)), [lookUp, "100024.1.6"]);
        assertEquals(noticesOf(seen), NAMES);
        for (const call of seen) {
          assertEquals([call.transport, call.from], [transport, OWN[family]]);
          assert(call.port < 1024, `a call came from port ${call.port}`);
        }
      },
    );
  }
}

systemTest("the stand-in refuses rpcbind version 4, as FreeBSD's does", NEEDS, async (newHost) => {
  const host = await newHost();
  await BsdPeer.start(host, "udp");
  const version4 = "00000007 00000000 00000002 000186a0 00000004 00000000" + "00000000".repeat(4);
  const call = Uint8Array.fromHex(version4.replaceAll(" ", ""));
  const to = { address: "127.0.0.1", port: 111 };
  const { message } = await new Agent(host).datagram(call, to);
  assertEquals(message.toHex().slice(-24), "00000002" + "00000002" + "00000003");
});

systemTest("Debian's rpc.statd accepts our notices, over IPv4 and IPv6", [
  ...NEEDS,
  DEBIAN_STATD,
], async (newHost) => {
  const [host, other] = await twoHosts(newHost);
  await other.startRpcbind();
  const statd = other.start(DEBIAN_STATD, "-F", "-d", "-L");
  await eventually("statd is registered", async () => {
    return /100024 .*udp6/.test(await other.output("rpcinfo", "-s"));
  });
  for (const address of [PEER.ipv4, PEER.ipv6]) {
    const before = statd.lines.length;
    monitor(host, [address]);
    await tellAll(host, "-f");
    await statd.line(/SM_NOTIFY.*nodeb\.example\.net/, before);
  }
});

const SOURCES: readonly {
  readonly what: string;
  readonly options: readonly string[];
  /** Permitted sources of calls to the peer's address. */
  readonly from: typeof OWN;
  readonly isPort: (port: number) => boolean;
  readonly notices: readonly string[];
}[] = [
  {
    what: "a reserved port",
    options: [],
    from: OWN,
    isPort: (port) => port < 1024,
    notices: NAMES,
  },
  {
    what: "the port of -p",
    options: ["-p", "700"],
    from: OWN,
    isPort: (port) => port === 700,
    notices: NAMES,
  },
  {
    what: "the addresses of -v, and is told each of them,",
    options: ["-v", FLOATING.ipv4, "-v", FLOATING.ipv6],
    from: FLOATING,
    isPort: (port) => port < 1024,
    notices: [`${FLOATING.ipv4} 3`, `${FLOATING.ipv6} 3`],
  },
];
for (const { what, options, from, isPort, notices } of SOURCES) {
  systemTest(
    `a peer that UDP does not reach is notified over TCP from ${what}`,
    NEEDS,
    async (newHost) => {
      const [host, other] = await twoHosts(newHost);
      const peer = await BsdPeer.start(other, "tcp");
      monitor(host, [PEER.ipv4, PEER.ipv6]);
      await tellAll(host, ...options);
      const seen = await peer.seen(6);
      assertEquals(distinct(seen.map(({ transport }) => transport)), ["tcp"]);
      for (const family of ["ipv4", "ipv6"] as const) {
        const ofFamily = seen.filter((call) => call.from.includes(":") === (family === "ipv6"));
        assertEquals(distinct(ofFamily.map((call) => call.from)), [from[family]]);
        assertEquals(noticesOf(ofFamily), notices);
      }
      for (const { port } of seen) assert(isPort(port), `a call came from port ${port}`);
    },
  );
}

systemTest("-v with an address that has no name announces the address", NEEDS, async (newHost) => {
  const [host, other] = await twoHosts(newHost);
  const peer = await BsdPeer.start(other, "udp");
  monitor(host, [PEER.ipv4]);
  const log = await tellAll(host, "-v", FLOATING.ipv4);
  assertMatch(log, /"10\.98\.0\.7" has no name, so the address itself is announced/);
  const seen = await peer.seen(2);
  assertEquals(noticesOf(seen), [`${FLOATING.ipv4} 3`]);
  assertEquals(distinct(seen.map(({ from }) => from)), [FLOATING.ipv4]);
});

systemTest(
  "-v with an address does not wait long for a silent name server",
  NEEDS,
  async (newHost) => {
    const etc = { "resolv.conf": "nameserver 127.0.0.53\n", "nsswitch.conf": "hosts: files dns\n" };
    const [host, other] = await twoHosts(newHost, { etc });
    const nameServer = new Agent(host);
    const standIn = { program: 0, port: 53, conduct: "silent", isRegistered: false } as const;
    await nameServer.serve({ ...standIn, address: "127.0.0.53" });
    const peer = await BsdPeer.start(other, "udp");
    monitor(host, [PEER.ipv4]);
    const log = await tellAll(host, "-v", FLOATING.ipv4);
    assertMatch(log, /"10\.98\.0\.7" has no name.*: no answer in 2000 ms/);
    assertEquals(noticesOf(await peer.seen(2)), [`${FLOATING.ipv4} 3`]);
  },
);

/** Name server. */
const NAME_SERVER = new URL("../support/name_server.ts", import.meta.url).pathname;
systemTest(
  "a look-up uses the present contents of the files",
  NEEDS,
  async (newHost) => {
    const silent = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n";
    const hosts = `${PEER.ipv4} listed.example\n`;
    const etc = { hosts, "resolv.conf": silent, "nsswitch.conf": "hosts: files dns\n" };
    const [host, other] = await twoHosts(newHost, { etc });
    await BsdPeer.start(other, "udp");
    const nameServer = new Agent(host);
    const standIn = { program: 0, port: 53, conduct: "silent", isRegistered: false } as const;
    await nameServer.serve({ ...standIn, address: "127.0.0.53" });
    monitor(host, ["listed.example", "served.example", "late.example"]);
    const run = host.start(SM_NOTIFY, "--json", "--deadline", "60");
    await run.line(/"listed.example".*"told"/);
    await nameServer.called(1);
    const known = `served.example=${PEER.ipv4}`;
    await host.start(...DENO_RUN, NAME_SERVER, "127.0.0.54", known).line(/^ready$/);
    await host.write("/etc/resolv.conf", "nameserver 127.0.0.54\n");
    await run.line(/"served.example".*"told"/);
    await host.write("/etc/hosts", `${hosts}${PEER.ipv4} late.example\n`);
    await run.line(/"late.example".*"told"/);
    assertEquals(await run.ended, 0);
  },
);

systemTest("--peer-port reaches a peer whose rpcbind does not answer", NEEDS, async (newHost) => {
  const [host, other] = await twoHosts(newHost);
  const peer = new Agent(other);
  const statd = { program: 100024, versions: [1], port: 918, isRegistered: false };
  await peer.serve(statd);
  monitor(host, [PEER.ipv4]);
  await tellAll(host, "--peer-port", "918");
  const [call] = await peer.called(1);
  assertEquals([call!.from.address, call!.port], [OWN.ipv4, 918]);
});
