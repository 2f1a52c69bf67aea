import { assertEquals, assertThrows } from "@std/assert";
import type { TcpListener } from "../../lib/net/tcp.ts";
import { openTcpServer } from "../../lib/net/tcp_server.ts";
import { type Endpoint, type StreamConnection, TransportError } from "../../lib/rpc/transport.ts";

const pure = { permissions: "none" } as const;
const CONNECTION = {} as StreamConnection;

/** Host on which listening at some addresses fails with a code. */
function host(faults: Record<string, string>) {
  const listening: string[] = [];
  const limited: string[] = [];
  const sharing = new Set<string>();
  const awaited: string[] = [];
  const listener = (at: Endpoint, how: string): TcpListener => {
    const local = { address: at.address, port: at.port || 7 };
    const text = `${local.address} ${local.port}${how}`;
    listening.push(text);
    return {
      fd: listening.length,
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
  const awaits = (address: string) => void awaited.push(address);
  const system = {
    listen(at: Endpoint, isShared = false) {
      assertEquals(sharing.size > 0, isShared); // the kernel requires the option on both sockets
      return listen(at, isShared);
    },
    listenEarly: (at: Endpoint) => listener(at, " early"),
    share({ local }: TcpListener, isShared: boolean) {
      if (isShared) sharing.add(local.address);
      else sharing.delete(local.address);
    },
    limitSending: ({ local }: TcpListener) => void limited.push(local.address),
  };
  const open = (addresses?: readonly string[]) => openTcpServer(0, addresses, awaits, system);
  return { listening, limited, sharing, awaited, open };
}

const locals = (listeners: readonly TcpListener[]) =>
  listeners.map(({ local: { address, port } }) => `${address} ${port}`);

Deno.test("openTcpServer() has a socket for each family on one port", pure, () => {
  const { listening, open } = host({});
  assertEquals(locals(open()), ["0.0.0.0 7", ":: 7"]);
  assertEquals(listening, ["0.0.0.0 7", ":: 7 shared"]);
});

Deno.test("openTcpServer() shares its port only while it opens, and limits sending", pure, () => {
  const { sharing, limited, open } = host({});
  open();
  assertEquals([[...sharing], limited], [[], ["0.0.0.0", "::"]]);
});

Deno.test("openTcpServer() does without IPv6, also at its loopback address", pure, () => {
  for (const code of ["EAFNOSUPPORT", "EADDRNOTAVAIL"]) {
    assertEquals(locals(host({ "::": code }).open()), ["0.0.0.0 7"]);
  }
  const { open } = host({ "::1": "EAFNOSUPPORT" });
  assertEquals(locals(open(["127.0.0.1", "::1"])), ["127.0.0.1 7"]);
});

Deno.test("openTcpServer() leaves nothing open if a port is in use", pure, () => {
  const { listening, open } = host({ "10.0.0.1": "EADDRINUSE" });
  assertThrows(() => open(["127.0.0.1", "10.0.0.1"]), TransportError);
  assertEquals(listening, []);
});

Deno.test("a missing address is listened on in advance (realworld F4)", pure, () => {
  const { listening, limited, awaited, open } = host({ "10.0.0.1": "EADDRNOTAVAIL" });
  const listeners = open(["127.0.0.1", "10.0.0.1"]);
  assertEquals(locals(listeners), ["127.0.0.1 7", "10.0.0.1 7"]);
  assertEquals(listening, ["127.0.0.1 7", "10.0.0.1 7 early"]);
  assertEquals([limited, awaited], [["127.0.0.1", "10.0.0.1"], ["10.0.0.1"]]);
});
