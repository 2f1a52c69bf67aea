import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import {
  openReservedSocket,
  type ReservedOptions,
  reservedPorts,
} from "../../lib/net/reserved_port.ts";
import { type DatagramSocket, type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;
const nobody = { services: new Set<number>(), blacklist: new Set<number>() };

Deno.test("reservedPorts() names each port from 512 to 1023 once, from any start", pure, () => {
  for (const start of [0, 1, 511, 512, 2 ** 32 - 1]) {
    const ports = reservedPorts(nobody, start);
    assertEquals(ports.toSorted((a, b) => a - b), Array.from({ length: 512 }, (_, i) => 512 + i));
    assertEquals(ports[0], 512 + start % 512);
  }
});

Deno.test(
  "reservedPorts() puts ports of services last, and blacklisted ones at the very end",
  pure,
  () => {
    const givenAway = { services: new Set([600, 601, 2049]), blacklist: new Set([601, 602]) };
    const ports = reservedPorts(givenAway, 600 - 512);
    assertEquals(ports[0], 603);
    assertEquals(ports.slice(-3), [600, 601, 602]);
    assertEquals(ports.length, 512);
  },
);

/** Opens nothing: a port fails with the code that `fault` gives it. */
function setUp(fault: (port: number) => [new (message: string) => Error, string] | undefined) {
  const tried: number[] = [];
  const open = ({ address, port }: Endpoint) => {
    tried.push(port);
    const found = fault(port);
    if (found !== undefined) {
      const cause = Object.assign(new found[0](found[1]), { code: found[1] });
      throw new TransportError("open", { address, port }, cause);
    }
    return { local: { address, port: port || 40_000 } } as DatagramSocket;
  };
  const options: ReservedOptions = {
    address: "127.0.0.1",
    givenAway: nobody,
    randomNumber: () => 512 + 100,
    startTimer: new FakeClock().startTimer,
  };
  return { tried, run: () => openReservedSocket(options, open) };
}

Deno.test("openReservedSocket() tries the next port while one is in use", pure, () => {
  const { tried, run } = setUp((port) =>
    port < 615 ? [Deno.errors.AddrInUse, "EADDRINUSE"] : undefined
  );
  const { socket, note } = run();
  assertEquals([socket.local.port, note], [615, undefined]);
  assertEquals(tried, [612, 613, 614, 615]);
});

Deno.test("openReservedSocket() takes any port where a reserved one is not permitted", pure, () => {
  const { tried, run } = setUp((port) =>
    port === 0 ? undefined : [Deno.errors.PermissionDenied, "EACCES"]
  );
  const { socket, note } = run();
  assertEquals(socket.local.port, 40_000);
  assertMatch(
    note!,
    /^Cannot bind a reserved port at 127.0.0.1: .*not permitted.*using port 40000$/,
  );
  assertEquals(tried, [612, 0]);
});

Deno.test("openReservedSocket() takes any port when all reserved ones are in use", pure, () => {
  const { tried, run } = setUp((port) =>
    port === 0 ? undefined : [Deno.errors.AddrInUse, "EADDRINUSE"]
  );
  assert(run().note?.includes("all ports from 512 to 1023 are in use"));
  assertEquals(tried.length, 513);
});

Deno.test("openReservedSocket() throws when the address is not ours", pure, () => {
  const { tried, run } = setUp(() => [Deno.errors.AddrNotAvailable, "EADDRNOTAVAIL"]);
  assertThrows(run, TransportError);
  assertEquals(tried.length, 1);
});
