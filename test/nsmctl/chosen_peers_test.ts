/** operator D20: operands mean the same hosts in every command. */

import { assertEquals } from "@std/assert";
import { choosePeers } from "../../lib/nsmctl/chosen_peers.ts";
import type { Peer } from "../../lib/nsmctl/peers.ts";

function peer(monName: string, addresses: string[] = [], canonicalName?: string): Peer {
  const lists = { isMonitored: true, isToBeNotified: false, requests: [], addresses };
  return { monName, ...lists, ...canonicalName === undefined ? {} : { canonicalName } };
}

const PEERS = [
  peer("10.77.1.9"),
  peer("client01.example.net", ["10.77.1.1"]),
  peer("client02.example.net", ["10.77.1.2"]),
  peer("nas", ["10.77.1.3"], "storage.example.net"),
];
const GUESS = 'is on no list; did you mean "client01.example.net"?';

const CASES: readonly (readonly [operand: string, names: string[], complaint?: string])[] = [
  ["client01.example.net", ["client01.example.net"]],
  ["CLIENT01.Example.NET", ["client01.example.net"]],
  ["10.77.1.2", ["client02.example.net"]],
  ["10.77.1.9", ["10.77.1.9"]],
  ["storage.example.net", ["nas"]],
  ["client*", ["client01.example.net", "client02.example.net"]],
  ["client0?.example.net", ["client01.example.net", "client02.example.net"]],
  ["client01", [], GUESS],
  ["client01.exmaple.net", [], GUESS],
  ["fd00::1", [], "is on no list"],
  ["nothere*", [], "is on no list"],
];

for (const [operand, names, complaint] of CASES) {
  Deno.test(
    `D20: ${operand} is ${names.join(" and ") || "nobody"}`,
    { permissions: "none" },
    () => {
      const { peers, unknown } = choosePeers([operand], PEERS);
      assertEquals(peers.map(({ monName }) => monName), names);
      const complaints = unknown.map(({ complaint }) => complaint);
      assertEquals(complaints, complaint === undefined ? [] : [`${operand} ${complaint}`]);
    },
  );
}

Deno.test(
  "D20: each peer is chosen once, and unknown operands are told",
  { permissions: "none" },
  () => {
    const { peers, unknown } = choosePeers(["client*", "10.77.1.1", "nothere"], PEERS);
    assertEquals(peers.length, 2);
    assertEquals(unknown.map(({ operand }) => operand), ["nothere"]);
  },
);

Deno.test("a peer on no readable list may be on an unreadable one", () => {
  const [unknown] = choosePeers(["client9"], [], false).unknown;
  assertEquals(unknown!.complaint, "client9 is on no list, as far as it can be read");
});
