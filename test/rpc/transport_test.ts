import { assertEquals, assertStrictEquals } from "@std/assert";
import { TransportError, withoutScope } from "../../lib/rpc/transport.ts";

const pure = { permissions: "none" } as const;

Deno.test("TransportError names action, target and cause", pure, () => {
  const cause = new Error("Connection refused");
  const error = new TransportError("connect to", { address: "::1", port: 111 }, cause);
  assertEquals(error.message, "Cannot connect to ::1 port 111: Connection refused");
  assertEquals([error.name, error.target], ["TransportError", "::1 port 111"]);
  assertStrictEquals(error.cause, cause);
  assertEquals(
    new TransportError("connect to", "/run/rpcbind.sock", "no such file").message,
    "Cannot connect to /run/rpcbind.sock: no such file",
  );
});

Deno.test("withoutScope() cuts at the percent sign", pure, () => {
  assertEquals(withoutScope("fe80::1%eth0"), "fe80::1");
  assertEquals(withoutScope("fe80::1"), "fe80::1");
  assertEquals(withoutScope("192.0.2.1"), "192.0.2.1");
});
