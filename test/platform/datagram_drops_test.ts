import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { DescriptorCalls } from "../../lib/platform/datagram_calls.ts";
import { droppedBy } from "../../lib/platform/datagram_drops.ts";
import { withDescriptor } from "../../lib/platform/opened_socket.ts";

const LOCAL = { transport: "udp", hostname: "127.0.0.1", port: 0 } as const;
/** Near the longest datagram, so that few of them fill a buffer. */
const DATAGRAM_BYTES = 60_000;
const ENDLESS = 10_000;

Deno.test("droppedBy() counts the datagrams that found no room", async () => {
  const [full, sender] = [1, 2].map(() => withDescriptor(() => Deno.listenDatagram(LOCAL)));
  let sent = 0;
  while (droppedBy(full!.fd) < 3 && sent < ENDLESS) {
    await sender!.opened.send(new Uint8Array(DATAGRAM_BYTES), full!.opened.addr);
    sent++;
  }
  const calls = new DescriptorCalls(full!.fd);
  let received = 0;
  while (calls.receive(new Uint8Array(1), new Uint8Array(28)) >= 0) received++;
  assertEquals([droppedBy(full!.fd), received, droppedBy(sender!.fd)], [3, sent - 3, 0]);
  for (const { opened } of [full!, sender!]) opened.close();
});
