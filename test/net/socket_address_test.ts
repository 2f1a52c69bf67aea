import { assertEquals } from "@std/assert";
import { endpointIn, SocketAddresses } from "../../lib/net/socket_address.ts";

const pure = { permissions: "none" } as const;

/** Family, port, and what follows, as Linux has them on little-endian machines; see ipv6(7). */
const IPV4 = "0200" + "02bc" + "c0000201" + "0000000000000000";
const MAPPED = "0a00" + "02bc" + "00000000" + "00000000000000000000ffffc0000201" + "00000000";
const IPV6 = "0a00" + "02bc" + "00000000" + "20010db8000000000000000000000009" + "00000000";
const LINK_LOCAL = "0a00" + "02bc" + "00000000" + "fe800000000000000000000000000001" + "02000000";
/** Not mapped, although it begins with zeros. */
const NEARLY = "0a00" + "02bc" + "00000000" + "00000000000000000000fffec0000201" + "00000000";
const LOOPBACK = "0a00" + "02bc" + "00000000" + "00000000000000000000000000000001" + "00000000";

const PORT = 700;

Deno.test(
  "endpointIn() reads both families, mapped addresses as IPv4 where both share",
  pure,
  () => {
    const cases = [
      [IPV4, "192.0.2.1"],
      [MAPPED, "192.0.2.1"],
      [IPV6, "2001:db8::9"],
      [NEARLY, "::fffe:c000:201"],
      [LOOPBACK, "::1"],
      [LINK_LOCAL, "fe80::1%eth0"],
    ] as const;
    for (const [hex, address] of cases) {
      assertEquals(endpointIn(Uint8Array.fromHex(hex), "%eth0", true), { address, port: PORT });
    }
  },
);

Deno.test(
  "endpointIn() rejects a mapped address on an IPv6 socket (trust 1)",
  pure,
  () => {
    assertEquals(endpointIn(Uint8Array.fromHex(MAPPED), ""), undefined);
  },
);

Deno.test("endpointIn() knows no other families", pure, () => {
  assertEquals(endpointIn(Uint8Array.fromHex("0100" + "00".repeat(26)), ""), undefined);
});

Deno.test("SocketAddresses writes what endpointIn() reads", pure, () => {
  const [four, six] = [new SocketAddresses(false), new SocketAddresses(true)];
  const hex = (addresses: SocketAddresses, address: string, port = PORT) =>
    addresses.of({ address, port })?.toHex();
  assertEquals(hex(four, "192.0.2.1"), IPV4);
  assertEquals(hex(six, "192.0.2.1"), MAPPED);
  assertEquals(hex(six, "2001:db8::9"), IPV6);
  assertEquals(hex(six, "::1"), LOOPBACK);
  assertEquals(hex(six, "::1", 0x1234), LOOPBACK.replace("02bc", "1234"));
});

Deno.test("SocketAddresses leaves addresses that it cannot write to the runtime", pure, () => {
  assertEquals(new SocketAddresses(false).of({ address: "::1", port: PORT }), undefined);
  for (const address of ["fe80::1%eth0", "localhost", ""]) {
    assertEquals(new SocketAddresses(true).of({ address, port: PORT }), undefined);
  }
});

Deno.test("SocketAddresses notices a recreated interface by its index", pure, () => {
  const addresses = new SocketAddresses(true);
  const of = (index: number) =>
    addresses.of({ address: "fe80::1%eth0", port: PORT }, index)?.at(24);
  assertEquals([of(2), of(3)], [2, 3]);
});
