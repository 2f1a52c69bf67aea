import { assertEquals } from "@std/assert";
import { ArrivalSocket } from "../../lib/net/arrival_socket.ts";
import type { MessageSocket } from "../../lib/platform/message_socket.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { eventually } from "../support/patience.ts";
import "../support/open_libc.ts";

/** The runtime listens to SIGIO as long as it serves a socket. */
const listens = { sanitizeOps: false, sanitizeResources: false };

/** Socket with a number of queued datagrams of a stranger. */
function socketWith(datagrams: number): MessageSocket {
  const source = Uint8Array.of(2, 0, 3, 0, 10, 98, 0, 2);
  const arrival = { destination: Uint8Array.of(10, 98, 0, 1), isUnicast: true, interfaceIndex: 2 };
  const socket: Partial<MessageSocket> = {
    source,
    port: 7,
    ownSignals() {},
    signalArrivals() {},
    close() {},
    receive: () => datagrams-- > 0 ? { data: new Uint8Array(4), arrival } : undefined,
  };
  return socket as MessageSocket;
}

Deno.test(
  "trust 7: after an expensive datagram local callers come first",
  listens,
  async () => {
    const clock = new FakeClock();
    for (const [costMs, looks] of [[0, 1], [3, 20]] as const) {
      const said: string[] = [];
      const socket = new ArrivalSocket(socketWith(20), "0.0.0.0", {
        startTimer: clock.startTimer,
        interfaceName: () => "eth0",
        first: () => said.push("first"),
        now: () => clock.now(),
      });
      const ended = socket.receive(() => {
        said.push("taken");
        clock.advance(costMs);
      });
      await eventually("all are taken", () => {
        clock.advance(1);
        return said.filter((what) => what === "taken").length === 20;
      });
      socket.close();
      await ended;
      assertEquals(said.filter((what) => what === "first").length, looks);
    }
  },
);
