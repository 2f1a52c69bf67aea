import { assertEquals, assertThrows } from "@std/assert";
import {
  DefinitionError,
  type DefinitionTexts,
  readDefinition,
  textsOf,
} from "../../lib/cluster/definition.ts";

const pure = { permissions: "none" } as const;
const LEDGER = { ledger: "directory:/srv/vip1/nsm" };

Deno.test(
  "an identity announces its names, their short forms and its addresses, each once",
  pure,
  () => {
    const texts = { ...LEDGER, names: "nfs1.example.net, nfs1", addresses: "10.0.0.50 FD00::50" };
    assertEquals(readDefinition("vip1", texts), {
      id: "vip1",
      announced: ["nfs1.example.net", "nfs1", "10.0.0.50", "fd00::50"],
      sources: ["10.0.0.50", "fd00::50"],
      ledger: { kind: "directory", path: "/srv/vip1/nsm" },
      isLocalEnough: false,
      deadlineS: 30,
    });
  },
);

Deno.test("source = any needs no addresses", pure, () => {
  const { sources, announced } = readDefinition("vip1", { ...LEDGER, names: "svc", source: "any" });
  assertEquals([sources, announced], [[], ["svc"]]);
});

for (
  const [id, texts, message] of [
    ["../x", { ...LEDGER, names: "a" }, "not an identity name"],
    ["vip1", LEDGER, "it needs names or addresses"],
    ["vip1", { ...LEDGER, names: "a" }, "it needs addresses, or source = any"],
    ["vip1", { addresses: "10.0.0.1" }, "it needs a ledger"],
    ["vip1", { addresses: "10.0.0.1", ledger: "/srv" }, "is not directory:/PATH"],
    ["vip1", { addresses: "10.0.0.1", ledger: "directory:srv" }, "is not directory:/PATH"],
    ["vip1", { addresses: "10.0.0.1", ledger: "directory:/a/../b" }, "is not directory:/PATH"],
    ["vip1", { addresses: "10.0.0.1", ledger: "directory:/" }, "is not directory:/PATH"],
    ["vip1", { ...LEDGER, addresses: "nfs1" }, "no numeric address"],
    ["vip1", { ...LEDGER, names: "../a", addresses: "10.0.0.1" }, "no name of a host"],
    [
      "vip1",
      { ...LEDGER, addresses: "10.0.0.1", source: "10.0.0.1 10.0.0.2" },
      "one address of each",
    ],
    ["vip1", { ...LEDGER, addresses: "10.0.0.1", deadline: "0" }, "a deadline is 1 to 3600"],
    [
      "vip1",
      { ...LEDGER, addresses: "10.0.0.1", "when-unreachable": "never" },
      "when-unreachable is refuse or local",
    ],
    ["vip1", { ...LEDGER, addresses: "10.0.0.1", "before-notify": "grace" }, "absolute path"],
  ] as readonly (readonly [string, DefinitionTexts, string])[]
) {
  Deno.test(`identity ${JSON.stringify([id, texts])} is refused: ${message}`, pure, () => {
    assertThrows(() => readDefinition(id, texts), DefinitionError, message);
  });
}

Deno.test("words of a definition are texts under known keys", pure, () => {
  assertEquals(textsOf({ names: "a" }), { names: "a" });
  for (const value of [null, [], { names: 1 }, { color: "red" }, "x"]) {
    assertEquals(textsOf(value), undefined);
  }
});
