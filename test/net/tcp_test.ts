import { netidFor } from "../../lib/rpc/address.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { StreamLimits } from "../../lib/net/stream_limits.ts";
import { serveStreams } from "../../lib/net/stream_server.ts";
import { connectStream, connectUnix, listenStream } from "../../lib/net/tcp.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import { type Respond, type StreamConnection, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import "../support/open_libc.ts";
import { leakChecked } from "../support/leak_checked.ts";
import { RecordingLog } from "../support/recording_log.ts";

const never = new AbortController().signal;

/** A server on loopback that replies with the call itself unless said otherwise. */
class Server {
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  readonly #listener = listenStream({ address: "127.0.0.1", port: 0 });
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(respond: Respond = (call) => call, limits: Partial<StreamLimits> = {}) {
    this.#ended = serveStreams(this.#listener, respond, {
      netidOf: (address) => netidFor("tcp", address),
      limitReached() {},
      clock: this.clock,
      log: this.log,
      signal: this.#stop.signal,
      limits,
    });
  }

  get port(): number {
    return this.#listener.local.port;
  }

  connect(): Promise<StreamConnection> {
    return connectStream({ address: "127.0.0.1", port: this.port }, never);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
  }
}

/** The next records that arrive, until there are `count` or the stream ends. */
async function records(connection: StreamConnection, count = Infinity): Promise<Uint8Array[]> {
  const parser = new RecordParser(100_000);
  const buffer = new Uint8Array(65_536);
  const found: Uint8Array[] = [];
  while (found.length < count) {
    const length = await connection.read(buffer);
    if (length === null) break;
    parser.push(buffer.subarray(0, length), (record) => found.push(record));
  }
  return found;
}

const bytes = (length: number, value: number) => new Uint8Array(length).fill(value);

Deno.test("many calls at once over one connection are all answered", leakChecked, async () => {
  await using server = new Server();
  const connection = await server.connect();
  const calls = Array.from({ length: 1_000 }, (_, i) => bytes(1 + i % 200, i));
  for (const call of calls) connection.write(toRecord(call));
  assertEquals(await records(connection, calls.length), calls);
  connection.close();
});

Deno.test("a call may come byte by byte", leakChecked, async () => {
  await using server = new Server();
  const connection = await server.connect();
  const call = new Uint8Array([1, 2, 3, 4, 5]);
  for (const byte of toRecord(call)) await connection.write(new Uint8Array([byte]));
  assertEquals(await records(connection, 1), [call]);
  connection.close();
});

Deno.test("a record that is too long ends the connection", leakChecked, async () => {
  await using server = new Server(undefined, { recordMaxBytes: 100 });
  const connection = await server.connect();
  await connection.write(toRecord(bytes(101, 1)));
  // With or without a reset, depending on what was still on its way.
  assertEquals(await records(connection).catch(() => []), []);
  connection.close();
  const other = await server.connect();
  await other.write(toRecord(bytes(100, 1)));
  assertEquals(await records(other, 1), [bytes(100, 1)]);
  other.close();
});

Deno.test("a remote may finish writing and then read its replies", leakChecked, async () => {
  await using server = new Server(async (call) => {
    await Promise.resolve();
    return call;
  });
  const connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  await connection.write(toRecord(bytes(10, 1)));
  await connection.closeWrite();
  const buffer = new Uint8Array(100);
  assertEquals(await connection.read(buffer), 14);
  assertEquals(await connection.read(buffer), null);
  connection.close();
});

Deno.test(
  "a remote that resets its connection does not disturb other connections",
  leakChecked,
  async () => {
    const answers: ((reply: Uint8Array) => void)[] = [];
    const arrived = Promise.withResolvers<void>();
    await using server = new Server((call) => {
      if (call[0] !== 1) return call;
      arrived.resolve();
      return new Promise((resolve) => answers.push(resolve));
    });
    const rude = await server.connect();
    await rude.write(toRecord(bytes(10, 2)));
    await rude.write(toRecord(bytes(10, 1)));
    await arrived.promise;
    // It has an unread reply, so that closing it is a reset.
    rude.close();
    for (let i = 0; i < 3; i++) {
      answers[0]!(bytes(60_000, 1));
      const polite = await server.connect();
      await polite.write(toRecord(bytes(10, 3)));
      assertEquals(await records(polite, 1), [bytes(10, 3)]);
      polite.close();
    }
  },
);

Deno.test("a remote that does not read its replies is closed", leakChecked, async () => {
  const large = bytes(1_000_000, 7);
  const stuck = Promise.withResolvers<void>();
  let answered = 0;
  await using server = new Server((call) => {
    if (call[0] === 0) return call;
    // What the system buffers on a connection is less than this.
    if (++answered === 50) stuck.resolve();
    return large;
  }, { unsentMaxBytes: 1e9 });
  const connection = await server.connect();
  for (let i = 0; i < 50; i++) await connection.write(toRecord(bytes(4, 1)));
  await stuck.promise;
  const other = await server.connect();
  await other.write(toRecord(bytes(4, 0)));
  await records(other, 1);
  other.close();
  server.clock.advance(2_000);
  const parser = new RecordParser(2_000_000);
  const buffer = new Uint8Array(65_536);
  let found = 0;
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) break;
    parser.push(buffer.subarray(0, length), () => found++);
  }
  connection.close();
  assertEquals(found < 50, true);
});

Deno.test("stopping the server ends its connections", leakChecked, async () => {
  const server = new Server();
  const connection = await server.connect();
  await connection.write(toRecord(bytes(4, 1)));
  await records(connection, 1);
  await server[Symbol.asyncDispose]();
  assertEquals(await records(connection), []);
  connection.close();
  await assertRejects(() => server.connect(), TransportError, "Connection refused");
});

Deno.test(
  "an IPv6 listener closes connections from mapped addresses (trust 1)",
  leakChecked,
  async () => {
    const listener = listenStream({ address: "::", port: 0 });
    const { port } = listener.local;
    const accepted = listener.accept();
    const mapped = await connectStream({ address: "127.0.0.1", port }, never);
    assertEquals(await mapped.read(new Uint8Array(1)), null);
    const genuine = await connectStream({ address: "::1", port }, never);
    const { remote, isLocal } = await accepted;
    assertEquals([remote.address, isLocal], ["::1", true]);
    for (const one of [mapped, genuine, await accepted, listener]) one.close();
  },
);

Deno.test("listenStream() refuses a port that is in use", leakChecked, () => {
  const first = listenStream({ address: "127.0.0.1", port: 0 });
  const { port } = first.local;
  const message = `Cannot listen for TCP at 127.0.0.1 port ${port}: Address already in use`;
  assertThrows(() => listenStream({ address: "127.0.0.1", port }), TransportError, message);
  first.close();
  first.close();
});

Deno.test("connectStream() gives up when the signal is aborted", leakChecked, async () => {
  const listener = listenStream({ address: "127.0.0.1", port: 0 });
  const aborted = AbortSignal.abort();
  await assertRejects(() => connectStream(listener.local, aborted), TransportError);
  listener.close();
});

Deno.test("closing a connection twice is harmless", leakChecked, async () => {
  await using server = new Server();
  const connection = await server.connect();
  const reading = assertRejects(() => connection.read(new Uint8Array(1)), TransportError);
  connection.close();
  connection.close();
  await reading;
  await assertRejects(() => connection.write(new Uint8Array(1)), TransportError);
});

Deno.test("connectUnix() carries bytes and names the path", leakChecked, async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/socket`;
  const error = await assertRejects(() => connectUnix(path), TransportError);
  assertEquals(error.message.startsWith(`Cannot connect to ${path}: No such file`), true);
  const listener = Deno.listen({ transport: "unix", path });
  const accepting = listener.accept();
  const connection = await connectUnix(path);
  assertEquals(connection.remote, { address: path, port: 0 });
  const accepted = await accepting;
  await connection.write(new Uint8Array([1, 2, 3]));
  assertEquals(await accepted.read(new Uint8Array(10)), 3);
  accepted.close();
  assertEquals(await connection.read(new Uint8Array(10)), null);
  connection.close();
  await assertRejects(() => connection.read(new Uint8Array(1)), TransportError, path);
  listener.close();
  Deno.removeSync(directory, { recursive: true });
});
