import { assert, assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { DescriptorCalls } from "../../lib/platform/datagram_calls.ts";
import { withDescriptor } from "../../lib/platform/opened_socket.ts";

const LOCAL = { transport: "udp", hostname: "127.0.0.1" } as const;

function open(reusedPort?: number) {
  const options = { ...LOCAL, port: reusedPort ?? 0, reuseAddress: true };
  const { opened, fd } = withDescriptor(() => Deno.listenDatagram(options));
  const { port } = opened.addr as Deno.NetAddr;
  const address = new Uint8Array([2, 0, port >> 8, port & 0xff, 127, 0, 0, 1, ...new Array(8)]);
  return { socket: opened, calls: new DescriptorCalls(fd), port, address };
}

Deno.test("receive() takes a queued datagram with its source, without waiting", () => {
  const [one, other] = [open(), open()];
  const [buffer, source] = [new Uint8Array(10), new Uint8Array(28)];
  assert(one.calls.receive(buffer, source) < 0);
  assert(other.calls.send(new Uint8Array([7, 8]), one.address));
  assert(other.calls.send(new Uint8Array(0), one.address));
  assertEquals(one.calls.receive(buffer, source), 2);
  assertEquals([...buffer.subarray(0, 2)], [7, 8]);
  assertEquals(source.subarray(0, 8), other.address.subarray(0, 8));
  assertEquals(one.calls.receive(buffer, source), 0);
  assert(one.calls.receive(buffer, source) < 0);
  for (const { socket } of [one, other]) socket.close();
});

Deno.test("withDescriptor() finds the newer of two sockets on a port", () => {
  const first = open();
  const second = open(first.port);
  // Of two sockets with one address, the kernel gives a datagram to the one bound last.
  assert(first.calls.send(new Uint8Array([1]), second.address));
  const [buffer, source] = [new Uint8Array(1), new Uint8Array(28)];
  assert(first.calls.receive(buffer, source) < 0);
  assertEquals(second.calls.receive(buffer, source), 1);
  for (const { socket } of [first, second]) socket.close();
});

Deno.test("send() returns false if the kernel refuses a datagram", () => {
  const { socket, calls, address } = open();
  assertEquals(calls.send(new Uint8Array(70_000), address), false);
  assertEquals(calls.send(new Uint8Array(1), new Uint8Array(16)), false);
  socket.close();
});
