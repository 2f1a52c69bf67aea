import { assertEquals } from "@std/assert";
import { COPY_MS } from "../../lib/nsm/notice_gate.ts";
import { ReplacedStates } from "../../lib/nsm/replaced_states.ts";

const pure = { permissions: "none" } as const;

Deno.test("a state counts as replaced for a while after the next one", pure, () => {
  const states = new ReplacedStates();
  states.note("a", 0, 5, 1000);
  assertEquals(states.has("a", 5, 1000), false);
  states.note("a", 5, 7, 2000);
  assertEquals([5, 7].map((state) => states.has("a", state, 2000)), [true, false]);
  assertEquals(states.has("b", 5, 2000), false);
  assertEquals(states.has("a", 5, 2000 + COPY_MS - 1), true);
  assertEquals(states.has("a", 5, 2000 + COPY_MS), false);
});

Deno.test("a state known only to another registration of the peer is replaced too", pure, () => {
  const states = new ReplacedStates();
  states.note("a", 5, 9, 1000);
  states.note("a", 7, 9, 1000);
  assertEquals([5, 7, 9].map((state) => states.has("a", state, 1000)), [true, true, false]);
});

Deno.test("a returning state is the present one", pure, () => {
  const states = new ReplacedStates();
  for (const [before, state] of [[0, 5], [5, 7], [7, 5]]) states.note("a", before!, state!, 1000);
  assertEquals([5, 7].map((state) => states.has("a", state, 1000)), [false, true]);
});

Deno.test("peers without recent news take no memory", pure, () => {
  const states = new ReplacedStates();
  for (let peer = 0; peer < 100; peer++) states.note(`${peer}`, 0, 5, peer * COPY_MS / 10);
  assertEquals(states.size, 10);
});
