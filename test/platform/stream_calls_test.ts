import { assert, assertEquals, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { LibcError } from "../../lib/platform/libc.ts";
import { streamCalls } from "../../lib/platform/stream_calls.ts";
import { eventually } from "../support/patience.ts";

const { socketAddress, open, connect, receive, send, close } = streamCalls;
const ANY = { address: "127.0.0.1", port: 0 };

/** Listener, a connection to it from 127.0.0.2, and the listener's end of it. */
async function connected() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  const to = socketAddress({ address: "127.0.0.1", port });
  const fd = open({ address: "127.0.0.2", port: 0 });
  await eventually("the connection is there", () => connect(fd, to));
  const accepted = await listener.accept();
  listener.close();
  return { fd, to, accepted };
}

Deno.test("streamCalls send bytes from the bound address", async () => {
  const { fd, to, accepted } = await connected();
  assertEquals((accepted.remoteAddr as Deno.NetAddr).hostname, "127.0.0.2");
  assert(connect(fd, to), "a connection that is there is there");
  const buffer = new Uint8Array(8);
  assertEquals(receive(fd, buffer), undefined);
  assertEquals(send(fd, new Uint8Array([1, 2])), 2);
  assertEquals(await accepted.read(buffer), 2);
  await accepted.write(new Uint8Array([3, 4, 5]));
  let length: number | undefined;
  await eventually("bytes arrive", () => (length = receive(fd, buffer)) !== undefined);
  assertEquals([length, ...buffer.subarray(0, 3)], [3, 3, 4, 5]);
  accepted.close();
  await eventually("the end arrives", () => receive(fd, buffer) === 0);
  close(fd);
});

Deno.test("streamCalls do not block on a full buffer", async () => {
  const { fd, accepted } = await connected();
  const data = new Uint8Array(1 << 20);
  await eventually("there is no room", () => send(fd, data) === undefined);
  close(fd);
  accepted.close();
});

Deno.test("open() shares a port, with one connection per destination", async () => {
  const { fd, to, accepted } = await connected();
  const { port } = accepted.remoteAddr as Deno.NetAddr;
  const second = open({ address: "127.0.0.2", port });
  const error = assertThrows(() => connect(second, to), LibcError);
  assertEquals(error.code, "EADDRNOTAVAIL");
  close(second);
  close(fd);
  accepted.close();
});

Deno.test("a port can be used for a destination again as soon as its connection is closed", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const to = socketAddress({ address: "127.0.0.1", port: (listener.addr as Deno.NetAddr).port });
  let port = 0;
  for (let i = 0; i < 3; i++) {
    const fd = open({ address: "127.0.0.1", port });
    await eventually("the connection is there", () => connect(fd, to));
    const accepted = await listener.accept();
    ({ port } = accepted.remoteAddr as Deno.NetAddr);
    close(fd);
    accepted.close();
  }
  listener.close();
});

Deno.test("open() and connect() give the reason of a failure", () => {
  const code = (act: () => unknown) => assertThrows(act, LibcError).code;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  assertEquals(code(() => open({ address: "127.0.0.1", port })), "EADDRINUSE");
  assertEquals(code(() => open({ address: "192.0.2.1", port: 0 })), "EADDRNOTAVAIL");
  const fd = open(ANY);
  assertEquals(code(() => connect(fd, socketAddress({ address: "::1", port }))), "EAFNOSUPPORT");
  close(fd);
  listener.close();
  assertThrows(
    () => open({ address: "fe80::1%nowhere", port: 0 }),
    TypeError,
    "not an address of this host",
  );
});

Deno.test("connect() to a port without a listener is refused", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const fd = open(ANY);
  const to = socketAddress({ address: "127.0.0.1", port });
  let code = "";
  await eventually("the refusal is there", () => {
    try {
      return connect(fd, to);
    } catch (error) {
      code = (error as LibcError).code;
      return true;
    }
  });
  assertEquals(code, "ECONNREFUSED");
  close(fd);
});
