import { assertEquals } from "@std/assert";
import type { LedgerPeer } from "../../lib/cluster/ledger.ts";
import {
  adding,
  emptySum,
  goneLine,
  type JournalSum,
  peerLine,
  toldLine,
} from "../../lib/cluster/journal.ts";

const pure = { permissions: "none" } as const;

function sumOf(text: string): JournalSum {
  const sum = emptySum(new Map<string, LedgerPeer>());
  for (const _ of adding(text, sum));
  return sum;
}

Deno.test("the last line of a peer counts, in whatever letter case", pure, () => {
  const { peers, told, unread, isWhole } = sumOf(
    peerLine({ monName: "C1", addresses: [] }) +
      peerLine({ monName: "c2", addresses: ["10.0.0.2"] }) +
      goneLine("c1") + toldLine("C2"),
  );
  assertEquals([...peers.values()], [{ monName: "c2", addresses: ["10.0.0.2"] }]);
  assertEquals([[...told], unread, isWhole], [["c2"], [], true]);
});

Deno.test("names are judged again when they are read", pure, () => {
  const { peers, unread } = sumOf(
    [
      '{"peer":"/etc/passwd","addresses":[]}',
      '{"peer":"a b","addresses":[]}',
      '{"gone":""}',
      "null",
    ]
      .map((line) => `${line}\n`).join(""),
  );
  assertEquals([peers.size, unread.length], [0, 4]);
});

Deno.test("a last line without a line feed is ignored", pure, () => {
  const line = peerLine({ monName: "c1", addresses: [] });
  const { peers, unread, isWhole } = sumOf(line + line.slice(0, -1).replace("c1", "c2"));
  assertEquals([[...peers.keys()], unread, isWhole], [["c1"], [], false]);
});
