import { assertEquals, assertMatch } from "@std/assert";
import { CALLBACK_TOTAL_MS, Callbacks } from "../../lib/nsm/callback.ts";
import { type LockManager, lockManagerFinder } from "../../lib/nsm/lock_manager.ts";
import { limited, STRANGERS_LIMITS } from "../../lib/log_limits.ts";
import type { Monitored } from "../../lib/nsm/monitor_list.ts";
import type { CallPeer } from "../../lib/nsm/ports.ts";
import type { Status } from "../../lib/protocol/nlm.ts";
import { RpcError } from "../../lib/rpc/errors.ts";
import type { Endpoint } from "../../lib/rpc/transport.ts";
import { ToldStates } from "../../lib/nsm/told_states.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

const pure = { permissions: "none" } as const;

const priv = Uint8Array.from({ length: 16 }, (_, i) => i);

function monitored(monName: string): Monitored {
  const requester = { myName: "here", myProg: 100021, myVers: 3, myProc: 16 };
  const record = { monName, ...requester, priv: priv.toHex() };
  const times = { since: undefined, heardAt: undefined };
  return { record, stored: record, ...times, lastState: 0, lastNotice: 0, behind: 0 };
}

interface Call {
  readonly number: [number, number, number];
  readonly args: Status;
  readonly to: Endpoint;
  readonly transport: string;
  answer(outcome?: Error): void;
}

/** Lock manager that answers at the request of the test, at a port chosen by the test. */
function setUp() {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const calls: Call[] = [];
  const state = {
    lockManager: undefined as LockManager | undefined,
    lookUps: 0,
    answering: Promise.resolve(),
  };
  state.lockManager = { address: "127.0.0.1", port: 4045, transport: "udp" };
  const callPeer: CallPeer = {
    call(program, name, args, to, transport) {
      return new Promise((resolve, reject) => {
        const { number, version, procedures } = program;
        calls.push({
          number: [number, version, procedures[name]!.number],
          args: args as Status,
          to,
          transport,
          answer: (outcome) =>
            outcome === undefined ? resolve(undefined as never) : reject(outcome),
        });
      });
    },
  };
  const findLockManager = () => {
    state.lookUps++;
    return state.answering.then(() => state.lockManager);
  };
  const tell = limited(log, clock);
  const callbacks = new Callbacks({ callPeer, findLockManager, clock, log, tell });
  return { clock, log, calls, state, callbacks };
}

const timeout = new RpcError("NLM_SM_NOTIFY", { address: "127.0.0.1", port: 4045 }, {
  kind: "timeout",
  elapsedMs: 5000,
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn++) await Promise.resolve();
}

Deno.test(
  "add() calls the registered procedure, with name and cookie, at loopback",
  pure,
  async () => {
    const { callbacks, calls } = setUp();
    callbacks.add(monitored("NodeB"), 5);
    await settle();
    const [{ number, args, to, transport }] = calls as [Call];
    assertEquals(number, [100021, 3, 16]);
    assertEquals(args, { mon_name: "NodeB", state: 5, priv });
    assertEquals([to.address, to.port, transport], ["127.0.0.1", 4045, "udp"]);
    calls[0]!.answer();
    await settle();
    assertEquals(callbacks.pending, 0);
  },
);

Deno.test("add() makes several calls at once and asks for the port once", pure, async () => {
  const { callbacks, calls, state } = setUp();
  for (const name of ["a", "b", "c"]) callbacks.add(monitored(name), 5);
  await settle();
  assertEquals(calls.map(({ args }) => args.mon_name), ["a", "b", "c"]);
  assertEquals(state.lookUps, 1);
});

Deno.test("add() calls a lock manager whose port is known before it returns", pure, async () => {
  const { callbacks, calls } = setUp();
  callbacks.add(monitored("a"), 5);
  await settle();
  callbacks.add(monitored("b"), 5);
  assertEquals(calls.map(({ args }) => args.mon_name), ["a", "b"]);
  calls[1]!.answer(timeout);
  await settle();
  callbacks.add(monitored("c"), 5);
  assertEquals(calls.length, 2, "rpcbind is asked again first");
  await settle();
  assertEquals(calls.length, 3);
});

Deno.test("add() keeps to a number of calls in flight, and goes on as they end", pure, async () => {
  const { callbacks, calls } = setUp();
  for (let i = 0; i < 100; i++) callbacks.add(monitored(`n${i}`), 5);
  await settle();
  assertEquals(calls.length, 64);
  calls[10]!.answer();
  calls[20]!.answer(timeout);
  await settle();
  assertEquals(calls.length, 66);
});

Deno.test("a failed call is repeated, to the lock manager's present port", pure, async () => {
  const { callbacks, calls, state, clock, log } = setUp();
  callbacks.add(monitored("nodeb"), 5);
  await settle();
  calls[0]!.answer(timeout);
  await settle();
  state.lockManager = { address: "127.0.0.1", port: 5050, transport: "udp" };
  clock.advance(1_000);
  await settle();
  assertEquals(calls.map(({ to }) => to.port), [4045, 5050]);
  calls[1]!.answer();
  await settle();
  assertEquals([callbacks.pending, log.of("warning").length], [0, 1]);
  assertMatch(log.of("notice")[0]!, /Told .* after 1 failed attempts/);
});

Deno.test("a callback waits for a lock manager that is not registered", pure, async () => {
  const { callbacks, calls, state, clock, log } = setUp();
  state.lockManager = undefined;
  callbacks.add(monitored("nodeb"), 5);
  await settle();
  assertMatch(log.of("warning")[0]!, /program 100021 version 3 is not registered/);
  state.lockManager = { address: "127.0.0.1", port: 4045, transport: "tcp" };
  clock.advance(1_000);
  await settle();
  assertEquals(calls.map(({ transport }) => transport), ["tcp"]);
});

const statesOf = (calls: readonly Call[]) => calls.map(({ args }) => args.state);

Deno.test("a newer state replaces the waiting one", pure, async () => {
  const { callbacks, calls, clock } = setUp();
  const entry = monitored("nodeb");
  callbacks.add(entry, 5);
  await settle();
  calls[0]!.answer(timeout);
  await settle();
  callbacks.add(entry, 7);
  await settle();
  assertEquals(statesOf(calls), [5]);
  clock.advance(1_000);
  await settle();
  assertEquals(statesOf(calls), [5, 7]);
});

Deno.test("a newer state leaves while a call is out, and decides", pure, async () => {
  const { callbacks, calls, clock } = setUp();
  const entry = monitored("nodeb");
  callbacks.add(entry, 5);
  await settle();
  callbacks.add(entry, 7);
  assertEquals(statesOf(calls), [5, 7]);
  calls[0]!.answer(timeout); // no other attempt: there is a newer one
  await settle();
  clock.advance(60_000);
  assertEquals([callbacks.pending, calls.length], [1, 2]);
  calls[1]!.answer();
  await settle();
  assertEquals(callbacks.pending, 0);
});

Deno.test(
  "of states that wait for the port of their lock manager the newest is told",
  pure,
  async () => {
    const { callbacks, calls, state } = setUp();
    const entry = monitored("nodeb");
    const answer = Promise.withResolvers<void>();
    state.answering = answer.promise;
    for (const state of [5, 7]) {
      callbacks.add(entry, state);
      await settle();
    }
    answer.resolve();
    await settle();
    assertEquals([statesOf(calls), state.lookUps], [[7], 1]);
    calls[0]!.answer();
    await settle();
    assertEquals(callbacks.pending, 0);
  },
);

Deno.test(
  "a callback waits for the disk to decide about a new cookie, unless it is called off",
  pure,
  async () => {
    for (const isCalledOff of [false, true]) {
      const { callbacks, calls } = setUp();
      callbacks.add(monitored("another"), 5);
      await settle();
      const entry = monitored("nodeb");
      const { record } = entry;
      const decision = Promise.withResolvers<void>();
      Object.assign(entry, {
        record: { ...record, priv: "ff".repeat(16) },
        deciding: decision.promise,
      });
      callbacks.add(entry, 5);
      await settle();
      assertEquals(calls.length, 1);
      Object.assign(entry, { record, deciding: undefined }); // refused
      if (isCalledOff) callbacks.forget(entry);
      decision.resolve();
      await settle();
      assertEquals(calls.slice(1).map(({ args }) => args.priv), isCalledOff ? [] : [priv]);
    }
  },
);

Deno.test("a cookie that comes while the port is asked for is told", pure, async () => {
  const { callbacks, calls } = setUp();
  const entry = monitored("nodeb");
  callbacks.add(entry, 5);
  entry.record = entry.stored = { ...entry.record, priv: "ff".repeat(16) };
  await settle();
  assertEquals(calls.map(({ args }) => args.priv.toHex()), ["ff".repeat(16)]);
});

Deno.test("an SM_MON that comes while a callback waits holds it up no longer", pure, async () => {
  const { callbacks, calls } = setUp();
  const entry = monitored("nodeb");
  const decision = Promise.withResolvers<void>();
  entry.deciding = decision.promise;
  callbacks.add(entry, 5);
  await settle();
  entry.record = { ...entry.record, priv: "ff".repeat(16) };
  entry.deciding = new Promise(() => {});
  decision.resolve();
  await settle();
  assertEquals(calls.map(({ args }) => args.priv), [priv]);
});

Deno.test("of many states in one turn the first and the newest are told", pure, async () => {
  const { callbacks, calls } = setUp();
  const [entry, other] = [monitored("nodeb"), monitored("nodec")];
  callbacks.add(entry, 1);
  await settle();
  calls[0]!.answer();
  await settle();
  for (let state = 2; state <= 33; state++) callbacks.add(entry, state);
  callbacks.add(other, 5);
  assertEquals(
    statesOf(calls),
    [1, 2, 5],
    "nothing waits for the end of the turn but later states",
  );
  await Promise.resolve();
  assertEquals(statesOf(calls), [1, 2, 5, 33], "the next microtask ends the turn");
  for (let state = 34; state <= 40; state++) callbacks.add(entry, state);
  callbacks.forget(entry);
  await settle();
  assertEquals(statesOf(calls), [1, 2, 5, 33], "a forgotten registration is not told");
  for (const call of calls) call.answer();
  await settle();
  assertEquals(callbacks.pending, 0);
});

Deno.test("if all states in progress fail, the newest is retried", pure, async () => {
  const { callbacks, calls, clock } = setUp();
  const entry = monitored("nodeb");
  for (const state of [5, 7]) {
    callbacks.add(entry, state);
    await settle();
  }
  for (const call of calls.toReversed()) {
    call.answer(timeout);
    await settle();
  }
  clock.advance(1_000);
  await settle();
  assertEquals(statesOf(calls), [5, 7, 7]);
  calls[2]!.answer();
  await settle();
  assertEquals(callbacks.pending, 0);
});

Deno.test(
  "states of one registration leave room for other registrations, and the newest is told",
  pure,
  async () => {
    const { callbacks, calls } = setUp();
    const entry = monitored("nodeb");
    for (let state = 1; state <= 50; state++) {
      callbacks.add(entry, state);
      await settle();
    }
    assertEquals(calls.length, 32);
    callbacks.add(monitored("nodec"), 9);
    assertEquals(statesOf(calls).at(-1), 9);
    calls[0]!.answer();
    await settle();
    assertEquals(statesOf(calls).at(-1), 50);
    assertEquals(calls.length, 34);
    for (const call of calls) call.answer();
    await settle();
    assertEquals([callbacks.pending, calls.length], [0, 34]);
  },
);

Deno.test("a callback is given up after its time, with one line", pure, async () => {
  const { callbacks, calls, clock, log } = setUp();
  callbacks.add(monitored("nodeb"), 5);
  const end = clock.now() + CALLBACK_TOTAL_MS;
  for (let i = 0; callbacks.pending > 0 && clock.now() < end + 60_000; i++) {
    await settle();
    calls[i]?.answer(timeout);
    await settle();
    clock.advance(30_000);
  }
  assertEquals([callbacks.pending, log.of("error").length, log.of("warning").length], [0, 1, 1]);
  assertMatch(log.of("error")[0]!, /giving up: .*no answer in 5000 ms/);
});

Deno.test("stop() leaves no timer behind", pure, async () => {
  const { callbacks, calls, clock, log } = setUp();
  callbacks.add(monitored("nodeb"), 5);
  await settle();
  calls[0]!.answer(timeout);
  await settle();
  callbacks.stop();
  clock.advance(60_000);
  await settle();
  assertEquals([calls.length, callbacks.pending, log.of("error")], [1, 0, []]);
});

Deno.test("a callback cancelled during its call is not retried", pure, async () => {
  const { callbacks, calls, clock, log } = setUp();
  const peer = monitored("nodeb");
  callbacks.add(peer, 5);
  await settle();
  assertEquals(callbacks.forget(peer)?.state, 5);
  calls[0]!.answer(timeout);
  await settle();
  assertEquals(callbacks.pending, 0);
  clock.advance(60_000);
  await settle();
  assertEquals([calls.length, log.lines], [1, []]);
});

Deno.test(
  "lockManagerFinder() looks for UDP first, or for TCP where that is preferred",
  pure,
  async () => {
    const asked: string[] = [];
    const ports: Record<string, number> = { udp: 4045, tcp: 4046 };
    const callPeer: CallPeer = {
      call(_program, _name, _args, _to, transport) {
        asked.push(transport);
        return Promise.resolve(ports[transport] as never);
      },
    };
    const isTcp = { preferred: false };
    const find = lockManagerFinder(callPeer, () => isTcp.preferred);
    assertEquals(await find(100021, 3, 0), { address: "127.0.0.1", port: 4045, transport: "udp" });
    isTcp.preferred = true;
    assertEquals((await find(100021, 3, 0))?.transport, "tcp");
    assertEquals((await find(100021, 3, 1))?.transport, "udp");
    ports.udp = 0;
    assertEquals((await find(100021, 3, 1))?.transport, "tcp");
    ports.tcp = 0;
    assertEquals(await find(100021, 3, 0), undefined);
    assertEquals(asked, ["udp", "tcp", "udp", "udp", "tcp", "tcp", "udp"]);
  },
);

Deno.test(
  "many failed callbacks are retried in order, after news, with a few log lines",
  pure,
  async () => {
    const { callbacks, calls, clock, log, state } = setUp();
    const peers = Array.from({ length: 500 }, (_, i) => monitored(`n${i}`));
    const found = state.lockManager;
    state.lockManager = undefined;
    for (const peer of peers) callbacks.add(peer, 5);
    await clock.run(500);
    assertEquals([callbacks.pending, log.of("warning").length], [500, STRANGERS_LIMITS.lines]);
    // One timer for all callbacks, and that of the log.
    assertEquals(clock.pending, 2);
    state.lockManager = found;
    callbacks.forget(peers[3]!);
    callbacks.add(monitored("news"), 5);
    await clock.run(1_000);
    for (let i = 0; i < calls.length; i++) {
      calls[i]!.answer();
      await settle();
    }
    assertEquals(callbacks.pending, 0);
    const told = calls.map(({ args }) => args.mon_name);
    assertEquals(
      told,
      ["news", ...peers.keys()].filter((i) => i !== 3).map((i) => i === "news" ? i : `n${i}`),
    );
  },
);

Deno.test("a newer state takes the place of the retry of an earlier one", pure, async () => {
  const { callbacks, calls, clock } = setUp();
  const peer = monitored("a");
  callbacks.add(peer, 5);
  await settle();
  // No room is left for the newer state when it comes.
  for (let other = 0; other < 63; other++) callbacks.add(monitored(`other${other}`), 1);
  await settle();
  callbacks.add(peer, 7);
  await settle();
  assertEquals(calls.length, 64);
  calls[0]!.answer(timeout);
  await settle();
  calls[1]!.answer();
  await clock.run(2_000);
  const states = calls.filter(({ args }) => args.mon_name === "a").map(({ args }) => args.state);
  assertEquals(states, [5, 7]);
});

Deno.test(
  "a state that waits is told before the one that the lock manager was told last comes again",
  pure,
  async () => {
    for (const isInFlight of [true, false]) {
      const { callbacks, calls, clock } = setUp();
      const peer = monitored("a");
      const answer = async (fault?: Error) => {
        calls.at(-1)!.answer(fault);
        await settle();
      };
      callbacks.add(peer, 5);
      await settle();
      await answer();
      callbacks.add(peer, 7);
      if (!isInFlight) await answer(timeout);
      callbacks.add(peer, 5);
      if (isInFlight) await answer(timeout);
      assertEquals(statesOf(calls), [5, 7]);
      await clock.run(2_000);
      await answer();
      assertEquals(statesOf(calls), [5, 7, 7, 5]);
      await answer();
      assertEquals(callbacks.pending, 0);
      // A state that the lock manager does not ignore takes the place of both.
      callbacks.add(peer, 7);
      await answer(timeout);
      callbacks.add(peer, 5);
      callbacks.add(peer, 9);
      await clock.run(2_000);
      assertEquals(statesOf(calls).at(-1), 9);
    }
  },
);

Deno.test(
  "a state that waits is told before one that the lock manager may have been told last",
  pure,
  async () => {
    for (const isOfEarlierRun of [true, false]) {
      const { callbacks, calls, clock } = setUp();
      const peer = monitored("a");
      if (isOfEarlierRun) {
        peer.told = new ToldStates([7, 9]);
        callbacks.add(peer, 9);
      } else {
        callbacks.add(peer, 7);
        await settle();
        calls.at(-1)!.answer(timeout); // it may have arrived
        await settle();
        callbacks.add(peer, 9);
      }
      await settle();
      calls.at(-1)!.answer(timeout);
      await settle();
      assertEquals(callbacks.add(peer, 7), 9);
      await clock.run(4_000);
      for (let i = 0; i < 2; i++) {
        calls.at(-1)!.answer();
        await settle();
      }
      assertEquals(statesOf(calls).slice(-2), [9, 7]);
      assertEquals(callbacks.pending, 0);
    }
  },
);

Deno.test(
  "a state is told behind another if their calls were in flight together, whoever answered last",
  pure,
  async () => {
    for (const isOtherWaiting of [true, false]) {
      const { callbacks, calls, clock } = setUp();
      const peer = monitored("a");
      const answer = async (number: number, fault?: Error) => {
        calls.at(number)!.answer(fault);
        await settle();
      };
      for (const state of [7, 5]) {
        callbacks.add(peer, state);
        await settle();
      }
      for (const number of [0, 1]) await answer(number);
      assertEquals([statesOf(calls), callbacks.pending], [[7, 5], 0]);
      if (isOtherWaiting) {
        callbacks.add(peer, 9);
        await settle();
        await answer(-1, timeout);
      }
      const before = isOtherWaiting ? 9 : 5;
      assertEquals(callbacks.add(peer, 7), before);
      await clock.run(2_000);
      await answer(-1);
      await answer(-1);
      assertEquals([statesOf(calls).slice(-2), callbacks.pending], [[before, 7], 0]);
      // The answer to a call that crossed no other leaves no doubt.
      assertEquals([callbacks.add(peer, 5), peer.told?.all], [undefined, [7, 5]]);
    }
  },
);
