import { assertEquals, assertRejects } from "@std/assert";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import { encodeCall } from "../support/rpc_messages.ts";
import { dispatcher, service } from "../../lib/rpc/dispatch.ts";
import { RpcError, type RpcFailure } from "../../lib/rpc/errors.ts";
import type { Handlers } from "../../lib/rpc/program.ts";
import { type Caller, type Respond, TransportError } from "../../lib/rpc/transport.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { leakChecked } from "../support/leak_checked.ts";
import { type TestedTransport, testedTransports } from "./tested_transports.ts";

const LONG_NAME = "a".repeat(1_024);
const PRIV = Uint8Array.from({ length: 16 }, (_, i) => i);
const MY_ID = { my_name: "me", my_prog: 100021, my_vers: 3, my_proc: 16 };

/** The status monitor, with stand-ins where the test says so. */
function nsm(handlers: Partial<Handlers<typeof nsmV1>>): Respond {
  const all: Handlers<typeof nsmV1> = {
    SM_NULL: () => {},
    SM_STAT: ({ mon_name }) => ({ res_stat: 0, state: mon_name.length }),
    SM_MON: ({ priv }) => ({ res_stat: 0, state: priv.reduce((sum, byte) => sum + byte) }),
    SM_UNMON: () => ({ state: 1 }),
    SM_UNMON_ALL: () => ({ state: 1 }),
    SM_SIMU_CRASH: () => {},
    SM_NOTIFY: () => {},
    ...handlers,
  };
  const hooks = { access: () => "accept" as const, handlerFailed: () => {}, garbage: () => {} };
  const refusals = {
    SM_MON: () => ({ res_stat: 1 as const, state: -1 }),
    SM_UNMON: () => ({ state: 1 }),
    SM_UNMON_ALL: () => ({ state: 1 }),
    SM_SIMU_CRASH: () => {},
  };
  return dispatcher([service(nsmV1, all, refusals)], hooks);
}

const call = (xid: number) => encodeCall(nsmV1, "SM_NULL", undefined, xid);

/** A good reply to SM_STAT. */
function reply(xid: number, state: number): Uint8Array {
  const words = [xid, 1, 0, 0, 0, 0, 0, state];
  return new Uint8Array(words.flatMap((word) => [0, 0, word >> 8, word & 0xff]));
}

const xidOf = (call: Uint8Array) => call[2]! << 8 | call[3]!;

async function failure(act: Promise<unknown>): Promise<RpcFailure> {
  return (await assertRejects(() => act, RpcError)).failure;
}

function contract(what: string, test: (transport: TestedTransport) => Promise<void>): void {
  for (const transport of testedTransports) {
    Deno.test(`${transport.label}: ${what}`, leakChecked, () => test(transport));
  }
}

contract("a call and its reply go there and back, in both families", async (transport) => {
  const callers: Caller[] = [];
  await using server = transport.serve(nsm({
    SM_STAT: ({ mon_name }, caller) => {
      callers.push(caller);
      return { res_stat: 0, state: mon_name.length };
    },
  }));
  await using client = transport.client(new FakeClock());
  for (const address of ["127.0.0.1", "::1"]) {
    const to = { address, port: server.port };
    const result = await client.call("SM_STAT", { mon_name: "nodeb" }, to);
    assertEquals(result, { res_stat: 0, state: 5 });
    await client.call("SM_NULL", undefined, to);
  }
  const seen = callers.map(({ address, netid }) => [address, netid]);
  assertEquals(seen, [["127.0.0.1", transport.name], ["::1", `${transport.name}6`]]);
});

contract("the largest arguments arrive whole", async (transport) => {
  await using server = transport.serve(nsm({}));
  await using client = transport.client(new FakeClock());
  const my_id = { ...MY_ID, my_name: LONG_NAME };
  const args = { mon_id: { mon_name: LONG_NAME, my_id }, priv: PRIV };
  const result = await client.call("SM_MON", args, { address: "::1", port: server.port });
  assertEquals(result, { res_stat: 0, state: 120 });
});

contract("a slow call does not hold up the others", async (transport) => {
  const slow = Promise.withResolvers<void>();
  await using server = transport.serve(nsm({
    SM_STAT: async ({ mon_name }) => {
      if (mon_name === "slow") await slow.promise;
      return { res_stat: 0, state: mon_name.length };
    },
  }));
  await using client = transport.client(new FakeClock());
  const to = { address: "127.0.0.1", port: server.port };
  const first = client.call("SM_STAT", { mon_name: "slow" }, to);
  const others = Array.from(
    { length: 50 },
    (_, i) => client.call("SM_STAT", { mon_name: "x".repeat(i) }, to),
  );
  assertEquals((await Promise.all(others)).map(({ state }) => state), [...others.keys()]);
  slow.resolve();
  assertEquals((await first).state, 4);
});

contract("a call that breaks its handler is answered, and the next one too", async (transport) => {
  await using server = transport.serve(nsm({
    SM_STAT: () => {
      throw new Error("a bug");
    },
    SM_NOTIFY: () => Promise.reject(new Error("a slow bug")),
  }));
  await using client = transport.client(new FakeClock());
  const to = { address: "::1", port: server.port };
  const stat = await failure(client.call("SM_STAT", { mon_name: "nodeb" }, to));
  assertEquals(stat, { kind: "accepted", stat: 5 });
  const notify = await failure(client.call("SM_NOTIFY", { mon_name: "nodeb", state: 1 }, to));
  assertEquals(notify, { kind: "accepted", stat: 5 });
  await client.call("SM_NULL", undefined, to);
});

contract("garbage does not disturb the server", async (transport) => {
  await using server = transport.serve(nsm({}));
  await using client = transport.client(new FakeClock());
  const to = { address: "127.0.0.1", port: server.port };
  const whole = call(7);
  for (const bytes of [0, 1, 3, 4, 8, 23, 39]) await transport.sendOnly(whole.slice(0, bytes), to);
  await transport.sendOnly(new Uint8Array(40).fill(0xff), to);
  await transport.sendOnly(new Uint8Array(20_000), to);
  await client.call("SM_NULL", undefined, to);
});

contract("a caller that has gone does not disturb the server", async (transport) => {
  const [arrived, answer] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  await using server = transport.serve(nsm({
    SM_SIMU_CRASH: async () => {
      arrived.resolve();
      await answer.promise;
    },
  }));
  await using client = transport.client(new FakeClock());
  const to = { address: "127.0.0.1", port: server.port };
  await transport.sendOnly(encodeCall(nsmV1, "SM_SIMU_CRASH", undefined, 1), to);
  await arrived.promise;
  answer.resolve();
  await client.call("SM_NULL", undefined, to);
  assertEquals(server.log.of("error"), []);
});

contract("a silent peer is a time-out", async (transport) => {
  const arrived = Promise.withResolvers<void>();
  await using peer = transport.improvise("127.0.0.1", () => arrived.resolve());
  const clock = new FakeClock();
  await using client = transport.client(clock);
  const to = { address: "127.0.0.1", port: peer.port };
  const calling = failure(client.call("SM_NULL", undefined, to, 500));
  await arrived.promise;
  clock.advance(500);
  assertEquals(await calling, { kind: "timeout", elapsedMs: 500 });
  assertEquals(clock.pending, 0);
});

contract("only the reply with the xid of the call counts", async (transport) => {
  await using peer = transport.improvise("::1", async (call, send) => {
    const xid = xidOf(call);
    await send(reply(xid + 1, 111));
    await send(call);
    await send(new Uint8Array([1, 2, 3]));
    await send(reply(xid, 222));
    await send(reply(xid, 333));
  });
  await using client = transport.client(new FakeClock());
  const to = { address: "::1", port: peer.port };
  for (let i = 0; i < 3; i++) {
    assertEquals((await client.call("SM_STAT", { mon_name: "nodeb" }, to)).state, 222);
  }
});

contract("a malformed reply is a protocol failure", async (transport) => {
  await using peer = transport.improvise("::1", (call, send) => {
    send(reply(xidOf(call), 0).slice(0, 30));
  });
  await using client = transport.client(new FakeClock());
  const to = { address: "::1", port: peer.port };
  assertEquals((await failure(client.call("SM_STAT", { mon_name: "" }, to))).kind, "protocol");
});

contract("replies after the client has closed are nobody's", async (transport) => {
  const [arrived, sent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let answer: () => Promise<void> = () => Promise.resolve();
  await using peer = transport.improvise("127.0.0.1", (call, send) => {
    answer = () => send(reply(xidOf(call), 1));
    arrived.resolve();
  });
  const clock = new FakeClock();
  {
    await using client = transport.client(clock);
    const to = { address: "127.0.0.1", port: peer.port };
    const calling = failure(client.call("SM_NULL", undefined, to, 500));
    await arrived.promise;
    clock.advance(500);
    await calling;
  }
  answer().catch(() => {/* the connection may be known to be gone */}).finally(sent.resolve);
  await sent.promise;
  assertEquals(clock.pending, 0);
});

Deno.test("udp: a reply from another address or port does not count", leakChecked, async () => {
  const udp = testedTransports[0]!;
  const forgers = ["127.0.0.1", "127.0.0.2"].map((hostname) =>
    Deno.listenDatagram({ transport: "udp", hostname, port: 0 })
  );
  await using peer = udp.improvise("127.0.0.1", async (call, send, { address, port }) => {
    const forged = reply(xidOf(call), 111);
    for (const forger of forgers) {
      await forger.send(forged, { transport: "udp", hostname: address, port });
    }
    await send(reply(xidOf(call), 222));
  });
  await using client = udp.client(new FakeClock());
  const to = { address: "127.0.0.1", port: peer.port };
  assertEquals((await client.call("SM_STAT", { mon_name: "nodeb" }, to)).state, 222);
  for (const forger of forgers) forger.close();
});

Deno.test("tcp: an address without a listener is a transport error", leakChecked, async () => {
  const tcp = testedTransports[1]!;
  let port: number;
  {
    await using server = tcp.serve(nsm({}));
    port = server.port;
  }
  await using client = tcp.client(new FakeClock());
  await assertRejects(
    () => client.call("SM_NULL", undefined, { address: "127.0.0.1", port }),
    TransportError,
    `Cannot connect to 127.0.0.1 port ${port}: Connection refused`,
  );
});
