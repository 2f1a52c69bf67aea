import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  AddressSockets,
  type LocalAddress,
  localAddresses,
} from "../../lib/net/local_addresses.ts";
import type { Endpoint } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeDatagramSocket } from "../support/fake_sockets.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

class Socket extends FakeDatagramSocket {
  constructor(override readonly local: Endpoint) {
    super();
  }
}

const PEER = { address: "192.0.2.200", port: 700 };

/** A host whose addresses a test changes, with a server that replies with the call. */
class Host implements AsyncDisposable {
  addresses: LocalAddress[] = [];
  readable = true;
  readings = 0;
  /** Addresses that cannot be bound yet. */
  readonly tentative = new Set<string>();
  readonly opened: Socket[] = [];
  readonly wildcard: Socket;
  readonly clock = new FakeClock();
  readonly log = new RecordingLog();
  sockets: AddressSockets | undefined;
  #serving: Promise<void> = Promise.resolve();

  constructor(wildcard = "::") {
    this.wildcard = new Socket({ address: wildcard, port: 665 });
  }

  start(...addresses: string[]): this {
    this.addresses = addresses.map((address) => ({ address, key: address }));
    this.sockets = new AddressSockets({
      wildcards: [this.wildcard],
      open: (at) => {
        if (this.tentative.has(at.address)) throw new Error(`Cannot open ${at.address}`);
        const socket = new Socket(at);
        this.opened.push(socket);
        return socket;
      },
      localAddresses: () => {
        this.readings++;
        if (!this.readable) throw new Error("not permitted");
        return this.addresses;
      },
      clock: this.clock,
      log: this.log,
    });
    this.#serving = this.sockets.serve((socket) =>
      socket.receive((data, from) => void socket.send(data.slice(), from))
    );
    return this;
  }

  /** The addresses with an open socket. */
  get open(): string[] {
    return this.opened.filter(({ isClosed }) => !isClosed).map(({ local }) => local.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.sockets?.close();
    await this.#serving;
    assertEquals([this.wildcard.isClosed, this.open, this.clock.pending], [true, [], 0]);
  }
}

Deno.test("the sockets are open before any is served, which takes no privilege then", pure, () => {
  const opened: string[] = [];
  const sockets = new AddressSockets({
    wildcards: [new Socket({ address: "::", port: 665 })],
    open(at) {
      opened.push(at.address);
      return new Socket(at);
    },
    localAddresses: () => [{ address: "192.0.2.1", key: "192.0.2.1" }],
    clock: new FakeClock(),
    log: new RecordingLog(),
  });
  assertEquals(opened, ["192.0.2.1"]);
  sockets.close();
});

Deno.test("each local address has a socket, on the port of the one for all", pure, async () => {
  await using host = new Host().start("192.0.2.1", "2001:db8::1");
  assertEquals(host.opened.map(({ local }) => local), [
    { address: "192.0.2.1", port: 665 },
    { address: "2001:db8::1", port: 665 },
  ]);
  for (const socket of [...host.opened, host.wildcard]) {
    socket.arrive(new Uint8Array([1]), PEER);
    assertEquals(socket.sent.map(({ to }) => to), [PEER]);
  }
});

Deno.test("a call at the socket for all is a hint at a new address", pure, async () => {
  await using host = new Host().start("192.0.2.1");
  host.addresses.push({ address: "192.0.2.2", key: "192.0.2.2" });
  host.clock.advance(1_000);
  host.wildcard.arrive(new Uint8Array([1]), PEER);
  assertEquals(host.open, ["192.0.2.1", "192.0.2.2"]);
  assertEquals(host.wildcard.sent.length, 1);
});

Deno.test("calls make us read the addresses once a second at most", pure, async () => {
  await using host = new Host().start("192.0.2.1");
  for (let i = 0; i < 10; i++) {
    for (let j = 0; j < 100; j++) host.wildcard.arrive(new Uint8Array([1]), PEER);
    host.clock.advance(500);
  }
  assertEquals(host.readings, 5);
  host.wildcard.arrive(new Uint8Array([1]), { address: "127.0.0.1", port: 1 });
  assertEquals(host.readings, 5);
});

Deno.test("the socket of an address that has gone is closed in time", pure, async () => {
  await using host = new Host().start("192.0.2.1", "192.0.2.2");
  host.addresses.shift();
  host.clock.advance(300_000);
  assertEquals(host.open, ["192.0.2.2"]);
});

Deno.test("an interface that was made anew gets a new socket", pure, async () => {
  await using host = new Host().start();
  for (const key of ["fe80::1%eth0 2", "fe80::1%eth0 3"]) {
    host.addresses = [{ address: "fe80::1%eth0", key }];
    host.clock.advance(300_000);
    assertEquals(host.open, ["fe80::1%eth0"]);
  }
  assertEquals(host.opened.length, 2);
});

Deno.test("an address that cannot be bound is tried again, with one line", pure, async () => {
  const host = new Host();
  host.tentative.add("2001:db8::1");
  await using _ = host.start("2001:db8::1");
  host.clock.advance(600_000);
  assertEquals([host.open, host.log.of("info").length], [[], 1]);
  assertMatch(host.log.of("info")[0]!, /Cannot open 2001:db8::1; replies/);
  host.tentative.clear();
  host.wildcard.arrive(new Uint8Array([1]), PEER);
  host.clock.advance(1_000);
  host.wildcard.arrive(new Uint8Array([1]), PEER);
  assertEquals(host.open, ["2001:db8::1"]);
});

Deno.test("without IPv6 its addresses get no socket", pure, async () => {
  await using host = new Host("0.0.0.0").start("192.0.2.1", "2001:db8::1");
  assertEquals(host.open, ["192.0.2.1"]);
});

Deno.test("the number of sockets is bounded", pure, async () => {
  const addresses = Array.from({ length: 200 }, (_, i) => `192.0.2.${i}`);
  await using host = new Host().start(...addresses);
  host.clock.advance(600_000);
  assertEquals([host.open.length, host.log.of("notice").length], [128, 1]);
  assertEquals(host.opened.length, 128);
});

Deno.test("addresses that cannot be read leave the sockets as they are", pure, async () => {
  await using host = new Host().start("192.0.2.1");
  host.readable = false;
  host.clock.advance(1_000);
  host.wildcard.arrive(new Uint8Array([1]), PEER);
  assertEquals([host.wildcard.sent.length, host.open], [1, ["192.0.2.1"]]);
});

Deno.test("localAddresses() has scopes where they are needed, and no loopback", () => {
  for (const { address, key } of localAddresses()) {
    assert(address !== "127.0.0.1" && address !== "::1");
    assertEquals(address.includes("%"), address.startsWith("fe80:"), address);
    assert(key.startsWith(address));
  }
});
