import { assertEquals } from "@std/assert";
import { type InterfaceAddress, mergedAddress } from "../../lib/rpcbind/merged_address.ts";

const pure = { permissions: "none" } as const;

function own(address: string, netmask: string, name: string, scopeid = 0): InterfaceAddress {
  return { address, netmask, name, scopeid };
}

const HOST = [
  own("127.0.0.1", "255.0.0.0", "lo"),
  own("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "lo"),
  own("10.1.0.5", "255.255.0.0", "eth0"),
  own("192.168.7.5", "255.255.255.0", "eth1"),
  own("fd00:1::5", "ffff:ffff:ffff:ffff::", "eth0"),
  own("fe80::5", "ffff:ffff:ffff:ffff::", "eth0", 2),
  own("fe80::6", "ffff:ffff:ffff:ffff::", "eth1", 3),
];

function merged(registered: string, address: string, hint = ""): string | undefined {
  return mergedAddress(registered, { address, hint }, HOST);
}

Deno.test("a caller gets the address on its own network", pure, () => {
  assertEquals(merged("0.0.0.0.8.1", "192.168.7.99"), "192.168.7.5.8.1");
  assertEquals(merged("0.0.0.0.8.1", "10.1.200.1"), "10.1.0.5.8.1");
  assertEquals(merged("0.0.0.0.8.1", "127.0.0.1"), "127.0.0.1.8.1");
  assertEquals(merged("::.8.1", "fd00:1::99"), "fd00:1::5.8.1");
});

Deno.test("a caller of another network gets the first address that is not loopback", pure, () => {
  assertEquals(merged("0.0.0.0.8.1", "203.0.113.1"), "10.1.0.5.8.1");
  assertEquals(merged("::.8.1", "2001:db8::1"), "fd00:1::5.8.1");
});

Deno.test("the called address takes precedence over the caller's", pure, () => {
  assertEquals(merged("0.0.0.0.8.1", "203.0.113.1", "192.168.7.5.0.111"), "192.168.7.5.8.1");
  assertEquals(merged("::.8.1", "2001:db8::1", "192.168.7.5.0.111"), undefined);
  assertEquals(merged("0.0.0.0.8.1", "203.0.113.1", "junk"), undefined);
});

Deno.test("a link-local caller gets the address of its link", pure, () => {
  assertEquals(merged("::.8.1", "fe80::99%eth1"), "fe80::6.8.1");
  assertEquals(merged("::.8.1", "fe80::99%3"), "fe80::6.8.1");
  assertEquals(merged("::.8.1", "fe80::99"), "fe80::5.8.1");
});

Deno.test("a service bound to one address is shown to every caller", pure, () => {
  assertEquals(merged("10.1.0.5.8.1", "192.168.7.99"), "10.1.0.5.8.1");
  for (const none of ["junk", "", "0.0.0.0.8", "0.0.0.0.8.1.1", "0.0.0.0.256.1", "..8.1"]) {
    assertEquals(merged(none, "192.168.7.99"), undefined, none);
  }
});
