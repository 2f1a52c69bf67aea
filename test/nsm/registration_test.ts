import { assertEquals, assertMatch } from "@std/assert";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { removeOldRegistrations, RpcbindRegistrar } from "../../lib/nsm/registration.ts";
import { netidFor } from "../../lib/rpc/address.ts";
import { type TransportAddress, TransportError } from "../../lib/rpc/transport.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import { AcceptStat } from "../../lib/rpc/message.ts";
import type { Program } from "../../lib/rpc/program.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeRpcbind } from "../support/fake_rpcbind.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

const SERVED: TransportAddress[] = [
  { netid: "udp", address: "0.0.0.0", port: 662 },
  { netid: "tcp6", address: "::", port: 662 },
];
const LINES = ["100024 1 tcp6 ::.2.150 105", "100024 1 udp 0.0.0.0.2.150 105"];

function setUp(versions?: Program[]) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const rpcbind = new FakeRpcbind(clock, versions);
  const portmap: string[] = [];
  const state = {
    portmapAnswers: false,
    isStarting: false,
    hasIpv6: true,
    spoken: [] as Program[],
  };
  const callPeer: CallPeer = {
    call(program, name, args, to, transport) {
      const netid = netidFor(transport, to.address);
      if (to.address === "::1" && !state.hasIpv6) {
        return Promise.reject(new TransportError("connect to", to, "refused"));
      }
      if (name === "RPCBPROC_NULL") return Promise.resolve(undefined as never);
      if (name === "RPCBPROC_GETADDR") return Promise.resolve(rpcbind.addressOf(netid) as never);
      if (name === "PMAPPROC_GETPORT") return Promise.resolve(rpcbind.portOf(netid) as never);
      if (!state.portmapAnswers) return Promise.reject(new Error("no answer"));
      if (program.version > 2) {
        const { PROG_MISMATCH } = AcceptStat;
        const failure = { kind: "accepted", stat: PROG_MISMATCH, low: 2, high: 2 } as const;
        if (!state.spoken.some(({ version }) => version === program.version)) {
          return Promise.reject(new RpcError(name, to, failure));
        }
        const entry = args as Rpcb;
        const isSet = name === "RPCBPROC_SET" ? rpcbind.set(entry) : rpcbind.unset(entry);
        return Promise.resolve(isSet as never);
      }
      if (state.isStarting) rpcbind.isUp = true;
      portmap.push(`${name} ${JSON.stringify(args)} ${to.address}:${to.port} ${transport}`);
      return Promise.resolve((name !== "PMAPPROC_SET" || !rpcbind.refused.has("udp")) as never);
    },
  };
  const { connect } = rpcbind;
  const portmapper = { address: "127.0.0.1", port: 111 };
  const registrar = new RpcbindRegistrar(
    { connect, callPeer, portmapper, owner: "105", clock, log },
    SERVED,
  );
  return { clock, log, rpcbind, portmap, state, registrar };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}

Deno.test(
  "register() registers each transport with its universal address and owner",
  pure,
  async () => {
    const { rpcbind, registrar, log } = setUp();
    assertEquals(await registrar.register(), true);
    assertEquals(rpcbind.lines, LINES);
    assertEquals([registrar.fault, log.lines], [undefined, []]);
  },
);

Deno.test("register() uses version 3 if version 4 is not supported", pure, async () => {
  const { rpcbind, registrar } = setUp([rpcbindV3]);
  await registrar.register();
  assertEquals(rpcbind.lines, LINES);
});

Deno.test("register() replaces registrations of an earlier life", pure, async () => {
  const { rpcbind, registrar } = setUp();
  rpcbind.registered.set("udp", "100024 1 udp 0.0.0.0.9.9 105");
  await registrar.register();
  assertEquals(rpcbind.lines, LINES);
});

Deno.test("register() removes transports that only an earlier life served", pure, async () => {
  const { rpcbind, registrar } = setUp();
  rpcbind.registered.set("tcp", "100024 1 tcp 0.0.0.0.2.150 105");
  await registrar.register();
  assertEquals(rpcbind.lines, LINES);
});

Deno.test("register() never removes a present registration", pure, async () => {
  const { rpcbind, registrar } = setUp();
  await registrar.register();
  rpcbind.changes = 0;
  await registrar.register();
  assertEquals([rpcbind.changes, rpcbind.lines], [0, LINES]);
});

Deno.test("register() logs a failure once, and its end", pure, async () => {
  const { rpcbind, registrar, log } = setUp();
  rpcbind.isUp = false;
  for (let i = 0; i < 3; i++) assertEquals(await registrar.register(), false);
  assertMatch(registrar.fault!, /No such file or directory/);
  rpcbind.isUp = true;
  await registrar.register();
  assertEquals(log.lines.length, 2);
  assertMatch(log.lines[0]!, /^warning: Not registered with rpcbind, trying again: .*rpcbind.sock/);
  assertEquals(log.lines[1], "notice: Registered with rpcbind");
});

Deno.test("register() names the transport that another program has", pure, async () => {
  const { rpcbind, registrar } = setUp();
  rpcbind.refused.add("udp");
  assertEquals(await registrar.register(), false);
  assertMatch(
    registrar.fault!,
    /refuses udp 0\.0\.0\.0\.2\.150; another program has registered it/,
  );
  assertEquals(rpcbind.lines, LINES.slice(0, 1));
});

Deno.test(
  "register() falls back to the port mapper without a UNIX socket",
  pure,
  async () => {
    const { rpcbind, registrar, portmap, state } = setUp();
    rpcbind.isUp = false;
    state.portmapAnswers = true;
    assertEquals(await registrar.register(), true);
    assertEquals(portmap, [
      "PMAPPROC_NULL undefined 127.0.0.1:111 tcp",
      'PMAPPROC_UNSET {"prog":100024,"vers":1,"prot":0,"port":0} 127.0.0.1:111 udp',
      'PMAPPROC_SET {"prog":100024,"vers":1,"prot":17,"port":662} 127.0.0.1:111 udp',
    ]);
  },
);

Deno.test("register() fails if the port mapper refuses a port", pure, async () => {
  const { rpcbind, registrar, state } = setUp();
  rpcbind.isUp = false;
  rpcbind.refused.add("udp");
  state.portmapAnswers = true;
  assertEquals(await registrar.register(), false);
  assertMatch(registrar.fault ?? "", /^Cannot connect to .*rpcbind\.sock/, "of the usual way");
});

for (const spoken of [[rpcbindV3, rpcbindV4], [rpcbindV3]]) {
  Deno.test(
    `register() enters all netids by version ${spoken.at(-1)!.version} over loopback (field 13)`,
    pure,
    async () => {
      const { rpcbind, registrar, portmap, state, clock } = setUp();
      rpcbind.isUp = false;
      state.portmapAnswers = true;
      state.spoken = spoken;
      const stop = new AbortController();
      const kept = registrar.keep(stop.signal);
      await settle();
      assertEquals(rpcbind.lines, LINES);
      assertEquals(portmap, ["PMAPPROC_NULL undefined 127.0.0.1:111 tcp"]);
      rpcbind.registered.delete("tcp6"); // by another program
      clock.advance(60_000);
      await settle();
      assertEquals(rpcbind.lines, LINES);
      stop.abort();
      await kept;
      assertEquals(rpcbind.lines, []);
    },
  );
}

Deno.test(
  "register() uses a UNIX socket that appears before rpcbind answers",
  pure,
  async () => {
    const { rpcbind, registrar, portmap, state } = setUp();
    rpcbind.isUp = false;
    state.portmapAnswers = true;
    state.isStarting = true;
    assertEquals(await registrar.register(), true);
    assertEquals(portmap, ["PMAPPROC_NULL undefined 127.0.0.1:111 tcp"]);
    assertEquals(rpcbind.lines, LINES);
  },
);

Deno.test(
  "keep() registers again after rpcbind was restarted, and unregisters at the end",
  pure,
  async () => {
    const { rpcbind, registrar, clock } = setUp();
    const stop = new AbortController();
    const kept = registrar.keep(stop.signal);
    await settle();
    assertEquals(rpcbind.lines, LINES);
    rpcbind.stop();
    await settle();
    for (let i = 0; i < 3; i++) {
      clock.advance(5_000);
      await settle();
    }
    rpcbind.isUp = true;
    clock.advance(5_000);
    await settle();
    assertEquals(rpcbind.lines, LINES);
    stop.abort();
    await kept;
    assertEquals(rpcbind.lines, []);
  },
);

for (const isNoticed of [true, false]) {
  const when = isNoticed ? "before it registered again" : "before it noticed";
  Deno.test(
    `keep() removes registrations that a restarted rpcbind has kept, at an end ${when}`,
    pure,
    async () => {
      const { rpcbind, registrar } = setUp();
      const stop = new AbortController();
      const kept = registrar.keep(stop.signal);
      await settle();
      const before = [...rpcbind.registered];
      rpcbind.stop();
      if (isNoticed) await settle();
      rpcbind.isUp = true;
      for (const [netid, line] of before) rpcbind.registered.set(netid, line);
      stop.abort();
      await kept;
      assertEquals([rpcbind.lines, rpcbind.connections], [[], 0]);
    },
  );
}

/** Changes of our entries by another program, and the log lines. */
const CHANGES: readonly [string, (rpcbind: FakeRpcbind) => void, RegExp][] = [
  ["removed", (rpcbind) => rpcbind.registered.clear(), /udp port 662 is gone; registering again/],
  [
    "replaced",
    (rpcbind) => rpcbind.registered.set("tcp6", "100024 1 tcp6 ::.3.1 105"),
    /tcp6 port 662 has become port 769; registering again/,
  ],
];

for (const [change, make, message] of CHANGES) {
  for (const isAsked of [true, false]) {
    const when = isAsked ? "when somebody asks for it" : "by itself after five minutes";
    Deno.test(
      `keep() restores a registration that another program has ${change}, ${when}`,
      pure,
      async () => {
        const { rpcbind, registrar, clock, log } = setUp();
        const stop = new AbortController();
        const kept = registrar.keep(stop.signal);
        await settle();
        make(rpcbind);
        clock.advance(299_000);
        await settle();
        assertEquals(log.lines, []);
        if (isAsked) await registrar.review();
        else clock.advance(1_000);
        await settle();
        assertEquals([rpcbind.lines, rpcbind.connections], [LINES, 1]);
        assertEquals(log.lines.length, 1);
        assertMatch(log.of("warning")[0]!, message);
        stop.abort();
        await kept;
        assertEquals([rpcbind.lines, rpcbind.connections, clock.pending], [[], 0, 0]);
      },
    );
  }
}

for (const hasIpv6 of [true, false]) {
  const where = hasIpv6 ? "" : ", though it serves no IPv6";
  Deno.test(`keep() changes nothing while rpcbind lists us${where}`, pure, async () => {
    const { rpcbind, registrar, clock, log, state } = setUp();
    state.hasIpv6 = hasIpv6;
    const stop = new AbortController();
    const kept = registrar.keep(stop.signal);
    await settle();
    rpcbind.changes = 0;
    for (let look = 0; look < 3; look++) {
      clock.advance(300_000);
      await settle();
      await registrar.review();
    }
    assertEquals([rpcbind.changes, rpcbind.connections, log.lines], [0, 1, []]);
    stop.abort();
    await kept;
  });
}

Deno.test(
  "keep() makes a registration of another program as soon as it is free",
  pure,
  async () => {
    const { rpcbind, registrar, clock, log } = setUp();
    const stop = new AbortController();
    const kept = registrar.keep(stop.signal);
    await settle();
    rpcbind.registered.delete("udp");
    rpcbind.refused.add("udp");
    await registrar.review();
    assertMatch(registrar.fault!, /another program has registered it/);
    for (let minute = 0; minute < 3; minute++) {
      clock.advance(5_000);
      await settle();
    }
    rpcbind.refused.clear();
    clock.advance(5_000);
    await settle();
    assertEquals([registrar.fault, rpcbind.lines], [undefined, LINES]);
    assertEquals(log.of("warning").length, 2, log.lines.join("\n"));
    assertEquals(log.of("notice"), ["notice: Registered with rpcbind"]);
    stop.abort();
    await kept;
  },
);

Deno.test(
  "keep() polls a port mapper every minute, since its end is not signalled",
  pure,
  async () => {
    const { rpcbind, registrar, clock, portmap, state } = setUp();
    rpcbind.isUp = false;
    state.portmapAnswers = true;
    const stop = new AbortController();
    const kept = registrar.keep(stop.signal);
    await settle();
    rpcbind.registered.set("udp", "100024 1 udp 0.0.0.0.2.150 0");
    clock.advance(60_000);
    await settle();
    assertEquals(portmap.length, 3);
    rpcbind.registered.clear();
    clock.advance(60_000);
    await settle();
    assertEquals(portmap.length, 6);
    stop.abort();
    await kept;
  },
);

Deno.test(
  "removeOldRegistrations() removes any owner's registrations, or gives up silently",
  pure,
  async () => {
    const { rpcbind, log } = setUp();
    rpcbind.registered.set("udp", "100024 1 udp 0.0.0.0.9.9 105");
    await removeOldRegistrations(rpcbind.connect, log);
    assertEquals(rpcbind.lines, []);
    rpcbind.isUp = false;
    await removeOldRegistrations(rpcbind.connect, log);
    assertMatch(log.of("debug")[0]!, /Cannot remove old registrations/);
  },
);
