/**
 * Other files of the state directory, through the store on an in-memory disk: `state` yields an odd
 * 32-bit number, and `sm/.peers` facts of the right types. The first byte selects the file.
 */

import { assert, assertEquals } from "@std/assert";
import { openMonitorStore } from "../../../lib/store/file_store.ts";
import { openNotifyStore } from "../../../lib/store/notify_store.ts";
import { openPeerMemory } from "../../../lib/store/peer_memory.ts";
import { FragileDisk } from "../../support/fragile_disk.ts";
import { RecordingLog } from "../../support/recording_log.ts";
import { EDGES, mutateBytes, mutateText } from "../mutate.ts";
import { onceIn, pick, type Random, type Target, toBytes, toText } from "../target.ts";
import { name } from "../wire.ts";

const DIRECTORY = "/s";
const STATE = `${DIRECTORY}/state`;
const PEERS = `${DIRECTORY}/sm/.peers`;

function newDisk(files: Record<string, string>): FragileDisk {
  return new FragileDisk([DIRECTORY, `${DIRECTORY}/sm`, `${DIRECTORY}/sm.bak`], files);
}

function checkState(text: string): void {
  const disk = newDisk({ [STATE]: text });
  const parts = { log: new RecordingLog(), fileSystem: disk };
  const bytes = toBytes(text.slice(0, 4));
  const stored = text.length < 4 ? undefined : new DataView(bytes.buffer).getInt32(0, true);
  const number = openMonitorStore(DIRECTORY, parts).stateNumber();
  const up = stored === undefined ? 3 : stored | 1;
  assertEquals(number, up);
  if (stored !== undefined) assertEquals(disk.files[STATE], text, "reading it has changed it");
  const next = openNotifyStore(DIRECTORY, parts).advanceStateNumber();
  // The first call has created the file.
  assertEquals(next, up + 2 | 0);
  assertEquals(openMonitorStore(DIRECTORY, parts).stateNumber(), next);
}

async function checkPeers(text: string): Promise<void> {
  const disk = newDisk({ [PEERS]: text });
  const parts = { log: new RecordingLog(), fileSystem: disk, mayCompact: true };
  const memory = openPeerMemory(DIRECTORY, parts);
  const known = memory.load();
  for (const [peer, facts] of known) {
    assert(typeof peer === "string" && facts.addresses.every((one) => typeof one === "string"));
    const { lastState = 1, port = 1, toldAt = 1, canonicalName = "", transport = "udp" } = facts;
    for (const number of [lastState, port, toldAt]) assert(Number.isInteger(number), `${number}`);
    assert(lastState === (lastState | 0) && port > 0 && port < 65536 && toldAt >= 0);
    assert(typeof canonicalName === "string" && ["udp", "tcp"].includes(transport));
  }
  const learned = { addresses: ["192.0.2.9"], lastState: -1 };
  memory.note("caf\xe9\n\u2028", learned);
  for (const peer of known.keys()) if (peer.length % 2 === 0) memory.forget(peer);
  await null;
  const again = openPeerMemory(DIRECTORY, parts).load();
  assertEquals(again.get("caf\xe9\n\u2028"), learned, "what was saved is not there");
  for (const [peer, facts] of known) {
    const isForgotten = peer.length % 2 === 0;
    if (peer === peer.toLowerCase()) assertEquals(again.get(peer), isForgotten ? undefined : facts);
  }
  assertEquals(parts.log.of("error"), []);
}

const VALUES = [
  ...['["192.0.2.1"]', "[]", "[1]", '["::1",null]', '"udp"', '"tcp"', "2049", "65536", "-1", "1.5"],
  ...[
    "null",
    "true",
    "{}",
    '"\\u0000"',
    "1e400",
    "9007199254740993",
    "[".repeat(40),
    '{"a":',
    "\xe9",
  ],
];
const FIELDS = [
  "addresses",
  "canonicalName",
  "lastState",
  "transport",
  "port",
  "toldAt",
  "reached",
  "__proto__",
];

function peersLine(random: Random): string {
  const peer = JSON.stringify(onceIn(random, 3) ? name(random) : "nodeb");
  const facts = FIELDS.filter(() => onceIn(random, 2))
    .map((field) => `,"${field}":${onceIn(random, 2) ? VALUES[0] : pick(random, VALUES)}`);
  return `{"peer":${peer},"addresses":["192.0.2.1"]${facts.join("")}}\n`;
}

export const stateDirectory: Target = {
  name: "state directory",
  inputs: 5_000,
  generate(random) {
    if (onceIn(random, 3)) {
      const bytes = new Uint8Array(new Uint32Array([pick(random, EDGES), random(2 ** 32)]).buffer);
      return Uint8Array.of(
        0,
        ...mutateBytes(bytes.slice(0, pick(random, [0, 3, 4, 4, 8])), random),
      );
    }
    const lines = Array.from({ length: 1 + random(5) }, () => peersLine(random)).join("");
    const bytes = toBytes(mutateText(lines, random, [...VALUES, ...FIELDS, '"', "\n"]));
    return Uint8Array.of(1, ...mutateBytes(bytes, random));
  },
  open: () => ({
    run(input) {
      const text = toText(input.subarray(1));
      return input[0] === 0 ? checkState(text) : checkPeers(text);
    },
  }),
};
