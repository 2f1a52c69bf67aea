import { netidFor } from "../../lib/rpc/address.ts";
import { assertEquals, assertMatch } from "@std/assert";
import {
  type ClosingLimit,
  sharedLimits,
  STREAM_LIMITS,
  type StreamLimits,
} from "../../lib/net/stream_limits.ts";
import { serveStreams } from "../../lib/net/stream_server.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import type { Caller, Respond } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeListener, type HeldConnection } from "../support/fake_listener.ts";
import { RecordingLog } from "../support/recording_log.ts";
import { seededRandom } from "../support/seeded_random.ts";

const pure = { permissions: "none" } as const;

const STRANGER = "192.0.2.7";
const LIMITS: StreamLimits = {
  recordMaxBytes: 100,
  callsInFlightMax: 3,
  unsentMaxBytes: 200,
  writeTimeoutMs: 2_000,
  recordTimeoutMs: 30_000,
  idleTimeoutMs: 360_000,
  strangersMax: 4,
  perSourceMax: 2,
  localMax: 2,
  acceptPauseMs: 50,
};

/** Runs all code that waits for promises only. */
async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** A call of one byte and more; the stand-in for a reply is the call with its first byte negated. */
const call = (...bytes: number[]) => new Uint8Array(bytes);
const echo: Respond = (call) => Uint8Array.from(call, (byte, i) => i === 0 ? byte ^ 0xff : byte);

function concat(...pieces: Uint8Array[]): Uint8Array {
  return new Uint8Array(pieces.flatMap((piece) => [...piece]));
}

/** Replies in the bytes written to a connection. */
function replies({ written }: HeldConnection): number[][] {
  const parser = new RecordParser(10_000);
  const found: number[][] = [];
  for (const bytes of written) parser.push(bytes, (record) => found.push([...record]));
  return found;
}

class Server {
  readonly listener = new FakeListener();
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  /** Limits for which connections were closed. */
  readonly reached: ClosingLimit[] = [];
  readonly #stop = new AbortController();
  readonly #ended: Promise<void>;

  constructor(respond: Respond = echo, limits: Partial<StreamLimits> = {}) {
    const { clock, log } = this;
    this.#ended = serveStreams(this.listener, respond, {
      netidOf: (address) => netidFor("tcp", address),
      limitReached: (limit) => void this.reached.push(limit),
      clock,
      log,
      signal: this.#stop.signal,
      limits: { ...LIMITS, ...limits },
    });
  }

  async connect(address = STRANGER): Promise<HeldConnection> {
    const connection = this.listener.connect(address);
    await settle();
    return connection;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    assertEquals([this.listener.isClosed, this.clock.pending], [true, 0]);
  }
}

/** Answers calls at the request of the test. */
class Answers {
  readonly pending: ((reply: Uint8Array | undefined) => void)[] = [];
  readonly respond: Respond = () => new Promise((resolve) => this.pending.push(resolve));
}

Deno.test("a call is answered, and the caller is named", pure, async () => {
  const callers: Caller[] = [];
  await using server = new Server((call, caller) => {
    callers.push(caller);
    return echo(call, caller);
  });
  const connection = await server.connect("2001:db8::1");
  connection.arrive(toRecord(call(1, 2)));
  await settle();
  assertEquals(replies(connection), [[0xfe, 2]]);
  assertEquals(callers, [{ address: "2001:db8::1", port: 1_023, netid: "tcp6", isLocal: false }]);
});

Deno.test("calls that arrive in one piece are all answered, in one write", pure, async () => {
  await using server = new Server();
  const connection = await server.connect();
  connection.arrive(concat(...[1, 2, 3, 4, 5].map((n) => toRecord(call(n)))));
  await settle();
  assertEquals(replies(connection), [[0xfe], [0xfd], [0xfc], [0xfb], [0xfa]]);
  assertEquals(connection.written.length, 1);
});

Deno.test("the sizes of pieces and fragments do not matter", pure, async () => {
  const { random, seed } = seededRandom();
  await using server = new Server();
  for (let round = 0; round < 50; round++) {
    const connection = await server.connect();
    const expected: number[][] = [];
    let stream: number[] = [];
    for (let n = 0; n < 5; n++) {
      const body = Array.from({ length: 1 + random(60) }, () => random(256));
      expected.push(body.map((byte, i) => i === 0 ? byte ^ 0xff : byte));
      while (body.length > 0) {
        const part = body.splice(0, 1 + random(body.length));
        stream.push(body.length === 0 ? 0x80 : 0, 0, 0, part.length, ...part);
      }
    }
    while (stream.length > 0) {
      const length = round === 0 ? 1 : 1 + random(stream.length);
      connection.arrive(new Uint8Array(stream.slice(0, length)));
      stream = stream.slice(length);
      await settle();
    }
    assertEquals(replies(connection), expected, `seed ${seed}`);
    connection.end();
    await settle();
    assertEquals(connection.isClosed, true);
  }
});

Deno.test("replies leave in the order in which they are ready", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(concat(toRecord(call(1)), toRecord(call(2))));
  await settle();
  answers.pending[1]!(call(22));
  await settle();
  answers.pending[0]!(call(11));
  await settle();
  assertEquals(replies(connection), [[22], [11]]);
});

Deno.test("replies that become ready together leave in one write", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(concat(...[1, 2, 3].map((n) => toRecord(call(n)))));
  await settle();
  answers.pending.forEach((answer, i) => answer(call(i)));
  await settle();
  assertEquals([replies(connection), connection.written.length], [[[0], [1], [2]], 1]);
});

Deno.test("calls beyond the limit wait until earlier ones are answered", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(concat(...[1, 2, 3, 4, 5].map((n) => toRecord(call(n)))));
  connection.arrive(toRecord(call(6)));
  await settle();
  assertEquals(answers.pending.length, 3);
  for (let begun = 4; begun <= 6; begun++) {
    answers.pending[begun - 4]!(call(begun));
    await settle();
    assertEquals(answers.pending.length, begun);
  }
});

Deno.test("silence and a failure of respond leave the connection open", pure, async () => {
  await using server = new Server((call, caller) => {
    if (call[0] === 1) throw new Error("a bug");
    if (call[0] === 2) return Promise.reject(new Error("a slow bug"));
    return call[0] === 3 ? undefined : echo(call, caller);
  });
  const connection = await server.connect();
  connection.arrive(concat(...[1, 2, 3, 4].map((n) => toRecord(call(n)))));
  await settle();
  assertEquals(replies(connection), [[0xfb]]);
  assertEquals(server.log.of("error"), [
    `error: Cannot answer a call from ${STRANGER}: a bug`,
    `error: Cannot answer a call from ${STRANGER}: a slow bug`,
  ]);
});

Deno.test("a record that is too long closes its connection and no other", pure, async () => {
  await using server = new Server();
  const [bad, good] = [await server.connect(), await server.connect()];
  bad.arrive(concat(toRecord(call(1)), new Uint8Array([0x80, 0, 0, 101])));
  await settle();
  assertEquals([bad.isClosed, good.isClosed], [true, false]);
  good.arrive(toRecord(call(1)));
  await settle();
  assertEquals([replies(good), server.reached], [[[0xfe]], ["recordMaxBytes"]]);
});

Deno.test("a remote that has finished writing still gets its replies", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(concat(...[1, 2, 3, 4].map((n) => toRecord(call(n)))));
  connection.end();
  await settle();
  for (let i = 0; i < 4; i++) {
    assertEquals(connection.isClosed, false);
    answers.pending[i]!(call(i));
    await settle();
  }
  assertEquals([replies(connection), connection.isClosed], [[[0], [1], [2], [3]], true]);
});

Deno.test("a reply to a connection that has ended is dropped", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(toRecord(call(1)));
  await settle();
  connection.fail(new Deno.errors.ConnectionReset("reset"));
  await settle();
  answers.pending[0]!(call(1));
  await settle();
  assertEquals([connection.isClosed, connection.written.length], [true, 0]);
});

Deno.test("a failing write closes the connection", pure, async () => {
  await using server = new Server();
  const connection = await server.connect();
  connection.writeError = new Deno.errors.BrokenPipe("broken pipe");
  connection.arrive(toRecord(call(1)));
  await settle();
  assertEquals(connection.isClosed, true);
});

Deno.test(
  "a remote that does not read its replies is closed after a time limit",
  pure,
  async () => {
    await using server = new Server();
    for (const address of [STRANGER, "127.0.0.1"]) {
      const connection = await server.connect(address);
      connection.holdWrites();
      connection.arrive(toRecord(call(1)));
      await settle();
      server.clock.advance(LIMITS.writeTimeoutMs - 1);
      assertEquals(connection.isClosed, false);
      server.clock.advance(1);
      assertEquals(connection.isClosed, true);
      connection.releaseWrites();
      await settle();
    }
    assertEquals(server.reached, ["writeTimeoutMs", "writeTimeoutMs"]);
  },
);

Deno.test("calls of a remote that does not read are left unread", pure, async () => {
  let answered = 0;
  await using server = new Server((call) => (answered++, call));
  const connection = await server.connect();
  connection.holdWrites();
  for (let i = 0; i < 40; i++) {
    connection.arrive(toRecord(new Uint8Array(96)));
    await settle();
  }
  // One write that waits, three replies of 100 bytes behind it.
  assertEquals(answered, 4);
  connection.releaseWrites();
  await settle();
  assertEquals([answered, replies(connection).length], [40, 40]);
});

Deno.test("an endless record is abandoned, whoever sends it", pure, async () => {
  await using server = new Server();
  for (const address of [STRANGER, "127.0.0.1"]) {
    const connection = await server.connect(address);
    const record = toRecord(call(1, 2, 3, 4, 5));
    connection.arrive(concat(record, record.slice(0, 6)));
    await settle();
    server.clock.advance(LIMITS.recordTimeoutMs - 1);
    connection.arrive(record.slice(6, 7));
    await settle();
    assertEquals(connection.isClosed, false);
    server.clock.advance(1);
    assertEquals(connection.isClosed, true);
    await settle();
  }
  assertEquals(server.reached, ["recordTimeoutMs", "recordTimeoutMs"]);
});

Deno.test("a record that ends in time leaves the connection open", pure, async () => {
  await using server = new Server();
  const connection = await server.connect();
  const record = toRecord(call(1, 2, 3, 4, 5));
  connection.arrive(record.slice(0, 6));
  await settle();
  server.clock.advance(LIMITS.recordTimeoutMs - 1);
  connection.arrive(concat(record.slice(6), record.slice(0, 3)));
  await settle();
  server.clock.advance(LIMITS.recordTimeoutMs - 1);
  connection.arrive(record.slice(3));
  await settle();
  server.clock.advance(LIMITS.recordTimeoutMs);
  assertEquals([replies(connection).length, connection.isClosed], [2, false]);
});

Deno.test("an idle remote connection is closed, a local one never", pure, async () => {
  await using server = new Server();
  const stranger = await server.connect();
  const local = await server.connect("::1");
  server.clock.advance(LIMITS.idleTimeoutMs - 1);
  stranger.arrive(toRecord(call(1)));
  await settle();
  server.clock.advance(LIMITS.idleTimeoutMs - 1);
  assertEquals(stranger.isClosed, false);
  server.clock.advance(1);
  await settle();
  assertEquals(stranger.isClosed, true);
  server.clock.advance(100 * LIMITS.idleTimeoutMs);
  assertEquals([local.isClosed, server.clock.pending], [false, 0]);
  assertEquals(server.reached, ["idleTimeoutMs"]);
});

Deno.test("a caller is not idle while we are slow", pure, async () => {
  const answers = new Answers();
  await using server = new Server(answers.respond);
  const connection = await server.connect();
  connection.arrive(toRecord(call(1)));
  await settle();
  server.clock.advance(3 * LIMITS.idleTimeoutMs);
  answers.pending[0]!(call(1));
  await settle();
  server.clock.advance(LIMITS.idleTimeoutMs - 1);
  assertEquals([replies(connection), connection.isClosed], [[[1]], false]);
  server.clock.advance(1);
  await settle();
  assertEquals(connection.isClosed, true);
});

Deno.test("a source has a limit, and the newest connection loses", pure, async () => {
  await using server = new Server();
  const addresses = ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"];
  const closed = async (addresses: string[]) => {
    const connections = [];
    for (const address of addresses) connections.push(await server.connect(address));
    return connections.map(({ isClosed }) => isClosed);
  };
  assertEquals(await closed(addresses), [false, false, true, false]);
  assertMatch(server.log.of("warning")[0]!, /Too many TCP connections: .* from 192\.0\.2\.1/);
  assertEquals(server.reached, ["perSourceMax"]);
});

Deno.test("the addresses of one IPv6 network count together", pure, async () => {
  await using server = new Server();
  await server.connect("2001:db8::1");
  await server.connect("2001:db8::2");
  assertEquals((await server.connect("2001:db8::ffff:0:3")).isClosed, true);
  assertEquals((await server.connect("2001:db8:0:1::1")).isClosed, false);
});

Deno.test("remote callers have a limit that does not affect local callers", pure, async () => {
  await using server = new Server();
  const strangers = [];
  for (let i = 0; i < 4; i++) strangers.push(await server.connect(`192.0.2.${i}`));
  assertEquals((await server.connect("192.0.2.9")).isClosed, true);
  assertEquals((await server.connect("127.0.0.1")).isClosed, false);
  strangers[0]!.end();
  await settle();
  assertEquals((await server.connect("192.0.2.9")).isClosed, false);
  assertEquals(strangers.map(({ isClosed }) => isClosed), [true, false, false, false]);
  assertEquals(server.reached, ["strangersMax"]);
});

Deno.test("many refused connections make one warning a minute", pure, async () => {
  await using server = new Server(echo, { perSourceMax: 0 });
  for (let i = 0; i < 50; i++) await server.connect();
  assertEquals(server.log.of("warning").length, 1);
  server.clock.advance(60_000);
  await server.connect();
  assertEquals(server.log.of("warning").length, 2);
});

Deno.test("too many local callers: the longest idle one makes room", pure, async () => {
  await using server = new Server();
  const [first, second] = [await server.connect("127.0.0.1"), await server.connect("127.0.0.1")];
  server.clock.advance(1);
  first.arrive(toRecord(call(1)));
  await settle();
  const third = await server.connect("127.0.0.1");
  assertEquals([first, second, third].map(({ isClosed }) => isClosed), [false, true, false]);
  assertEquals(server.reached, ["localMax"]);
});

Deno.test("connections that the system still holds count", pure, async () => {
  await using server = new Server();
  const stuck = [];
  for (let i = 0; i < 2; i++) {
    const connection = await server.connect();
    connection.holdWrites();
    connection.arrive(toRecord(call(1)));
    await settle();
    stuck.push(connection);
  }
  server.clock.advance(LIMITS.writeTimeoutMs);
  await settle();
  assertEquals(stuck.map(({ isClosed }) => isClosed), [true, true]);
  assertEquals((await server.connect()).isClosed, true);
  stuck[0]!.releaseWrites();
  await settle();
  assertEquals((await server.connect()).isClosed, false);
  stuck[1]!.releaseWrites();
});

Deno.test("a lack of descriptors is waited out, with one log line", pure, async () => {
  await using server = new Server();
  for (let i = 0; i < 10; i++) {
    server.listener.fail(Object.assign(new Error("Too many open files"), { code: "EMFILE" }));
  }
  const connection = server.listener.connect("127.0.0.1");
  for (let i = 0; i < 10; i++) {
    await settle();
    assertEquals(server.clock.untilNext, LIMITS.acceptPauseMs);
    server.clock.advance(LIMITS.acceptPauseMs);
  }
  await settle();
  connection.arrive(toRecord(call(1)));
  await settle();
  assertEquals(replies(connection), [[0xfe]]);
  const line = "warning: Cannot accept a TCP connection: Too many open files";
  assertEquals(server.log.of("warning"), [line]);
});

Deno.test("connections reset before they are accepted delay no caller", pure, async () => {
  await using server = new Server();
  for (const code of ["ENOTCONN", "ECONNABORTED", "ECONNRESET", "EPROTO", "ENOTCONN"]) {
    server.listener.fail(Object.assign(new Error("gone"), { code }));
  }
  const connection = server.listener.connect("127.0.0.1");
  await settle();
  connection.arrive(toRecord(call(1)));
  await settle();
  assertEquals(replies(connection), [[0xfe]]);
  assertEquals(server.log.of("warning"), []);
});

Deno.test("stopping closes everything, including a waiting write", pure, async () => {
  const answers = new Answers();
  const server = new Server(answers.respond);
  const [idle, busy, stuck] = [
    await server.connect(),
    await server.connect(),
    await server.connect("::1"),
  ];
  stuck.holdWrites();
  stuck.arrive(toRecord(call(1)));
  busy.arrive(toRecord(call(1)));
  await settle();
  answers.pending[0]!(call(1));
  await settle();
  await server[Symbol.asyncDispose]();
  assertEquals([idle, busy, stuck].map(({ isClosed }) => isClosed), [true, true, true]);
  stuck.releaseWrites();
});

Deno.test("stopping while accept is paused does not wait", pure, async () => {
  const server = new Server();
  server.listener.fail(new Error("Too many open files"));
  await settle();
  await server[Symbol.asyncDispose]();
});

Deno.test(
  "listeners of one process share its connections; a UNIX socket has no strangers",
  pure,
  () => {
    const listeners = ["0.0.0.0", "::", "/run/rpcbind.sock", "@/run/rpcbind.sock"]
      .map((address) => ({ local: { address, port: 0 } }));
    const { strangersMax, localMax } = STREAM_LIMITS;
    assertEquals(sharedLimits(listeners.slice(0, 1)), { strangersMax, localMax });
    assertEquals(sharedLimits(listeners), {
      strangersMax: strangersMax / 2,
      localMax: localMax / 4,
    });
  },
);
