import { assertEquals, assertMatch } from "@std/assert";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import { Registrar, removeOldRegistrations, type Served } from "../../lib/nsm/registration.ts";
import { rpcbindV3 } from "../../lib/protocol/rpcbind.ts";
import type { Program } from "../../lib/rpc/program.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { FakeRpcbind } from "../support/fake_rpcbind.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

const SERVED: Served[] = [
  { netid: "udp", address: "0.0.0.0", port: 662 },
  { netid: "tcp6", address: "::", port: 662 },
];
const LINES = ["100024 1 tcp6 ::.2.150 105", "100024 1 udp 0.0.0.0.2.150 105"];

function setUp(versions?: Program[]) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const rpcbind = new FakeRpcbind(clock, versions);
  const portmap: string[] = [];
  const state = { portmapAnswers: false, isStarting: false };
  const callPeer: CallPeer = {
    call(_program, name, args, to, transport) {
      if (!state.portmapAnswers) return Promise.reject(new Error("no answer"));
      if (state.isStarting) rpcbind.isUp = true;
      portmap.push(`${name} ${JSON.stringify(args)} ${to.address}:${to.port} ${transport}`);
      return Promise.resolve(true as never);
    },
  };
  const { connect } = rpcbind;
  const portmapper = { address: "127.0.0.1", port: 111 };
  const registrar = new Registrar(
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

Deno.test("register() takes version 3 where 4 is not spoken", pure, async () => {
  const { rpcbind, registrar } = setUp([rpcbindV3]);
  await registrar.register();
  assertEquals(rpcbind.lines, LINES);
});

Deno.test("register() replaces what an earlier life has left", pure, async () => {
  const { rpcbind, registrar } = setUp();
  rpcbind.registered.set("udp", "100024 1 udp 0.0.0.0.9.9 105");
  await registrar.register();
  assertEquals(rpcbind.lines, LINES);
});

Deno.test("register() says once why it fails, and that it has come right", pure, async () => {
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

Deno.test("register() names the transport that somebody else has", pure, async () => {
  const { rpcbind, registrar } = setUp();
  rpcbind.refused.add("tcp6");
  assertEquals(await registrar.register(), false);
  assertMatch(registrar.fault!, /refuses tcp6 ::\.2\.150/);
});

Deno.test(
  "register() falls back to the port mapper where there is no Unix socket",
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

Deno.test(
  "register() takes the Unix socket that is there by the time rpcbind answers",
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

Deno.test(
  "removeOldRegistrations() clears what anybody has registered, or passes",
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
