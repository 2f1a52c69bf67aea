/**
 * Ledgers and warm starts. A rewritten journal has the sum of the journal read, owners and
 * definitions are valid or rejected, and a readable list of rpcbind is rewritten unchanged.
 */

import { assert, assertEquals } from "@std/assert";
import type { LedgerPeer } from "../../../lib/cluster/ledger.ts";
import { DefinitionError, readDefinition, textsOf } from "../../../lib/cluster/definition.ts";
import { adding, emptySum, type JournalSum, piecesOf } from "../../../lib/cluster/journal.ts";
import { parseOwnership } from "../../../lib/cluster/ownership.ts";
import { jsonObject } from "../../../lib/json_object.ts";
import { rpcblist } from "../../../lib/protocol/rpcbind.ts";
import { XdrError } from "../../../lib/xdr/errors.ts";
import { fromBytes, toBytes as toXdr } from "../../../lib/xdr/types.ts";
import { mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";
import { name } from "../wire.ts";

const WORDS = [
  ...['{"peer":"', '{"gone":"', '{"told":"', '","addresses":["10.0.0.7"]}', '"}', "\n", "\\u0000"],
  ...["null", "[]", "{}", "1e999", "-0", '"epoch":2', '"__proto__":{"a":1}', '"node":""'],
];
const OWNER = '{"epoch":2,"state":3,"node":"a","life":"x","since":"2026","isReleased":false}';
const DEFINITION = '{"names":"nfs1","addresses":"10.0.0.1","ledger":"directory:/srv/ledger"}\n';
const LIST = toText(toXdr(rpcblist, [
  { r_prog: 100024, r_vers: 1, r_netid: "udp", r_addr: "0.0.0.0.3.4", r_owner: "superuser" },
]));

function sumOf(text: string): JournalSum {
  const sum = emptySum(new Map<string, LedgerPeer>());
  for (const _ of adding(text, sum)) continue;
  return sum;
}

function run(input: Uint8Array): void {
  const text = toText(input);
  const sum = sumOf(text);
  const again = sumOf([...piecesOf(sum)].join(""));
  assertEquals([again.peers, again.told, again.unread], [sum.peers, sum.told, sum.unread]);
  assert(again.isWhole);
  const own = parseOwnership(text);
  if (own !== undefined) assertEquals(parseOwnership(JSON.stringify(own)), own);
  const texts = textsOf(jsonObject(text));
  if (texts !== undefined) checkDefinition(texts);
  checkList(input);
}

function checkDefinition(texts: NonNullable<ReturnType<typeof textsOf>>): void {
  try {
    readDefinition("nfs1", texts);
  } catch (error) {
    assert(error instanceof DefinitionError, `${error}`);
  }
}

function checkList(input: Uint8Array): void {
  try {
    const entries = fromBytes(rpcblist, input as Uint8Array<ArrayBuffer>);
    assertEquals(fromBytes(rpcblist, toXdr(rpcblist, entries)), entries);
  } catch (error) {
    if (!(error instanceof XdrError)) throw error;
  }
}

function journal(random: Random): string {
  const lines = Array.from({ length: random(6) }, () => {
    const peer = JSON.stringify(name(random));
    return pick(random, [
      `{"peer":${peer},"addresses":["10.0.0.${random(300)}"]}\n`,
      `{"gone":${peer}}\n`,
      `{"told":${peer}}\n`,
    ]);
  });
  return lines.join("");
}

export const ledgers: Target = {
  name: "ledgers",
  inputs: 500,
  generate(random) {
    const text = pick(random, [journal(random), OWNER, DEFINITION, LIST]);
    const mutated = toBytes(toText(toBytes(mutateText(text, random, WORDS))));
    return onceIn(random, 3) ? mutateBytes(mutated, random) : mutated;
  },
  open: () => ({ run }),
};
