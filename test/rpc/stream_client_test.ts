import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { RpcError } from "../../lib/rpc/errors.ts";
import { program } from "../../lib/rpc/program.ts";
import { toRecord } from "../../lib/rpc/record.ts";
import { callOverStream, StreamClient } from "../../lib/rpc/stream_client.ts";
import { type Connect, TransportError } from "../../lib/rpc/transport.ts";
import { string } from "../../lib/xdr/types.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeConnection } from "../support/fake_sockets.ts";
import { hex, toHex } from "../support/hex.ts";

const pure = { permissions: "none" } as const;
const to = { address: "fd77::1", port: 111 };

const table = program("test", 200_000, 3, {
  ECHO: { number: 5, args: string(8), result: string(8), from: "any" },
});

class Bench {
  readonly clock = new FakeClock();
  readonly connection = new FakeConnection(to);
  readonly parts;

  constructor(...xids: number[]) {
    this.parts = { startTimer: this.clock.startTimer, randomXid: () => xids.shift()! };
  }

  client(): StreamClient {
    return new StreamClient(this.connection, this.parts);
  }

  callOnce(connect: Connect = () => Promise.resolve(this.connection)): Promise<string> {
    return callOverStream(connect, this.parts, table, "ECHO", "ask", to, 1000);
  }
}

const ask = (client: StreamClient) => client.call(table, "ECHO", "ask", 1000);

/** A reply record with a text of four characters. */
function reply(xid: string, text = "54657874"): Uint8Array {
  return toRecord(
    hex(xid, "00000001 00000000 00000000 00000000 00000000 00000004", text),
  );
}

/** Runs all code that does not wait for the clock or the other side. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await null;
}

Deno.test("StreamClient writes a call as a record and returns its result", pure, async () => {
  const bench = new Bench(7);
  const client = bench.client();
  const call = ask(client);
  assertEquals(
    toHex(bench.connection.written[0]!),
    "80000030 00000007 00000000 00000002 00030d40 00000003 00000005" +
      " 00000000 00000000 00000000 00000000 00000003 61736b00",
  );
  bench.connection.arrive(reply("00000007"));
  assertEquals(await call, "Text");
  assertEquals(bench.clock.pending, 0);
  await client.close();
});

Deno.test("StreamClient accepts replies in any order and in any pieces", pure, async () => {
  const bench = new Bench(1, 0);
  const client = bench.client();
  const calls = [ask(client), ask(client)];
  const stream = [reply("00000009"), reply("00000000", "30303030"), reply("00000001", "31313131")];
  for (const record of stream) {
    for (const byte of record) {
      bench.connection.arrive(Uint8Array.of(byte));
      await settled();
    }
  }
  assertEquals(await Promise.all(calls), ["1111", "0000"]);
  await client.close();
});

Deno.test("StreamClient times out a call, and stays open", pure, async () => {
  const bench = new Bench(1, 2);
  const client = bench.client();
  const late = ask(client);
  bench.clock.advance(1000);
  await assertRejects(() => late, RpcError, "no answer in 1000 ms");
  const next = ask(client);
  bench.connection.arrive(reply("00000001", "31313131"));
  bench.connection.arrive(reply("00000002", "32323232"));
  assertEquals(await next, "2222");
  assertEquals(bench.connection.isClosed, false);
  await client.close();
});

Deno.test("StreamClient.closed settles when the other side ends the connection", pure, async () => {
  const bench = new Bench(1, 2);
  const client = bench.client();
  const calls = [ask(client), ask(client)];
  const failed = calls.map((call) =>
    assertRejects(() => call, TransportError, "fd77::1 port 111: the connection was closed")
  );
  bench.connection.end();
  await client.closed;
  await Promise.all(failed);
  assert(bench.connection.isClosed);
  assertEquals(bench.clock.pending, 0);
});

Deno.test("StreamClient fails its calls with the error of the connection", pure, async () => {
  const bench = new Bench(1);
  const client = bench.client();
  const call = assertRejects(() => ask(client), TransportError, "port 111: reset by peer");
  const reset = new Error("reset by peer");
  bench.connection.fail(reset);
  assertStrictEquals((await call).cause, reset);
  await client.closed;
});

Deno.test("StreamClient closes a connection with bytes that are no records", pure, async () => {
  const bench = new Bench(1);
  const client = bench.client();
  const call = assertRejects(() => ask(client), TransportError, "a record is longer than 65536");
  bench.connection.arrive(hex("ffffffff"));
  await call;
  await client.closed;
  assert(bench.connection.isClosed);
});

Deno.test("StreamClient throws the error of writing", pure, async () => {
  const bench = new Bench(1);
  const client = bench.client();
  bench.connection.writeError = new TransportError("write to", to, "broken pipe");
  assertStrictEquals(await assertRejects(() => ask(client)), bench.connection.writeError);
  assertEquals(bench.clock.pending, 0);
  await client.close();
});

Deno.test("StreamClient.close() fails the outstanding calls", pure, async () => {
  const bench = new Bench(1);
  const client = bench.client();
  const call = assertRejects(() => ask(client), TransportError);
  await client.close();
  await call;
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() connects, calls and closes", pure, async () => {
  const bench = new Bench(7);
  const call = bench.callOnce((endpoint) => {
    assertEquals(endpoint, to);
    return Promise.resolve(bench.connection);
  });
  await settled();
  assertEquals(bench.connection.written.length, 1);
  bench.connection.arrive(reply("00000007"));
  assertEquals(await call, "Text");
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() throws a refused call, and closes", pure, async () => {
  const bench = new Bench(7);
  const call = assertRejects(() => bench.callOnce(), RpcError, "PROG_UNAVAIL");
  await settled();
  bench.connection.arrive(
    toRecord(hex("00000007 00000001 00000000 00000000 00000000 00000001")),
  );
  await call;
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() throws the reason of a failed connection", pure, async () => {
  const bench = new Bench();
  const refused = new TransportError("connect to", to, "Connection refused");
  assertStrictEquals(
    await assertRejects(() => bench.callOnce(() => Promise.reject(refused))),
    refused,
  );
  assertEquals(bench.clock.pending, 0);
});

Deno.test("callOverStream() throws the error of a broken connection", pure, async () => {
  const bench = new Bench(7);
  const call = assertRejects(() => bench.callOnce(), TransportError, "the connection was closed");
  await settled();
  bench.connection.end();
  await call;
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() times out while connecting", pure, async () => {
  const bench = new Bench();
  const connect: Connect = (_, signal) =>
    new Promise((_, reject) => {
      signal.addEventListener(
        "abort",
        () => reject(new TransportError("connect to", to, "stopped")),
      );
    });
  const call = assertRejects(() => bench.callOnce(connect), RpcError, "no answer in 1000 ms");
  bench.clock.advance(1000);
  await call;
});

Deno.test("callOverStream() times out while waiting", pure, async () => {
  const bench = new Bench(7);
  const call = assertRejects(() => bench.callOnce(), RpcError, "no answer in 1000 ms");
  await settled();
  bench.clock.advance(1000);
  await call;
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() counts the time of connecting", pure, async () => {
  const bench = new Bench(7);
  const connecting = Promise.withResolvers<FakeConnection>();
  const call = assertRejects(
    () => bench.callOnce(() => connecting.promise),
    RpcError,
    "no answer in 1000 ms",
  );
  bench.clock.advance(400);
  connecting.resolve(bench.connection);
  await settled();
  bench.clock.advance(599);
  assertEquals(bench.connection.isClosed, false);
  bench.clock.advance(1);
  await call;
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});

Deno.test("callOverStream() closes a connection that was made too late", pure, async () => {
  const bench = new Bench(7);
  const connecting = Promise.withResolvers<FakeConnection>();
  const call = assertRejects(
    () => bench.callOnce(() => connecting.promise),
    RpcError,
    "no answer in 1000 ms",
  );
  bench.clock.advance(1000);
  connecting.resolve(bench.connection);
  await call;
  assertEquals(bench.connection.written, []);
  assertEquals([bench.clock.pending, bench.connection.isClosed], [0, true]);
});
