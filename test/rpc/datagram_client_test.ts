import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { DatagramClient } from "../../lib/rpc/datagram_client.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import { program } from "../../lib/rpc/program.ts";
import { type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import { XdrError } from "../../lib/xdr/errors.ts";
import { struct } from "../../lib/xdr/struct.ts";
import { string } from "../../lib/xdr/types.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeDatagramSocket } from "../support/fake_sockets.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;
const to: Endpoint = { address: "192.0.2.1", port: 700 };

const table = program("test", 200_000, 3, {
  ECHO: { number: 5, args: string(8), result: string(8), from: "any" },
});

/** Client with its socket, clock and xids. */
class Bench {
  readonly clock = new FakeClock();
  readonly socket = new FakeDatagramSocket();
  readonly client: DatagramClient;

  constructor(...xids: number[]) {
    const { startTimer } = this.clock;
    this.client = new DatagramClient(this.socket, { startTimer, randomXid: () => xids.shift()! });
  }

  call(text = "ask", at: Endpoint = to, timeoutMs = 1000): Promise<string> {
    return this.client.call(table, "ECHO", text, at, timeoutMs);
  }

  /** Lets the timeout pass, and asserts that the call has waited until then. */
  async assertTimesOut(call: Promise<string>): Promise<void> {
    this.clock.advance(999);
    assertEquals(this.clock.pending, 1);
    this.clock.advance(1);
    const error = await assertRejects(() => call, RpcError, "no answer in 1000 ms");
    assertEquals(error.failure, { kind: "timeout", elapsedMs: 1000 });
    assertEquals(this.clock.pending, 0);
  }
}

/** A reply with a text of four characters. */
function reply(xid: string, text = "54657874"): Uint8Array {
  return hex(xid, "00000001 00000000 00000000 00000000 00000000 00000004", text);
}

Deno.test("DatagramClient sends a call and returns its result", pure, async () => {
  const { client, clock, socket } = new Bench(7);
  const call = client.call(table, "ECHO", "ask", to, 1000);
  assertEquals(socket.sent.map(({ to }) => to), [to]);
  assertEquals(
    toHex(socket.sent[0]!.data),
    "00000007 00000000 00000002 00030d40 00000003 00000005" +
      " 00000000 00000000 00000000 00000000 00000003 61736b00",
  );
  socket.arrive(reply("00000007"), to);
  assertEquals(await call, "Text");
  assertEquals(clock.pending, 0);
  await client.close();
});

Deno.test("DatagramClient caches the encoding of frozen arguments", pure, async () => {
  const pair = struct("pair", { name: string(8) });
  const pairs = program("pairs", 200_000, 3, {
    ONE: { number: 1, args: pair, result: string(8), from: "any" },
    TWO: { number: 2, args: pair, result: string(8), from: "any" },
  });
  const { client, socket } = new Bench(7, 0xfedcba98, 9, 10, 11);
  const fixed = Object.freeze({ name: "ask" });
  const free = { name: "ask" };
  const calls = [
    client.call(pairs, "ONE", fixed, to, 1000),
    client.call(pairs, "ONE", fixed, to, 1000),
    client.call(pairs, "TWO", fixed, to, 1000),
    client.call(pairs, "ONE", free, to, 1000),
  ];
  free.name = "new";
  calls.push(client.call(pairs, "ONE", free, to, 1000));
  const ended = Promise.allSettled(calls);
  await client.close();
  await ended;
  const auth = "00000000 00000000 00000000 00000000 00000003";
  const message = (xid: string, procedure: number, name: string) =>
    `${xid} 00000000 00000002 00030d40 00000003 0000000${procedure} ${auth} ${name}00`;
  assertEquals(socket.sent.map(({ data }) => toHex(data)), [
    message("00000007", 1, "61736b"),
    message("fedcba98", 1, "61736b"),
    message("00000009", 2, "61736b"),
    message("0000000a", 1, "61736b"),
    message("0000000b", 1, "6e6577"),
  ]);
});

Deno.test("DatagramClient treats xid 0 like any other", pure, async () => {
  const bench = new Bench(0);
  const call = bench.call();
  bench.socket.arrive(reply("00000000"), to);
  assertEquals(await call, "Text");
  await bench.client.close();
});

Deno.test("DatagramClient ignores a reply from another address or port", pure, async () => {
  const bench = new Bench(7);
  const call = bench.call();
  for (const from of [{ ...to, port: 701 }, { ...to, address: "192.0.2.2" }]) {
    bench.socket.arrive(reply("00000007"), from);
  }
  await bench.assertTimesOut(call);
  await bench.client.close();
});

Deno.test("DatagramClient compares addresses without their scope", pure, async () => {
  const bench = new Bench(7);
  const call = bench.call("ask", { address: "fe80::1%eth0", port: 700 });
  bench.socket.arrive(reply("00000007"), { address: "fe80::1", port: 700 });
  assertEquals(await call, "Text");
  await bench.client.close();
});

Deno.test("DatagramClient ignores messages that are no reply to its call", pure, async () => {
  const bench = new Bench(7);
  const call = bench.call();
  const strangers = [
    reply("00000008"),
    hex(""),
    hex("00000007"),
    // The call itself, sent back.
    bench.socket.sent[0]!.data,
  ];
  for (const data of strangers) bench.socket.arrive(data, to);
  await bench.assertTimesOut(call);
  await bench.client.close();
});

Deno.test("DatagramClient ignores a late or repeated reply", pure, async () => {
  const bench = new Bench(7, 8);
  const late = bench.call();
  await bench.assertTimesOut(late);
  bench.socket.arrive(reply("00000007"), to);
  const twice = bench.call();
  bench.socket.arrive(reply("00000008"), to);
  bench.socket.arrive(reply("00000008", "32323232"), to);
  assertEquals(await twice, "Text");
  await bench.client.close();
});

Deno.test("DatagramClient matches replies to calls in any order", pure, async () => {
  const bench = new Bench(1, 2, 3);
  const calls = [bench.call(), bench.call("ask", { ...to, port: 111 }), bench.call()];
  bench.socket.arrive(reply("00000003", "63636363"), to);
  bench.socket.arrive(reply("00000001", "61616161"), to);
  bench.socket.arrive(reply("00000002", "62626262"), { ...to, port: 111 });
  assertEquals(await Promise.all(calls), ["aaaa", "bbbb", "cccc"]);
  await bench.client.close();
});

Deno.test("DatagramClient does not use the xid of an outstanding call", pure, async () => {
  const bench = new Bench(7, 7, 7, 8);
  const calls = [bench.call(), bench.call()];
  assertEquals(bench.socket.sent.map(({ data }) => toHex(data.subarray(0, 4))), [
    "00000007",
    "00000008",
  ]);
  bench.socket.arrive(reply("00000008", "38383838"), to);
  bench.socket.arrive(reply("00000007", "37373737"), to);
  assertEquals(await Promise.all(calls), ["7777", "8888"]);
  await bench.client.close();
});

Deno.test("DatagramClient throws the status of a reply other than SUCCESS", pure, async () => {
  const bench = new Bench(1, 2, 3);
  const cases = [
    ["00000001 00000001 00000001 00000001 00000001", "denied"],
    ["00000002 00000001 00000000 00000000 00000000 00000003", "accepted"],
    ["00000003 00000001 00000000 00000000 00000000 00000000 00000009", "protocol"],
  ] as const;
  for (const [digits, kind] of cases) {
    const call = bench.call();
    bench.socket.arrive(hex(digits), to);
    const error = await assertRejects(
      () => call,
      RpcError,
      "Cannot call ECHO at 192.0.2.1 port 700",
    );
    assertEquals(error.failure.kind, kind);
  }
  assertEquals(bench.clock.pending, 0);
  await bench.client.close();
});

Deno.test("DatagramClient throws the error of sending, and frees the xid", pure, async () => {
  const bench = new Bench(7, 7);
  const unreachable = new TransportError("send to", to, "Network is unreachable");
  bench.socket.sendError = unreachable;
  assertStrictEquals(await assertRejects(() => bench.call()), unreachable);
  assertEquals(bench.clock.pending, 0);
  bench.socket.sendError = undefined;
  const again = bench.call();
  bench.socket.arrive(reply("00000007"), to);
  assertEquals(await again, "Text");
  await bench.client.close();
});

Deno.test(
  "DatagramClient does not take a late failure for that of a later call",
  pure,
  async () => {
    const bench = new Bench(7, 7);
    const sending = Promise.withResolvers<void>();
    bench.socket.send = () => sending.promise;
    const first = bench.call();
    bench.socket.arrive(reply("00000007", "31313131"), to);
    assertEquals(await first, "1111");
    bench.socket.send = () => Promise.resolve();
    const second = bench.call();
    sending.reject(new TransportError("send to", to, "Connection refused"));
    await sending.promise.catch(() => {});
    bench.socket.arrive(reply("00000007", "32323232"), to);
    assertEquals(await second, "2222");
    await bench.client.close();
  },
);

Deno.test("DatagramClient sends nothing if the arguments have no encoding", pure, async () => {
  const bench = new Bench(7);
  await assertRejects(() => bench.call("a".repeat(9)), XdrError);
  assertEquals([bench.socket.sent.length, bench.clock.pending], [0, 0]);
  await bench.client.close();
});

Deno.test(
  "DatagramClient.close() fails the outstanding calls and closes the socket",
  pure,
  async () => {
    const bench = new Bench(1, 2, 3);
    const calls = [bench.call(), bench.call()];
    const failed = calls.map((call) =>
      assertRejects(
        () => call,
        TransportError,
        "Cannot call 192.0.2.1 port 700: the client was closed",
      )
    );
    await bench.client.close();
    await Promise.all(failed);
    assertEquals(bench.clock.pending, 0);
    assert(bench.socket.isClosed);
    await assertRejects(() => bench.call(), TransportError);
    assertEquals(bench.clock.pending, 0);
  },
);
