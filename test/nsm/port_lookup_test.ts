import { assert, assertEquals, assertRejects } from "@std/assert";
import { findPort } from "../../lib/nsm/port_lookup.ts";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import { FakePeers } from "../support/fake_peers.ts";
import { SimulatedClock } from "../support/simulated_clock.ts";

const pure = { permissions: "none" } as const;
const SM_PROG = 100024;

function world() {
  const clock = new SimulatedClock();
  const peers = new FakePeers(clock);
  const find = (address: string, transport: "udp" | "tcp" = "udp") =>
    clock.until(findPort(peers, { program: SM_PROG, version: 1, transport }, address, 2000));
  return { peers, find };
}

/** Peer with one answer to every call. */
function answering(result: unknown): CallPeer {
  return { call: () => Promise.resolve(result as never) };
}

Deno.test("findPort() asks the portmapper of an IPv4 address for UDP or TCP", pure, async () => {
  const { peers, find } = world();
  peers.add("10.0.0.1", { udpPort: 900, tcpPort: 901 });
  assertEquals(await find("10.0.0.1"), 900);
  assertEquals(await find("10.0.0.1", "tcp"), 901);
  assertEquals(peers.calls.map(({ port, transport, args }) => ({ port, transport, args })), [
    { port: 111, transport: "udp", args: { prog: SM_PROG, vers: 1, prot: 17, port: 0 } },
    { port: 111, transport: "tcp", args: { prog: SM_PROG, vers: 1, prot: 6, port: 0 } },
  ]);
});

Deno.test("findPort() asks rpcbind of an IPv6 address, without the scope", pure, async () => {
  const { peers, find } = world();
  peers.add("fe80::1%lo", { udpPort: 40_000 });
  assertEquals(await find("fe80::1%lo"), 40_000);
  assertEquals(peers.calls[0]!.args, {
    r_prog: SM_PROG,
    r_vers: 1,
    r_netid: "udp6",
    r_addr: "fe80::1.0.111",
    r_owner: "",
  });
});

Deno.test("findPort() is undefined if the program is not registered", pure, async () => {
  const { peers, find } = world();
  peers.add("10.0.0.1", { udpPort: 0 });
  peers.add("fd00::1", { udpPort: 0 });
  assertEquals(await find("10.0.0.1"), undefined);
  assertEquals(await find("fd00::1"), undefined);
});

for (
  const [address, low, high, asked] of [
    ["10.0.0.1", 3, 4, [2, 4]],
    ["10.0.0.1", 3, 3, [2, 3]],
    ["fd00::1", 4, 4, [3, 4]],
  ] as const
) {
  Deno.test(
    `findPort() asks version ${asked[1]} where ${low} to ${high} are served`,
    pure,
    async () => {
      const versions: number[] = [];
      const peers: CallPeer = {
        call: (program, name, _args, to) => {
          versions.push(program.version);
          if (versions.length === 2) return Promise.resolve(`${address}.3.132` as never);
          const failure = { kind: "accepted", stat: 2, low, high } as const;
          return Promise.reject(new RpcError(name, to, failure));
        },
      };
      const wanted = { program: SM_PROG, version: 1, transport: "udp" } as const;
      assertEquals(await findPort(peers, wanted, address, 2000), 900);
      assertEquals(versions, [...asked]);
    },
  );
}

Deno.test("findPort() fails when there is no answer, or an unusable one", pure, async () => {
  const { find } = world();
  await assertRejects(() => find("10.0.0.9"), RpcError, "no answer in 2000 ms");
  const wanted = { program: SM_PROG, version: 1, transport: "udp" } as const;
  for (const text of ["fd00::1", "fd00::1.256.1", "\n", "1.2"]) {
    await assertRejects(() => findPort(answering(text), wanted, "fd00::1", 1), RpcError);
  }
  await assertRejects(() => findPort(answering(65_536), wanted, "10.0.0.1", 1), RpcError);
});

Deno.test("findPort() escapes an unusable answer and cuts it short", pure, async () => {
  const wanted = { program: SM_PROG, version: 1, transport: "udp" } as const;
  const text = `\x9b2J\x1b[2J"\xff${"x".repeat(1000)}`;
  const { message } = await assertRejects(
    () => findPort(answering(text), wanted, "fd00::1", 1),
    RpcError,
    String.raw`malformed, "\x9b2J\x1b[2J\x22\xffxxx`,
  );
  assert(message.length < 500 && !/[^ -~…]/.test(message), message);
});

Deno.test("findPort() uses the port only, not another host's address", pure, async () => {
  const wanted = { program: SM_PROG, version: 1, transport: "udp" } as const;
  assertEquals(await findPort(answering("192.0.2.66.3.132"), wanted, "fd00::1", 1), 900);
});
