import { assertEquals, assertMatch } from "@std/assert";
import {
  HOST_NAME_MAX_BYTES,
  hostNameFault,
  looksLikePath,
  nameKey,
  storableMyName,
} from "../../lib/nsm/host_name.ts";

const pure = { permissions: "none" } as const;

Deno.test("hostNameFault() accepts names and addresses as lock managers send them", pure, () => {
  const names = [
    "nodeb.example.net",
    "NODEB",
    "10.77.0.2",
    "fd77::2",
    "fe80::1%lo",
    "a_b",
    "127.2",
  ];
  for (const name of [...names, "x".repeat(HOST_NAME_MAX_BYTES)]) {
    assertEquals(hostNameFault(name), undefined, name);
  }
});

Deno.test(
  "hostNameFault() refuses text that is no name, or that is ambiguous",
  pure,
  () => {
    const refused: [string, RegExp][] = [
      ["", /empty/],
      ["x".repeat(HOST_NAME_MAX_BYTES + 1), /longer than 255/],
      [".", /dot/],
      ["..", /dot/],
      [".hidden", /dot/],
      ["../x", /dot/],
      ["a/b", /slash/],
      ["/etc/passwd", /slash/],
      ["a b", /blank/],
      ["a\tb", /blank/],
      ["a\nb", /blank/],
      ["a\0b", /control/],
      ["a\x7f", /no host name/],
      ["caf\xe9", /no host name/],
    ];
    for (const [name, reason] of refused) assertMatch(hostNameFault(name) ?? "accepted", reason);
  },
);

Deno.test("looksLikePath() tells an attack from a mistake", pure, () => {
  assertEquals(["../x", ".x", "a/b"].map(looksLikePath), [true, true, true]);
  assertEquals(["a b", "", "a.b"].map(looksLikePath), [false, false, false]);
});

Deno.test("nameKey() ignores letter case and a final dot", pure, () => {
  assertEquals(nameKey("NodeB.Example.NET."), "nodeb.example.net");
  assertEquals(nameKey("FD77::A"), "fd77::a");
  assertEquals(nameKey("."), ".");
});

Deno.test("storableMyName() replaces each blank, TAB, CR and LF", pure, () => {
  assertEquals(storableMyName("my name\ttab\r\n"), "my_name_tab__");
  assertEquals(storableMyName("plain"), "plain");
});
