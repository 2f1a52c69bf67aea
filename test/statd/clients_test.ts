import { assertEquals } from "@std/assert";
import { serveClients } from "../../lib/statd/clients.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;

Deno.test(
  "trust 2: connections that are reset before they are accepted delay no client",
  pure,
  async () => {
    const served = Promise.withResolvers<void>();
    const reset = Object.assign(new Error("Transport endpoint is not connected"), {
      code: "ENOTCONN",
    });
    const arrivals = [
      () => Promise.reject(reset),
      () => Promise.reject(reset),
      () => Promise.resolve({ close() {} } as Deno.Conn),
      () => Promise.withResolvers<Deno.Conn>().promise,
    ];
    const listener = { accept: () => arrivals.shift()!(), close() {} } as Deno.Listener;
    const faults: unknown[] = [];
    // Time stands still, so that a pause would never end.
    const { startTimer } = new FakeClock();
    const server = serveClients(listener, {
      serve: () => Promise.resolve(served.resolve()),
      closed: "oldest",
      ended() {},
      failed: (error) => faults.push(error),
      startTimer,
    });
    await served.promise;
    assertEquals(faults, []);
    server.close();
  },
);
