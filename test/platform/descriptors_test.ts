import { assert, assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import {
  boundSocket,
  closeDescriptor,
  connectUnixDatagram,
  getSocketOption,
  openDescriptor,
  openDescriptors,
} from "../../lib/platform/descriptors.ts";
import { LibcError } from "../../lib/platform/libc.ts";
import { withDescriptor } from "../../lib/platform/opened_socket.ts";
import { setReceiveBuffer } from "../../lib/platform/socket_options.ts";

const socketsAt = (port: number) =>
  openDescriptors().filter(({ fd }) => boundSocket(fd)?.port === port).map(({ fd }) => fd);

Deno.test("boundSocket() tells UDP from TCP on one port, in both families", () => {
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const { port } = udp.addr as Deno.NetAddr;
  using _tcp = Deno.listen({ hostname: "::1", port });
  const found = socketsAt(port).map((fd) => boundSocket(fd));
  assertEquals(found.length, 2);
  assert(found.some((socket) => socket!.transport === "udp"));
  assert(found.some((socket) => socket!.transport === "tcp"));
  udp.close();
});

Deno.test("boundSocket() is undefined for other descriptors", () => {
  const fd = openDescriptor("/dev/null");
  assertEquals(boundSocket(fd), undefined);
  closeDescriptor(fd);
  assertEquals(boundSocket(fd), undefined);
});

Deno.test("getSocketOption() reads that Deno's IPv6 sockets are dual stack", () => {
  const udp = Deno.listenDatagram({ transport: "udp", hostname: "::", port: 0 });
  const [fd] = socketsAt((udp.addr as Deno.NetAddr).port);
  assertEquals(getSocketOption(fd!, "IPV6_V6ONLY"), 0);
  assertThrows(() => getSocketOption(0, "IPV6_V6ONLY"), LibcError, "getsockopt(IPV6_V6ONLY): ");
  udp.close();
});

Deno.test("setReceiveBuffer() enlarges the buffer of a UDP socket, and never reduces it", () => {
  const udp = { transport: "udp", hostname: "127.0.0.1", port: 0 } as const;
  const { opened, fd } = withDescriptor(() => Deno.listenDatagram(udp));
  const wanted = getSocketOption(fd, "SO_RCVBUF");
  for (const bytes of [wanted, wanted / 4]) {
    setReceiveBuffer(fd, bytes);
    // The kernel doubles the value for its overhead.
    assertEquals(getSocketOption(fd, "SO_RCVBUF"), 2 * wanted);
  }
  opened.close();
});

Deno.test("connectUnixDatagram() gives the reason of a failure, and leaves nothing open", () => {
  const before = openDescriptors().length;
  assertThrows(() => connectUnixDatagram("/nonexistent", 10), LibcError, "connect: ENOENT");
  assertThrows(() => connectUnixDatagram("@nsm-nobody", 10), LibcError, "connect: ECONNREFUSED");
  assertThrows(() => connectUnixDatagram("/".padEnd(108, "x"), 10), LibcError, "ENAMETOOLONG");
  assertEquals(openDescriptors().length, before);
});
