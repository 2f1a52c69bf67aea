import { assertEquals, assertThrows } from "@std/assert";
import { type Openers, openServer, type ServerOptions } from "../../lib/net/server_sockets.ts";
import type { StreamListener } from "../../lib/net/tcp.ts";
import { openDatagramSocket } from "../../lib/net/udp.ts";
import { type DatagramSocket, type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;
/** The C library, once opened, stays. */
const opensLibrary = { sanitizeResources: false };
const { startTimer } = new FakeClock();

/** How the system at hand behaves. */
interface System {
  readonly families?: "shared" | "apart" | "ipv4 only";
  /** Ports that other programs have for TCP. */
  readonly busyTcp?: (port: number) => boolean;
  readonly busyUdp?: (port: number) => boolean;
}

function setUp(
  { families = "shared", busyTcp, busyUdp }: System,
  options?: Partial<ServerOptions>,
) {
  const open = new Set<string>();
  let nextPort = 40_000;
  const opener = (transport: string, isBusy = (_: number) => false) => (wanted: Endpoint) => {
    const { address } = wanted;
    const port = wanted.port || nextPort++;
    const fail = (code: string): never => {
      throw new TransportError("open", wanted, Object.assign(new Error(code), { code }));
    };
    const key = (address: string) => `${transport} ${address} ${port}`;
    if (families === "ipv4 only" && address.includes(":")) fail("EAFNOSUPPORT");
    const other = address === "::" ? "0.0.0.0" : "::";
    if (isBusy(port) || open.has(key(address))) fail("EADDRINUSE");
    if (families === "shared" && open.has(key(other))) fail("EADDRINUSE");
    open.add(key(address));
    return { local: { address, port }, close: () => void open.delete(key(address)) };
  };
  const datagram = opener("udp", busyUdp) as unknown as (at: Endpoint) => DatagramSocket;
  const openers = {
    datagram,
    // As the system does it: a socket for each family, and none that shares.
    everywhere(port) {
      const ipv4 = datagram({ address: "0.0.0.0", port });
      if (families === "ipv4 only") return [ipv4];
      const ipv6 = { address: "::", port: ipv4.local.port };
      open.add(`udp :: ${ipv6.port}`);
      return [ipv4, {
        local: ipv6,
        close: () => void open.delete(`udp :: ${ipv6.port}`),
      }] as unknown as DatagramSocket[];
    },
    stream: opener("tcp", busyTcp) as unknown as (at: Endpoint) => StreamListener,
  } satisfies Openers;
  const run = () => openServer({ port: 0, udp: true, tcp: true, startTimer, ...options }, openers);
  return { open, run };
}

const texts = (bound: readonly { netid: string; address: string; port: number }[]) =>
  bound.map(({ netid, address, port }) => `${netid} ${address} ${port}`);

Deno.test(
  "openServer() serves both families of TCP through one socket where they share ports",
  pure,
  () => {
    const { open, run } = setUp({}, { port: 700 });
    const server = run();
    assertEquals([...open], ["udp 0.0.0.0 700", "udp :: 700", "tcp :: 700"]);
    const bound = ["udp 0.0.0.0 700", "udp6 :: 700", "tcp 0.0.0.0 700", "tcp6 :: 700"];
    assertEquals(texts(server.bound), bound);
    server.close();
    assertEquals(open.size, 0);
  },
);

Deno.test("openServer() opens a socket for each family where they are apart", pure, () => {
  const { open, run } = setUp({ families: "apart" }, { port: 700 });
  const bound = ["udp 0.0.0.0 700", "udp6 :: 700", "tcp 0.0.0.0 700", "tcp6 :: 700"];
  assertEquals(texts(run().bound), bound);
  assertEquals([...open], bound.map((text) => text.replace("6 ", " ")));
});

Deno.test("openServer() does with IPv4 alone", pure, () => {
  const { run } = setUp({ families: "ipv4 only" }, { port: 700 });
  assertEquals(texts(run().bound), ["udp 0.0.0.0 700", "tcp 0.0.0.0 700"]);
});

Deno.test("openServer() finds a port that is free for both transports", pure, () => {
  const { open, run } = setUp({ busyTcp: (port) => port < 40_003 });
  const ports = new Set(run().bound.map(({ port }) => port));
  assertEquals([...ports], [40_003]);
  assertEquals(open.size, 3);
});

Deno.test("openServer() takes different ports when the same cannot be had", pure, () => {
  let udpPort = 0;
  const { run } = setUp({
    busyUdp: (port) => (udpPort = port, false),
    busyTcp: (port) => port === udpPort,
  });
  assertEquals(new Set(run().bound.map(({ port }) => port)).size, 2);
});

Deno.test("openServer() leaves nothing open when one socket cannot be had", pure, () => {
  const { open, run } = setUp({ busyTcp: (port) => port === 700 }, { port: 700 });
  assertThrows(run, TransportError, "port 700");
  assertEquals(open.size, 0);
});

Deno.test("openServer() opens only the transports and addresses that are asked for", pure, () => {
  const addresses = ["127.0.0.1", "::1"];
  assertEquals(texts(setUp({}, { udp: false, addresses }).run().bound), [
    "tcp 127.0.0.1 40000",
    "tcp6 ::1 40000",
  ]);
  assertEquals(texts(setUp({}, { tcp: false, port: 9 }).run().bound), [
    "udp 0.0.0.0 9",
    "udp6 :: 9",
  ]);
});

Deno.test("openServer() refuses a port that another instance has", opensLibrary, () => {
  const options = { udp: true, tcp: true, startTimer };
  const first = openServer({ ...options, port: 0 });
  const { port } = first.bound[0]!;
  assertEquals(first.bound.map((bound) => bound.port), [port, port, port, port]);
  const fault = (act: () => unknown) => assertThrows(act, TransportError).message;
  const message =
    `Cannot open UDP socket 0.0.0.0 port ${port}: Address already in use (os error 98)`;
  assertEquals(fault(() => openServer({ ...options, port })), message);
  assertThrows(() => openServer({ ...options, udp: false, port }), TransportError, `port ${port}`);
  first.close();
  openServer({ ...options, port }).close();
});

Deno.test("openServer() lets nobody share a UDP port", opensLibrary, () => {
  const options = { udp: true, tcp: false, startTimer };
  const first = openServer({ ...options, port: 0 });
  const { port } = first.bound[0]!;
  assertEquals(texts(first.bound), [`udp 0.0.0.0 ${port}`, `udp6 :: ${port}`]);
  assertThrows(() => openServer({ ...options, port }), TransportError, "already in use");
  for (const address of ["127.0.0.1", "0.0.0.0", "::", "::1"]) {
    const share = () => openDatagramSocket({ address, port, reuseAddress: true }, startTimer);
    assertThrows(share, TransportError, "already in use");
  }
  first.close();
});
