import { assertEquals, assertThrows } from "@std/assert";
import {
  type Openers,
  openServer,
  type ServerDatagrams,
  type ServerOptions,
} from "../../lib/net/server_sockets.ts";
import type { StreamListener } from "../../lib/net/tcp.ts";
import { TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;
/** The C library, once opened, stays. */
const opensLibrary = { sanitizeResources: false };
const { startTimer } = new FakeClock();

/** Behaviour of the system. */
interface System {
  /** Addresses of the host, besides the requested ones. */
  readonly everything?: readonly string[];
  /** Ports used by other programs. */
  readonly busyTcp?: (port: number) => boolean;
  readonly busyUdp?: (port: number) => boolean;
}

function setUp(
  { everything = ["0.0.0.0", "::"], busyTcp, busyUdp }: System,
  options?: Partial<ServerOptions>,
) {
  const open = new Set<string>();
  let nextPort = 40_000;
  const opener = (transport: string, isBusy = (_: number) => false) =>
  (
    wanted: number,
    addresses = everything,
  ) => {
    const port = wanted || nextPort++;
    if (isBusy(port)) {
      const cause = Object.assign(new Error("in use"), { code: "EADDRINUSE" });
      throw new TransportError("open", { address: addresses[0]!, port }, cause);
    }
    return addresses.map((address) => {
      const key = `${transport} ${address} ${port}`;
      open.add(key);
      return { local: { address, port }, close: () => void open.delete(key) };
    });
  };
  const openers: Openers = {
    datagrams: (port, addresses) =>
      opener("udp", busyUdp)(port, addresses) as unknown as ServerDatagrams[],
    streams: (port, addresses) =>
      opener("tcp", busyTcp)(port, addresses) as unknown as StreamListener[],
  };
  const run = () => openServer({ port: 0, udp: true, tcp: true, startTimer, ...options }, openers);
  return { open, run };
}

const texts = (bound: readonly { netid: string; address: string; port: number }[]) =>
  bound.map(({ netid, address, port }) => `${netid} ${address} ${port}`);

Deno.test("openServer() lists the addresses served, each once", pure, () => {
  const everything = ["127.0.0.1", "::1", "0.0.0.0", "0.0.0.0", "::"];
  const { open, run } = setUp({ everything }, { port: 700 });
  const server = run();
  const bound = ["udp 0.0.0.0 700", "udp6 :: 700", "tcp 0.0.0.0 700", "tcp6 :: 700"];
  assertEquals(texts(server.bound), bound);
  server.close();
  assertEquals(open.size, 0);
});

Deno.test("openServer() works with IPv4 alone", pure, () => {
  const { run } = setUp({ everything: ["127.0.0.1", "0.0.0.0"] }, { port: 700 });
  assertEquals(texts(run().bound), ["udp 0.0.0.0 700", "tcp 0.0.0.0 700"]);
});

Deno.test("openServer() finds a port that is free for both transports", pure, () => {
  const { open, run } = setUp({ busyTcp: (port) => port < 40_003 });
  const ports = new Set(run().bound.map(({ port }) => port));
  assertEquals([...ports], [40_003]);
  assertEquals(open.size, 4);
});

Deno.test("openServer() uses different ports if no port is free for both", pure, () => {
  let udpPort = 0;
  const { run } = setUp({
    busyUdp: (port) => (udpPort = port, false),
    busyTcp: (port) => port === udpPort,
  });
  assertEquals(new Set(run().bound.map(({ port }) => port)).size, 2);
});

Deno.test("openServer() leaves nothing open if a socket cannot be opened", pure, () => {
  const { open, run } = setUp({ busyTcp: (port) => port === 700 }, { port: 700 });
  assertThrows(run, TransportError, "port 700");
  assertEquals(open.size, 0);
});

Deno.test("openServer() opens only the requested transports and addresses", pure, () => {
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
    `Cannot open UDP socket 127.0.0.1 port ${port}: Address already in use (os error 98)`;
  assertEquals(fault(() => openServer({ ...options, port })), message);
  assertThrows(() => openServer({ ...options, udp: false, port }), TransportError, `port ${port}`);
  first.close();
  openServer({ ...options, port }).close();
});

Deno.test(
  "openServer() refuses a port that another program has at one address (trust 3)",
  opensLibrary,
  () => {
    const hostname = "127.0.0.2";
    const other = Deno.listenDatagram({ transport: "udp", hostname, port: 0 });
    const { port } = other.addr as Deno.NetAddr;
    const options = { udp: true, tcp: true, startTimer, port };
    const message =
      `Cannot open UDP socket 0.0.0.0 port ${port}: Address already in use (os error 98)`;
    assertThrows(() => openServer(options), TransportError, message);
    openServer({ ...options, addresses: ["127.0.0.1"] }).close();
    other.close();
    openServer(options).close();
  },
);

for (const addresses of [undefined, ["127.0.0.1", "::1"], ["0.0.0.0"], ["127.0.0.1", "::"]]) {
  const label = addresses?.join(" and ") ?? "all addresses";
  Deno.test(
    `openServer() lets no other socket share the port with ${label} (trust 3)`,
    opensLibrary,
    () => {
      const options = { udp: true, tcp: true, startTimer };
      const own = openServer({ ...options, port: 0, ...(addresses && { addresses }) });
      const { port } = own.bound[0]!;
      assertThrows(() => openServer({ ...options, port }), TransportError, "already in use");
      const served = addresses?.filter((address) => address !== "::") ?? ["127.0.0.1", "0.0.0.0"];
      for (const hostname of [...served, "::"]) {
        const udp = { transport: "udp", hostname, port, reuseAddress: true } as const;
        assertThrows(() => Deno.listenDatagram(udp).close(), Deno.errors.AddrInUse);
        // Deno.listen() sets SO_REUSEADDR too.
        assertThrows(() => Deno.listen({ hostname, port }).close(), Deno.errors.AddrInUse);
      }
      own.close();
    },
  );
}
