import { netidFor } from "../../lib/rpc/address.ts";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type DatagramHooks, openUdpSocket, serveDatagrams, UdpSocket } from "../../lib/net/udp.ts";
import type { DatagramCalls } from "../../lib/platform/datagram_calls.ts";
import { type Caller, type Respond, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeDatagramSocket } from "../support/fake_sockets.ts";
import { leakChecked } from "../support/leak_checked.ts";
import "../support/open_libc.ts";

const pure = { permissions: "none" } as const;
const { startTimer } = new FakeClock();

async function settle(): Promise<void> {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Deno socket whose receive() does one step of the test each time. */
class StubConn {
  readonly addr: Deno.NetAddr = { transport: "udp", hostname: "fe80::9", port: 700 };
  received = 0;
  sent = 0;
  readonly #steps: (Deno.NetAddr | Error)[] = [];
  #wake = () => {};

  add(...steps: (Deno.NetAddr | Error)[]): void {
    this.#steps.push(...steps);
    this.#wake();
  }

  async receive(buffer: Uint8Array): Promise<[Uint8Array, Deno.Addr]> {
    this.received++;
    while (this.#steps.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    const step = this.#steps.shift()!;
    if (step instanceof Error) throw step;
    buffer[0] = this.received;
    return [buffer.subarray(0, 1), step];
  }

  send(data: Uint8Array): Promise<number> {
    this.sent++;
    return Promise.resolve(data.length);
  }

  close(): void {
    this.add(new Deno.errors.Interrupted("operation canceled"));
  }
}

const from = (hostname: string): Deno.NetAddr => ({ transport: "udp", hostname, port: 9 });

function setUp(scope = "", calls: DatagramCalls = new StubCalls()) {
  const clock = new FakeClock();
  const conn = new StubConn();
  const socket = new UdpSocket(
    conn as unknown as Deno.DatagramConn,
    calls,
    clock.startTimer,
    scope,
  );
  const sources: string[] = [];
  const ended = socket.receive((_, { address, port }) => void sources.push(`${address} ${port}`));
  return { clock, conn, socket, sources, ended };
}

Deno.test(
  "receive() drops mapped sources, and shows other sources unchanged (trust 1)",
  pure,
  async () => {
    const { conn, socket, sources, ended } = setUp();
    conn.add(from("::ffff:192.0.2.1"), from("192.0.2.2"), from("2001:db8::1"), from("fe80::1"));
    await settle();
    assertEquals(sources, ["192.0.2.2 9", "2001:db8::1 9", "fe80::1 9"]);
    socket.close();
    await ended;
  },
);

Deno.test("a scoped socket gives its scope to link-local addresses only", pure, async () => {
  const { conn, socket, sources, ended } = setUp("%eth0");
  conn.add(from("fe80::1"), from("2001:db8::1"));
  await settle();
  assertEquals(sources, ["fe80::1%eth0 9", "2001:db8::1 9"]);
  assertEquals(socket.local, { address: "fe80::9%eth0", port: 700 });
  socket.close();
  await ended;
});

Deno.test("receive() survives errors, and does not spin on endless ones", pure, async () => {
  const { clock, conn, socket, sources, ended } = setUp();
  const errors = (count: number) => Array.from({ length: count }, () => new Error("refused"));
  conn.add(...errors(10), from("192.0.2.1"), ...errors(1_000));
  await settle();
  assertEquals(sources.length, 1);
  for (let i = 0; i < 10; i++) {
    const before = conn.received;
    await settle();
    assertEquals([conn.received, clock.pending], [before, 1]);
    clock.advance(50);
    await settle();
    assertEquals(conn.received, before + 1);
  }
  socket.close();
  socket.close();
  await ended;
  assertEquals(clock.pending, 0);
});

Deno.test("receive() ends when the socket is closed", pure, async () => {
  for (const error of [new Deno.errors.Interrupted(""), new Deno.errors.BadResource("")]) {
    const { conn, ended } = setUp();
    conn.add(error);
    await ended;
  }
});

/** System calls on a socket with a number of queued datagrams, all from 192.0.2.1. */
class StubCalls implements DatagramCalls {
  readonly fd = -1;
  waiting = 0;
  maySend = true;
  readonly sent: string[] = [];
  receive(into: Uint8Array, source: Uint8Array): number {
    if (this.waiting === 0) return -1;
    this.waiting--;
    into[0] = 0xff;
    source.set([2, 0, 0, 9, 192, 0, 2, 1]);
    return 1;
  }

  send(_data: Uint8Array, to: Uint8Array): boolean {
    if (this.maySend) this.sent.push(to.toHex());
    return this.maySend;
  }
}

Deno.test("receive() drains queued datagrams", pure, async () => {
  const calls = new StubCalls();
  const { conn, socket, sources, ended } = setUp("", calls);
  calls.waiting = 10;
  conn.add(from("192.0.2.2"));
  await settle();
  assertEquals([sources.length, calls.waiting, conn.received], [11, 0, 2]);
  assertEquals(sources.slice(0, 2), ["192.0.2.2 9", "192.0.2.1 9"]);
  socket.close();
  await ended;
});

Deno.test("receive() and poll() yield to other work", pure, async () => {
  const calls = new StubCalls();
  const { conn, clock, socket, sources, ended } = setUp("", calls);
  calls.waiting = 3_000;
  conn.add(from("192.0.2.2"));
  await settle();
  assertEquals(sources.length, 1_024);
  clock.advance(1);
  socket.poll();
  assertEquals(sources.length, 2_048);
  socket.close();
  await ended;
});

Deno.test("poll() delivers nothing before receive() is called", pure, () => {
  const calls = new StubCalls();
  calls.waiting = 1;
  const socket = new UdpSocket(
    new StubConn() as unknown as Deno.DatagramConn,
    calls,
    startTimer,
  );
  socket.poll();
  assertEquals(calls.waiting, 1);
  socket.close();
});

Deno.test("receive() stops draining when the socket is closed", pure, async () => {
  const calls = new StubCalls();
  const conn = new StubConn();
  const socket = new UdpSocket(conn as unknown as Deno.DatagramConn, calls, startTimer);
  calls.waiting = 10;
  conn.add(from("192.0.2.2"));
  let received = 0;
  await socket.receive(() => {
    if (++received === 3) socket.close();
  });
  assertEquals([received, calls.waiting], [3, 8]);
});

Deno.test(
  "send() passes to the runtime what the kernel does not accept at once",
  pure,
  async () => {
    const calls = new StubCalls();
    const { conn, socket, ended } = setUp("", calls);
    await socket.send(new Uint8Array(1), { address: "192.0.2.1", port: 9 });
    assertEquals([calls.sent.length, conn.sent], [1, 0]);
    calls.maySend = false;
    await socket.send(new Uint8Array(1), { address: "192.0.2.1", port: 9 });
    calls.maySend = true;
    await socket.send(new Uint8Array(1), { address: "fe80::1%eth0", port: 9 });
    assertEquals([calls.sent.length, conn.sent], [1, 2]);
    socket.close();
    await socket.send(new Uint8Array(1), { address: "192.0.2.1", port: 9 });
    assertEquals([calls.sent.length, conn.sent], [1, 3]);
    await ended;
  },
);

/** Serves a socket without a network. */
function serve(respond: Respond) {
  const socket = new FakeDatagramSocket();
  const events: string[] = [];
  const note = (what: string) => ({ address, netid }: Caller, error?: unknown) =>
    void events.push(
      `${what} ${address} ${netid}${error instanceof Error ? ` ${error.message}` : ""}`,
    );
  const hooks: DatagramHooks = {
    respondFailed: note("respondFailed"),
    replyFailed: note("replyFailed"),
    dropped: note("dropped"),
  };
  const ended = serveDatagrams(socket, (address) => netidFor("udp", address), respond, hooks);
  return { socket, events, ended };
}

const PEER = { address: "192.0.2.1", port: 700 };

Deno.test(
  "serveDatagrams() sends replies to the callers, in the order of completion",
  pure,
  async () => {
    const pending: ((reply: Uint8Array | undefined) => void)[] = [];
    const { socket, ended } = serve((call) => {
      if (call[0] === 1) return new Promise((resolve) => pending.push(resolve));
      return call[0] === 2 ? undefined : call.slice();
    });
    const callers = [1, 1, 2, 3].map((kind, i) => ({ kind, to: { ...PEER, port: i + 1 } }));
    for (const { kind, to } of callers) socket.arrive(new Uint8Array([kind]), to);
    pending[1]!(new Uint8Array([11]));
    await settle();
    pending[0]!(undefined);
    await settle();
    const sent = socket.sent.map(({ data, to }) => [data[0], to.port]);
    assertEquals(sent, [[3, 4], [11, 2]]);
    socket.close();
    await ended;
  },
);

Deno.test("serveDatagrams() survives errors of respond and of the network", pure, async () => {
  const { socket, events, ended } = serve((call) => {
    if (call[0] === 1) throw new Error("a bug");
    return call[0] === 2 ? Promise.reject(new Error("a slow bug")) : call.slice();
  });
  socket.sendError = new TransportError("send to", PEER, new Error("no route"));
  for (const kind of [1, 2, 3]) socket.arrive(new Uint8Array([kind]), PEER);
  await settle();
  assertEquals(events.sort(), [
    "replyFailed 192.0.2.1 udp Cannot send to 192.0.2.1 port 700: no route",
    "respondFailed 192.0.2.1 udp a bug",
    "respondFailed 192.0.2.1 udp a slow bug",
  ]);
  socket.close();
  await ended;
});

Deno.test(
  "serveDatagrams() drops remote calls if too many are in progress",
  pure,
  async () => {
    let answer = () => {};
    const answered = new Promise<undefined>((resolve) => answer = () => resolve(undefined));
    let calls = 0;
    const { socket, events, ended } = serve(() => (calls++, answered));
    for (let i = 0; i < 2_000; i++) socket.arrive(new Uint8Array(1), { address: "::1", port: 1 });
    for (let i = 0; i < 513; i++) socket.arrive(new Uint8Array(1), PEER);
    socket.arrive(new Uint8Array(1), { address: "127.0.0.1", port: 1 });
    assertEquals([calls, events], [2_513, ["dropped 192.0.2.1 udp"]]);
    answer();
    await settle();
    socket.arrive(new Uint8Array(1), PEER);
    assertEquals([calls, events.length], [2_514, 1]);
    socket.close();
    await ended;
  },
);

Deno.test("openUdpSocket() names the socket that it cannot open", leakChecked, () => {
  const first = openUdpSocket({ address: "127.0.0.1", port: 0 }, startTimer);
  const { port } = first.local;
  const error = assertThrows(
    () => openUdpSocket({ address: "127.0.0.1", port }, startTimer),
    TransportError,
    `Cannot open UDP socket 127.0.0.1 port ${port}: Address already in use`,
  );
  assertEquals(error.cause instanceof Deno.errors.AddrInUse, true);
  first.close();
});

Deno.test("send() fails with the destination and the cause", leakChecked, async () => {
  const socket = openUdpSocket({ address: "127.0.0.1", port: 0 }, startTimer);
  const message = "Cannot send to ::1 port 9: Address family not supported";
  const send = async (bytes: number, address: string) =>
    await socket.send(new Uint8Array(bytes), { address, port: 9 });
  await assertRejects(() => send(1, "::1"), TransportError, message);
  await assertRejects(() => send(70_000, "127.0.0.1"), TransportError, "Message too long");
  socket.close();
  await assertRejects(() => send(1, "127.0.0.1"), TransportError);
});

Deno.test("one socket on :: serves and reaches both families", leakChecked, async () => {
  const everything = openUdpSocket({ address: "::", port: 0 }, startTimer);
  const { port } = everything.local;
  const ended = everything.receive((data, from) => void everything.send(data.slice(), from));
  for (const address of ["127.0.0.1", "::1"]) {
    const peer = openUdpSocket({ address, port: 0 }, startTimer);
    const back = Promise.withResolvers<unknown>();
    const peerEnded = peer.receive((data, from) => back.resolve([data[0], from]));
    await peer.send(new Uint8Array([7]), { address, port });
    assertEquals(await back.promise, [7, { address, port, isLocal: true }]);
    peer.close();
    await peerEnded;
  }
  everything.close();
  await ended;
});
