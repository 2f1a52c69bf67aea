import "../support/open_libc.ts";
import { assertEquals, assertNotEquals } from "@std/assert";
import { randomNumbers, systemClock } from "../../lib/platform/clock.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "systemClock.startTimer() waits longer than setTimeout can",
  pure,
  async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      const cancel = systemClock.startTimer(2 ** 31 + 1000, () => order.push("long"));
      systemClock.startTimer(5, () => {
        order.push("short");
        cancel();
        resolve();
      });
    });
    assertEquals(order, ["short"]);
  },
);

Deno.test("systemClock.startTimer() does nothing once it is cancelled", pure, async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    systemClock.startTimer(1, () => order.push("cancelled"))();
    systemClock.startTimer(2, resolve);
  });
  assertEquals(order, []);
});

Deno.test("systemClock.now() does not go back", pure, () => {
  const first = systemClock.now();
  assertEquals(systemClock.now() >= first, true);
});

Deno.test("randomNumbers() gives unsigned 32-bit numbers that differ", pure, () => {
  const next = randomNumbers();
  const drawn = Array.from({ length: 1000 }, next);
  assertEquals(drawn.every((n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32), true);
  // 1000 of 2^32 share a value once in 8600 runs, two pairs practically never
  assertNotEquals(new Set(drawn).size < 999, true);
});

// Answers of the thread pool outlive the test if the timer ends a turn before them, and would be
// blamed on any test behind it.
const outlived = { sanitizeOps: false } as const;

Deno.test("systemClock.afterTurn() lets the event loop deliver a datagram", outlived, async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  await socket.send(new Uint8Array([1]), socket.addr);
  let isDelivered = false;
  const received = socket.receive().then(() => isDelivered = true);
  for (let turns = 0; turns < 10 && !isDelivered; turns++) {
    await new Promise<void>((resolve) => systemClock.afterTurn(resolve));
  }
  assertEquals(isDelivered, true);
  await received;
  socket.close();
});
