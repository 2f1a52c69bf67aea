import { assert, assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { DescriptorCalls } from "../../lib/platform/datagram_calls.ts";
import { DatagramDrops } from "../../lib/platform/datagram_drops.ts";
import { withDescriptor } from "../../lib/platform/opened_socket.ts";

const LOCAL = { transport: "udp", hostname: "127.0.0.1", port: 0 } as const;
/** Near the longest datagram, so that few of them fill a buffer. */
const DATAGRAM_BYTES = 60_000;
const ENDLESS = 10_000;

function open() {
  const { opened: socket, fd } = withDescriptor(() => Deno.listenDatagram(LOCAL));
  return { socket, calls: new DescriptorCalls(fd), at: socket.addr as Deno.NetAddr };
}

Deno.test("DatagramDrops counts dropped datagrams, also those of a closed socket", async () => {
  const [full, other] = [open(), open()];
  const drops = new DatagramDrops([full.at.port]);
  const ofOther = new DatagramDrops([other.at.port]);
  let sent = 0;
  while (drops.count() < 3 && sent < ENDLESS) {
    await other.socket.send(new Uint8Array(DATAGRAM_BYTES), full.at);
    sent++;
  }
  let received = 0;
  while (full.calls.receive(new Uint8Array(1), new Uint8Array(28)) >= 0) received++;
  assertEquals([drops.count(), received], [3, sent - 3]);
  full.socket.close();
  assertEquals([drops.count(), ofOther.count()], [3, 0]);
  other.socket.close();
  assert(received > 0);
});
