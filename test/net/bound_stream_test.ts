import { assertEquals, assertRejects } from "@std/assert";
import { connectFrom, type StreamCalls } from "../../lib/net/bound_stream.ts";
import { type Endpoint, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";

const pure = { permissions: "none" } as const;
const TO = { address: "10.0.0.1", port: 111 };
const never = new AbortController().signal;

function failure(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** System calls without a network: `fault` gives the error of a connection from an endpoint. */
class FakeCalls implements StreamCalls {
  readonly opened: Endpoint[] = [];
  readonly closed: number[] = [];
  isConnected = true;
  /** Queued bytes, and room for bytes. */
  arrived: (number | undefined)[] = [];
  room: (number | undefined)[] = [];
  sent: number[] = [];

  constructor(readonly fault: (local: Endpoint, call: "open" | "connect") => string | undefined) {}

  socketAddress = () => new Uint8Array(16);

  open(local: Endpoint): number {
    this.opened.push(local);
    const code = this.fault(local, "open");
    if (code !== undefined) throw failure(code);
    return this.opened.length;
  }

  connect(fd: number): boolean {
    const code = this.fault(this.opened[fd - 1]!, "connect");
    if (code !== undefined) throw failure(code);
    return this.isConnected;
  }

  receive = () => this.arrived.shift();

  send(_fd: number, data: Uint8Array): number | undefined {
    const length = this.room.shift();
    if (length !== undefined) this.sent.push(...data.subarray(0, length));
    return length;
  }

  close(fd: number): void {
    this.closed.push(fd);
  }
}

function setUp(fault: FakeCalls["fault"] = () => undefined) {
  const calls = new FakeCalls(fault);
  const clock = new FakeClock();
  const connect = (address: string, ports: number[], signal = never, to: Endpoint = TO) =>
    connectFrom({ address, ports: () => ports, calls, startTimer: clock.startTimer })(to, signal);
  return { calls, clock, connect };
}

/** Lets promises settle. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

const refusals: readonly [string, "open" | "connect", string][] = [
  ["is in use", "open", "EADDRINUSE"],
  ["is not permitted", "open", "EACCES"],
  ["has a connection to the same place", "connect", "EADDRNOTAVAIL"],
];
for (const [what, at, code] of refusals) {
  Deno.test(`connectFrom() takes the next port when one ${what}`, pure, async () => {
    const { calls, connect } = setUp(({ port }, call) =>
      port === 700 && call === at ? code : undefined
    );
    const connection = await connect("10.0.0.9", [700, 701]);
    assertEquals(calls.opened.map(({ port }) => port), [700, 701]);
    assertEquals(calls.closed, at === "connect" ? [1] : []);
    connection.close();
  });

  Deno.test(`connectFrom() takes any port when every one ${what}`, pure, async () => {
    const { calls, connect } = setUp(({ port }, call) =>
      port !== 0 && call === at ? code : undefined
    );
    await connect("10.0.0.9", [700, 701]);
    assertEquals(calls.opened.map(({ port }) => port), [700, 701, 0]);
  });
}

Deno.test("connectFrom() tries no other port when the address is not ours", pure, async () => {
  const { calls, connect } = setUp((_, call) => call === "open" ? "EADDRNOTAVAIL" : undefined);
  const error = await assertRejects(() => connect("10.0.0.9", [700, 701]), TransportError);
  assertEquals(error.message, "Cannot connect to 10.0.0.1 port 111: EADDRNOTAVAIL");
  assertEquals(calls.opened.length, 1);
});

Deno.test("connectFrom() tries no other port when the peer refuses", pure, async () => {
  const { calls, connect } = setUp((_, call) => call === "connect" ? "ECONNREFUSED" : undefined);
  await assertRejects(() => connect("10.0.0.9", [700, 701]), TransportError, "ECONNREFUSED");
  assertEquals(calls.closed, [1]);
});

Deno.test("connectFrom() everywhere binds the family of the destination", pure, async () => {
  const { calls, connect } = setUp();
  await connect("::", [700]);
  await connect("::", [700], never, { address: "fd00::1", port: 111 });
  assertEquals(calls.opened.map(({ address }) => address), ["0.0.0.0", "::"]);
});

Deno.test("connectFrom() looks again after pauses that double", pure, async () => {
  const { calls, clock, connect } = setUp();
  calls.isConnected = false;
  let looks = 0;
  calls.connect = () => ++looks > 8;
  const connecting = connect("10.0.0.9", []);
  for (const ms of [1, 2, 4, 8, 16, 32, 50]) {
    await settle();
    const before = looks;
    clock.advance(ms - 1);
    await settle();
    assertEquals(looks, before);
    clock.advance(1);
    await settle();
    assertEquals(looks, before + 1);
  }
  (await connecting).close();
  assertEquals(clock.pending, 0);
});

Deno.test("connectFrom() gives up when its signal is aborted", pure, async () => {
  const { calls, clock, connect } = setUp();
  calls.isConnected = false;
  await assertRejects(() => connect("10.0.0.9", [], AbortSignal.abort()), TransportError);
  const abort = new AbortController();
  const connecting = connect("10.0.0.9", [], abort.signal);
  abort.abort();
  await assertRejects(() => connecting, TransportError, "the connection was closed");
  assertEquals([calls.closed, clock.pending], [[1, 2], 0]);
});

Deno.test("a write continues once there is room, and a read waits", pure, async () => {
  const { calls, clock, connect } = setUp();
  const connection = await connect("10.0.0.9", []);
  calls.room = [2, undefined, 1, 2];
  const writes = [
    connection.write(new Uint8Array([1, 2, 3])),
    connection.write(new Uint8Array([4, 5])),
  ];
  await settle();
  assertEquals(calls.sent, [1, 2]);
  clock.advance(1);
  await Promise.all(writes);
  assertEquals(calls.sent, [1, 2, 3, 4, 5]);
  calls.arrived = [undefined, 3, 0];
  const reading = connection.read(new Uint8Array(9));
  await settle();
  clock.advance(1);
  assertEquals(await reading, 3);
  assertEquals(await connection.read(new Uint8Array(9)), null);
  connection.close();
  connection.close();
  assertEquals(calls.closed, [1]);
});

Deno.test(
  "a connection that is closed ends a read that waits, and takes no bytes",
  pure,
  async () => {
    const { calls, clock, connect } = setUp();
    const connection = await connect("10.0.0.9", []);
    const reading = assertRejects(() => connection.read(new Uint8Array(9)), TransportError);
    await settle();
    connection.close();
    await reading;
    await assertRejects(() => connection.write(new Uint8Array(1)), TransportError);
    assertEquals([calls.sent, clock.pending], [[], 0]);
  },
);
