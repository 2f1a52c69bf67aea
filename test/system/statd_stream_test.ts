/** Record marking of a stranger: pieces, fragments, several calls, and abuse. */

import { assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { TestHost } from "../support/namespace.ts";
import {
  describe,
  message,
  mon,
  nullCall,
  record,
  stat,
  unmon,
  word,
} from "../support/nsm_calls.ts";
import { monitored, startStatd, STATD } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const NEEDS = [OUR_STATD];
const MONITORED = "SUCCESS 00000000 00000003";
const LAST_FRAGMENT = 0x80000000;

async function start(newHost: () => Promise<TestHost>): Promise<{ host: TestHost; agent: Agent }> {
  const host = await newHost();
  const agent = new Agent(host);
  await startStatd(host);
  return { host, agent };
}

/** Message in fragments of `size` bytes. */
function inFragments(call: Bytes, size: number): Bytes {
  let stream = "";
  for (let at = 0; at < call.length; at += size) {
    const part = call.slice(at, at + size);
    const flag = at + size >= call.length ? LAST_FRAGMENT : 0;
    stream += word(flag | part.length) + part.toHex();
  }
  return Uint8Array.fromHex(stream);
}

function bytewise(stream: Bytes): Bytes[] {
  return Array.from(stream, (byte) => Uint8Array.of(byte));
}

const MON = message(mon({ monName: "10.99.9.1" }));

for (const address of ["127.0.0.1", "::1"]) {
  const to = { ...STATD, address };
  systemTest(`a call that comes byte by byte to ${address} is one call`, NEEDS, async (newHost) => {
    const { host, agent } = await start(newHost);
    const { records } = await agent.stream(bytewise(record(MON)), 1, to);
    assertEquals(records.map(describe), [MONITORED]);
    assertEquals(monitored(host), ["10.99.9.1"]);
  });
}

systemTest("a call in fragments of any size is one call", NEEDS, async (newHost) => {
  const { host, agent } = await start(newHost);
  for (const size of [1, 3, 4, 40, MON.length - 1, MON.length]) {
    const { records } = await agent.stream([inFragments(MON, size)], 1, STATD);
    assertEquals(records.map(describe), [MONITORED], `fragments of ${size} bytes`);
  }
  const endsEmpty = word(MON.length) + MON.toHex() + word(LAST_FRAGMENT);
  const { records } = await agent.stream([Uint8Array.fromHex(endsEmpty)], 1, STATD);
  assertEquals(records.map(describe), [MONITORED]);
  assertEquals(monitored(host), ["10.99.9.1"]);
});

systemTest("fragments that come byte by byte are one call", NEEDS, async (newHost) => {
  const { agent } = await start(newHost);
  const { records } = await agent.stream(bytewise(inFragments(MON, 7)), 1, STATD);
  assertEquals(records.map(describe), [MONITORED]);
});

systemTest("calls in one piece are all answered, each with its xid", NEEDS, async (newHost) => {
  const { host, agent } = await start(newHost);
  const peers = Array.from({ length: 20 }, (_, index) => `10.99.9.${index}`);
  const calls = [
    ...peers.map((monName, xid) => message({ ...mon({ monName }), xid })),
    ...peers.map((_, index) => message({ ...nullCall, xid: 100 + index })),
    message({ ...stat("localhost"), xid: 200 }),
  ];
  const stream = Uint8Array.fromHex(calls.map((call) => record(call).toHex()).join(""));
  const { records } = await agent.stream([stream], calls.length, STATD);
  const replies = records.map((reply) => {
    const xid = new DataView(reply.buffer).getUint32(0);
    return `${String(xid).padStart(3, "0")} ${describe(reply)}`;
  });
  assertEquals(replies.sort(), [
    ...peers.map((_, xid) => `${String(xid).padStart(3, "0")} ${MONITORED}`),
    ...peers.map((_, index) => `${100 + index} SUCCESS`),
    `200 ${MONITORED}`,
  ]);
  assertEquals(monitored(host), peers.toSorted());
});

systemTest("one call and half of the next are one reply", NEEDS, async (newHost) => {
  const { agent } = await start(newHost);
  const next = record(message(unmon({ monName: "10.99.9.1" }))).slice(0, -4);
  const { records, isClosed } = await agent.stream([record(MON), next], 1, STATD);
  assertEquals([records.map(describe), isClosed], [[MONITORED], false]);
  // The connection ended in the middle of a record; the next one is served.
  const again = await agent.stream([record(MON)], 1, STATD);
  assertEquals(again.records.map(describe), [MONITORED]);
});

/** Streams that are no sensible records. */
const ABUSES: readonly (readonly [string, string])[] = [
  ["a record of 2 GiB", "ffffffff"],
  ["a fragment of 1 GiB", "40000000"],
  ["fragments without end", `${word(60_000)}${"00".repeat(60_000)}`.repeat(20)],
  ["empty fragments", word(0).repeat(10_000)],
  ["an HTTP request", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n").toHex()],
];

for (const [name, stream] of ABUSES) {
  systemTest(`${name}: the connection ends, and statd keeps serving`, NEEDS, async (newHost) => {
    const { agent } = await start(newHost);
    const { records, isClosed } = await agent.stream([Uint8Array.fromHex(stream)], 0, STATD);
    assertEquals([records, isClosed], [[], true]);
    const next = await agent.stream([record(message(nullCall))], 1, STATD);
    assertEquals(next.records.map(describe), ["SUCCESS"]);
  });
}
