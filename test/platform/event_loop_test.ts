import { assertEquals } from "@std/assert";
import { nextTurn } from "../../lib/platform/event_loop.ts";

/** The socket of the turns stays open. */
const lasting = { sanitizeResources: false, sanitizeOps: false } as const;

/** One is enough, unless the timer that stands in for the socket is the quicker one. */
const TURNS_MAX = 100;

Deno.test("nextTurn() lets a socket have its turn, whoever else waits", lasting, async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  for (let round = 0; round < 10; round++) {
    let isReceived = false;
    const received = socket.receive().then(() => isReceived = true);
    await socket.send(new Uint8Array(1), socket.addr);
    for (let turns = 0; !isReceived && turns < TURNS_MAX; turns++) {
      await Promise.all([nextTurn(), nextTurn()]);
    }
    assertEquals(isReceived, true);
    await received;
  }
  socket.close();
});
