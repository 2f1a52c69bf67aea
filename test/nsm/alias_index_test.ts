import { assertEquals } from "@std/assert";
import { AliasIndex } from "../../lib/nsm/alias_index.ts";

const pure = { permissions: "none" } as const;

Deno.test("peersOf() leads from a name or address to every peer it may stand for", pure, () => {
  const index = new AliasIndex();
  index.learn("nodeb", ["NodeB.example.net", "10.0.0.2", "fd77::2"]);
  index.learn("10.0.0.2", ["nodeb.example.net"]);
  assertEquals([...index.peersOf("nodeb.EXAMPLE.net")], ["nodeb", "10.0.0.2"]);
  assertEquals([...index.peersOf("10.0.0.2")], ["nodeb"]);
  assertEquals([...index.peersOf("10.0.0.3")], []);
});

Deno.test("learn() replaces earlier facts about a peer", pure, () => {
  const index = new AliasIndex();
  assertEquals(index.learn("nodeb", ["10.0.0.2"]), true);
  assertEquals(index.learn("nodeb", ["10.0.0.3"]), true);
  assertEquals(index.learn("NodeB", ["nodeb", "10.0.0.3"]), false);
  assertEquals([[...index.peersOf("10.0.0.2")], [...index.peersOf("10.0.0.3")]], [[], ["nodeb"]]);
});

Deno.test("forget() leaves the other peers of a shared alias", pure, () => {
  const index = new AliasIndex();
  for (const peer of ["a", "b", "c"]) index.learn(peer, ["10.0.0.2"]);
  index.forget("b");
  assertEquals([...index.peersOf("10.0.0.2")], ["a", "c"]);
  index.forget("a");
  index.forget("c");
  assertEquals([[...index.peersOf("10.0.0.2")], index.knows("a")], [[], false]);
});

Deno.test("learn() keeps no more than 32 aliases of one peer", pure, () => {
  const index = new AliasIndex();
  index.learn("nodeb", Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`));
  assertEquals(index.aliasesOf("nodeb").length, 32);
});
