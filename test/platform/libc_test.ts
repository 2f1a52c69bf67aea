import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import "../support/open_libc.ts";
import { openDescriptor } from "../../lib/platform/descriptors.ts";
import {
  addressesOfName,
  cString,
  EAI,
  LibcError,
  nameOfAddress,
} from "../../lib/platform/libc.ts";

Deno.test("LibcError names the call and the error", { permissions: "none" }, () => {
  assertMatch(new LibcError("setgroups", 1).message, /^setgroups: EPERM \(allow it in the filter/);
  assertEquals(new LibcError("setgroups", 1).code, "EPERM");
  assertEquals(new LibcError("read", 999).message, "read: errno 999");
});

Deno.test("checked() throws the error in errno", () => {
  const error = assertThrows(() => openDescriptor("/nonexistent"), LibcError);
  assertEquals((error as LibcError).message, 'open "/nonexistent": ENOENT');
  assertThrows(() => openDescriptor("/"), LibcError, 'open "/": EISDIR');
});

Deno.test(
  "cString() refuses a NUL, which would end the string in C",
  { permissions: "none" },
  () => {
    assertThrows(() => cString("a\0b"), TypeError);
    assertEquals([...cString("é")], [0xc3, 0xa9, 0]);
  },
);

Deno.test("addressesOfName() finds localhost, each address once", async () => {
  const { code, canonicalName, addresses } = await addressesOfName("localhost");
  assertEquals(code, 0);
  assertEquals(typeof canonicalName, "string");
  assert(addresses!.includes("127.0.0.1") || addresses!.includes("::1"));
  assertEquals(new Set(addresses).size, addresses!.length);
});

const numeric: readonly [string, string][] = [
  ["192.0.2.7", "192.0.2.7"],
  ["127.2", "127.0.0.2"],
  ["0x7f000001", "127.0.0.1"],
  ["2001:DB8:0:0::1", "2001:db8::1"],
  ["fe80::1%lo", "fe80::1%lo"],
  ["fe80::1%1", "fe80::1%lo"],
  ["::ffff:192.0.2.7", "::ffff:192.0.2.7"],
];
for (const [text, address] of numeric) {
  Deno.test(`addressesOfName() reads ${text} as an address`, async () => {
    assertEquals(await addressesOfName(text), {
      code: 0,
      canonicalName: text,
      addresses: [address],
    });
  });
}

for (const name of ["", "a\0b", "a b", "h\xe9", "\u4e00", " localhost", "localhost\n"]) {
  Deno.test(`addressesOfName() does not look up ${JSON.stringify(name)}`, async () => {
    assertEquals(await addressesOfName(name), { code: EAI.NONAME });
    assertEquals(await nameOfAddress(name), { code: EAI.NONAME });
  });
}

Deno.test("nameOfAddress() accepts numeric addresses only", async () => {
  assertEquals(await nameOfAddress("localhost"), { code: EAI.NONAME });
  assertEquals(await nameOfAddress("fe80::1%nosuchinterface"), { code: EAI.NONAME });
});

Deno.test("nameOfAddress() finds the name of 127.0.0.1 in the hosts file", async () => {
  const line = Deno.readTextFileSync("/etc/hosts").split("\n")
    .find((line) => line.startsWith("127.0.0.1"));
  const { code, name } = await nameOfAddress("127.0.0.1");
  if (line === undefined) return;
  assertEquals([code, name], [0, line.split(/\s+/)[1]]);
});

Deno.test("concurrent look-ups do not mix their buffers", async () => {
  const names = Array.from({ length: 64 }, (_, i) => `192.0.2.${i}`);
  const found = await Promise.all(names.map(addressesOfName));
  assertEquals(found.map(({ addresses }) => addresses?.[0]), names);
});
