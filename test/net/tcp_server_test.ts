import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { StreamListener } from "../../lib/net/tcp.ts";
import { openTcpServer } from "../../lib/net/tcp_server.ts";
import { type Endpoint, type StreamConnection, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/open_libc.ts";

/** The C library looks for the descriptors of the sockets that there would be. */
const looks = { sanitizeResources: false };

const CONNECTION = {} as StreamConnection;

/** A host on which listening at some addresses fails with a code. */
function host(faults: Record<string, string>) {
  const clock = new FakeClock();
  const listening: string[] = [];
  const opened: string[] = [];
  const awaited: string[] = [];
  const listen = (at: Endpoint, isShared = false): StreamListener => {
    const code = faults[at.address];
    if (code !== undefined) {
      throw new TransportError("listen", at, Object.assign(new Error(code), { code }));
    }
    const local = { address: at.address, port: at.port || 7 };
    const text = `${local.address} ${local.port}${isShared ? " shared" : ""}`;
    listening.push(text);
    return {
      local,
      accept: () => Promise.resolve(CONNECTION),
      close: () => void listening.splice(listening.indexOf(text), 1),
    };
  };
  const parts = {
    startTimer: clock.startTimer,
    opened: ({ address }: Endpoint) => void opened.push(address),
    awaits: (address: string) => void awaited.push(address),
    listen,
  };
  return { clock, faults, listening, opened, awaited, parts };
}

const locals = (listeners: readonly StreamListener[]) =>
  listeners.map(({ local: { address, port } }) => `${address} ${port}`);

Deno.test("openTcpServer() has a socket for each family on one port", looks, () => {
  const { listening, parts } = host({});
  assertEquals(locals(openTcpServer(0, undefined, parts)), ["0.0.0.0 7", ":: 7"]);
  assertEquals(listening, ["0.0.0.0 7", ":: 7 shared"]);
});

Deno.test("openTcpServer() does without IPv6, also at its loopback address", looks, () => {
  for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL"]) {
    assertEquals(locals(openTcpServer(0, undefined, host({ "::": code }).parts)), ["0.0.0.0 7"]);
  }
  const { parts } = host({ "::1": "EAFNOSUPPORT" });
  assertEquals(locals(openTcpServer(0, ["127.0.0.1", "::1"], parts)), ["127.0.0.1 7"]);
});

Deno.test("openTcpServer() leaves nothing open where a port is in use", looks, () => {
  const { listening, parts } = host({ "10.0.0.1": "EADDRINUSE" });
  assertThrows(() => openTcpServer(0, ["127.0.0.1", "10.0.0.1"], parts), TransportError);
  assertEquals(listening, []);
});

Deno.test(
  "an address that comes later is listened on once it is there (realworld F4)",
  looks,
  async () => {
    const { clock, faults, listening, opened, awaited, parts } = host({
      "10.0.0.1": "EADDRNOTAVAIL",
    });
    const [, late] = openTcpServer(0, ["127.0.0.1", "10.0.0.1"], parts);
    assertEquals([late!.local, awaited], [{ address: "10.0.0.1", port: 7 }, ["10.0.0.1"]]);
    const accepted = late!.accept();
    clock.advance(2_000);
    assertEquals(listening, ["127.0.0.1 7"]);
    delete faults["10.0.0.1"];
    await Promise.resolve();
    clock.advance(2_000);
    assertEquals(await accepted, CONNECTION);
    assertEquals(listening, ["127.0.0.1 7", "10.0.0.1 7"]);
    assertEquals(opened, ["127.0.0.1", "10.0.0.1"]);
    late!.close();
    assertEquals(listening, ["127.0.0.1 7"]);
  },
);

Deno.test("a listener whose address never comes can be closed", looks, async () => {
  const { clock, parts } = host({ "10.0.0.1": "EADDRNOTAVAIL" });
  const [, late] = openTcpServer(0, ["127.0.0.1", "10.0.0.1"], parts);
  const accepted = late!.accept();
  late!.close();
  await assertRejects(() => accepted, Deno.errors.BadResource);
  assertEquals(clock.pending, 0);
});
