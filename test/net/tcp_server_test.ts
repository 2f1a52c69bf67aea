import { assertEquals, assertThrows } from "@std/assert";
import type { StreamListener } from "../../lib/net/tcp.ts";
import { openTcpServer } from "../../lib/net/tcp_server.ts";
import { type Endpoint, type StreamConnection, TransportError } from "../../lib/rpc/transport.ts";
import "../support/open_libc.ts";

/** The C library looks for the descriptors of the sockets that there would be. */
const looks = { sanitizeResources: false };

const CONNECTION = {} as StreamConnection;

/** A host on which listening at some addresses fails with a code. */
function host(faults: Record<string, string>) {
  const listening: string[] = [];
  const opened: string[] = [];
  const awaited: string[] = [];
  const listener = (at: Endpoint, how: string): StreamListener => {
    const local = { address: at.address, port: at.port || 7 };
    const text = `${local.address} ${local.port}${how}`;
    listening.push(text);
    return {
      local,
      accept: () => Promise.resolve(CONNECTION),
      close: () => void listening.splice(listening.indexOf(text), 1),
    };
  };
  const listen = (at: Endpoint, isShared = false) => {
    const code = faults[at.address];
    if (code !== undefined) {
      throw new TransportError("listen", at, Object.assign(new Error(code), { code }));
    }
    return listener(at, isShared ? " shared" : "");
  };
  const parts = {
    opened: ({ address }: Endpoint) => void opened.push(address),
    awaits: (address: string) => void awaited.push(address),
    listen,
    listenEarly: (at: Endpoint) => listener(at, " early"),
  };
  return { listening, opened, awaited, parts };
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

Deno.test("an address that comes later is listened on at once (realworld F4)", looks, () => {
  const { listening, opened, awaited, parts } = host({ "10.0.0.1": "EADDRNOTAVAIL" });
  const listeners = openTcpServer(0, ["127.0.0.1", "10.0.0.1"], parts);
  assertEquals(locals(listeners), ["127.0.0.1 7", "10.0.0.1 7"]);
  assertEquals(listening, ["127.0.0.1 7", "10.0.0.1 7 early"]);
  assertEquals([opened, awaited], [["127.0.0.1", "10.0.0.1"], ["10.0.0.1"]]);
});
