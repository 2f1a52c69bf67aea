import { assertEquals, assertThrows } from "@std/assert";
import { openTcpServer } from "../../lib/net/tcp_server.ts";
import { openUdpServer } from "../../lib/net/udp_server.ts";
import { closeDescriptor, openDescriptor } from "../../lib/platform/descriptors.ts";
import { libc } from "../../lib/platform/libc.ts";
import { withDescriptor } from "../../lib/platform/opened_socket.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/open_libc.ts";

const LOCAL = { hostname: "127.0.0.1", port: 0 } as const;

/** Counts calls of getsockname(2) during an action. */
function namesAsked(action: () => void): number {
  const table = libc() as { getsockname: ReturnType<typeof libc>["getsockname"] };
  const { getsockname } = table;
  let count = 0;
  table.getsockname = (...args) => (count++, getsockname(...args));
  try {
    action();
  } finally {
    table.getsockname = getsockname;
  }
  return count;
}

Deno.test("withDescriptor() opens again when a thread takes the number first", () => {
  const taken: number[] = [];
  let attempts = 0;
  const { opened, fd } = withDescriptor(() => {
    if (attempts++ < 2) taken.push(openDescriptor("/dev/null"));
    return Deno.listen(LOCAL);
  });
  assertEquals([attempts, taken.includes(fd)], [3, false]);
  opened.close();
  taken.forEach(closeDescriptor);
});

Deno.test("withDescriptor() gives up, and leaves nothing open, if it is always disturbed", () => {
  const taken: number[] = [];
  let open = 0;
  assertThrows(
    () =>
      withDescriptor(() => {
        taken.push(openDescriptor("/dev/null"));
        const socket = Deno.listenDatagram({ ...LOCAL, transport: "udp" });
        open++;
        return { addr: socket.addr, close: () => (open--, socket.close()) };
      }),
    Error,
    "other threads",
  );
  assertEquals(open, 0);
  taken.forEach(closeDescriptor);
});

Deno.test("the cost of opening a server grows with its addresses, not with their square", () => {
  const { startTimer } = new FakeClock();
  const costOf = (count: number) =>
    namesAsked(() => {
      const addresses = Array.from({ length: count }, (_, i) => `127.0.0.${i + 2}`);
      const datagrams = openUdpServer(0, addresses, startTimer);
      const streams = openTcpServer(datagrams[0]!.local.port, addresses, () => {});
      for (const socket of [...datagrams, ...streams]) socket.close();
    });
  const [few, some, many] = [costOf(2), costOf(10), costOf(18)];
  assertEquals(many - some, some - few);
});
