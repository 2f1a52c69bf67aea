import { isIpv6, netidFor } from "../../lib/rpc/address.ts";
import { assertEquals } from "@std/assert";
import { fromUniversalAddress, toUniversalAddress } from "../../lib/protocol/universal_address.ts";

const pure = { permissions: "none" } as const;

Deno.test("toUniversalAddress() appends the port's two bytes to the address", pure, () => {
  const cases = [
    ["0.0.0.0", 111, "0.0.0.0.0.111"],
    ["192.0.2.1", 662, "192.0.2.1.2.150"],
    ["127.0.0.1", 65535, "127.0.0.1.255.255"],
    ["127.0.0.1", 0, "127.0.0.1.0.0"],
    ["::", 256, "::.1.0"],
    ["2001:db8::1", 255, "2001:db8::1.0.255"],
  ] as const;
  for (const [address, port, text] of cases) {
    assertEquals(toUniversalAddress({ address, port }), text);
    assertEquals(fromUniversalAddress(text), { address, port });
  }
});

Deno.test("toUniversalAddress() leaves a link-local scope out", pure, () => {
  assertEquals(toUniversalAddress({ address: "fe80::1%eth0", port: 111 }), "fe80::1.0.111");
});

Deno.test("fromUniversalAddress() reads the addresses that implementations send", pure, () => {
  const cases = [
    // rpcbind 1.2.6, see test/golden/rpcbind.ts.
    ["127.0.0.1.157.202", "127.0.0.1", 40394],
    ["fd77::1.181.201", "fd77::1", 46537],
    ["::.207.145", "::", 53137],
    // An IPv4 address inside an IPv6 one.
    ["::ffff:192.0.2.1.8.1", "::ffff:192.0.2.1", 2049],
    // Zeros in front.
    ["192.0.2.1.002.001", "192.0.2.1", 513],
  ] as const;
  for (const [text, address, port] of cases) {
    assertEquals(fromUniversalAddress(text), { address, port }, text);
  }
});

Deno.test("fromUniversalAddress() refuses other text", pure, () => {
  const texts = [
    "",
    ".",
    "..",
    "...",
    "111",
    "0.111",
    ".0.111",
    "::1",
    "127.0.0.1.256.0",
    "127.0.0.1.0.256",
    "127.0.0.1.0.0111",
    "127.0.0.1..111",
    "127.0.0.1.0.",
    "127.0.0.1.-1.0",
    "127.0.0.1.0x1.0",
    "127.0.0.1. 1.0",
    "127.0.0.1.1e1.0",
    "127.0.0.1.0.\u0661",
    "/run/rpcbind.sock",
    "/run/rpcbind.sock.0.x",
  ];
  for (const text of texts) assertEquals(fromUniversalAddress(text), undefined, text);
});

Deno.test("fromUniversalAddress() leaves the host part as it is", pure, () => {
  assertEquals(fromUniversalAddress("any text.at all.1.2"), {
    address: "any text.at all",
    port: 258,
  });
});

Deno.test("isIpv6() and netidFor() look for a colon", pure, () => {
  assertEquals(["127.0.0.1", "::1", "::ffff:127.0.0.1"].map(isIpv6), [false, true, true]);
  assertEquals(netidFor("udp", "192.0.2.1"), "udp");
  assertEquals(netidFor("tcp", "192.0.2.1"), "tcp");
  assertEquals(netidFor("udp", "fd77::1"), "udp6");
  assertEquals(netidFor("tcp", "::"), "tcp6");
});
