import { assert, assertEquals } from "@std/assert";
import type { FedProgram } from "../../lib/platform/fed_program.ts";
import { EventProgram } from "../../lib/statd/event_program.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

/** Turns of the microtask queue after which all code waits. */
const PROMISE_TURNS = 50;
const pure = { permissions: "none" } as const;

/** Program that reads at the request of the test. */
class Taker implements FedProgram {
  readonly lines: string[] = [];
  isFinished = false;
  isKilled = false;
  readonly #ended = Promise.withResolvers<string>();
  #waiting: { text: string; settle: PromiseWithResolvers<void> } | undefined;

  constructor(readonly isQuick: boolean) {}

  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  write(text: string): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#waiting = { text, settle };
    if (this.isQuick) this.take();
    return settle.promise;
  }

  take(): void {
    const { text, settle } = this.#waiting!;
    this.#waiting = undefined;
    this.lines.push(...text.trimEnd().split("\n"));
    settle.resolve();
  }

  breakPipe(): void {
    this.#waiting!.settle.reject(new Error("Broken pipe (os error 32)"));
  }

  end(how: string): void {
    this.#ended.resolve(how);
  }

  finish(): void {
    this.isFinished = true;
  }

  kill(): void {
    this.isKilled = true;
    this.end("was ended by SIGKILL");
  }
}

function setUp(isQuick: boolean) {
  const clock = new FakeClock();
  const log = new RecordingLog();
  const takers: Taker[] = [];
  const program = new EventProgram("/run/events", {
    clock,
    log,
    start() {
      takers.push(new Taker(isQuick));
      return takers.at(-1)!;
    },
  });
  const settled = async () => {
    for (let turn = 0; turn < PROMISE_TURNS; turn++) await undefined;
  };
  return { clock, log, takers, program, settled };
}

Deno.test("22: events arrive as lines of JSON, in order", pure, async () => {
  const { program, takers, settled } = setUp(true);
  program.note({ event: "monitored", peer: "nodeb", by: "here" });
  await settled();
  program.note({ event: "identityLost", identity: "vip1", reason: "b has taken it" });
  await settled();
  assertEquals(takers.flatMap(({ lines }) => lines), [
    '{"at":"2024-01-01T00:00:00.000Z","program":"rpc.statd","event":"monitored","peer":"nodeb","by":"here"}',
    '{"at":"2024-01-01T00:00:00.000Z","program":"rpc.statd","event":"identityLost","identity":"vip1","reason":"b has taken it"}',
  ]);
  await program.close();
  assertEquals([takers[0]!.isFinished, takers[0]!.isKilled], [true, false]);
});

Deno.test(
  "22: a program that does not read fills a queue, and is told how many events it has missed",
  pure,
  async () => {
    const { program, takers, settled } = setUp(false);
    for (let i = 0; i < 3_000; i++) program.note({ event: "told", peer: `p${i}` });
    await settled();
    // Events before the first write, up to the limit: 100 of them are being written.
    assertEquals(program.dropped, 2_000);
    for (let i = 0; i < 10; i++) {
      takers[0]!.take();
      await settled();
    }
    program.note({ event: "told", peer: "last" });
    await settled();
    takers[0]!.take();
    await settled();
    const lines = takers[0]!.lines.map((line) => JSON.parse(line));
    assertEquals(lines.filter(({ event }) => event === "omitted").map(({ count }) => count), [
      2_000,
    ]);
    assertEquals(lines.filter(({ event }) => event === "told").length, 1_001);
    await program.close();
  },
);

Deno.test(
  "22: a program that ends or closes its input is restarted with back-off",
  pure,
  async () => {
    const { program, takers, clock, log, settled } = setUp(false);
    program.note({ event: "started" });
    await settled();
    takers[0]!.end("ended with status 3");
    await settled();
    assertEquals(log.lines, [
      'warning: Program for events "/run/events" ended with status 3; it is started again in 1 s',
    ]);
    assertEquals([program.dropped, takers.length], [1, 1]);
    clock.advance(1_000);
    await settled();
    assertEquals(takers.length, 2);
    program.note({ event: "stopped" });
    await settled();
    takers[1]!.breakPipe();
    await settled();
    assert(takers[1]!.isKilled);
    assertEquals(program.dropped, 2);
    clock.advance(1_999);
    await settled();
    assertEquals(takers.length, 2);
    clock.advance(1);
    await settled();
    assertEquals(takers.length, 3);
    program.note({ event: "told", peer: "nodeb" });
    await settled();
    takers[2]!.take();
    assertEquals(JSON.parse(takers[2]!.lines[0]!), {
      at: "2024-01-01T00:00:03.000Z",
      program: "rpc.statd",
      event: "omitted",
      count: 2,
    });
    await program.close();
  },
);

Deno.test("22: the end of the daemon waits half a second at most", pure, async () => {
  const { program, takers, clock, settled } = setUp(false);
  program.note({ event: "stopped" });
  await settled();
  const closing = program.close();
  await settled();
  clock.advance(500);
  await closing;
  assert(takers[0]!.isKilled);
  program.note({ event: "stopped" });
  assertEquals(program.dropped, 0);
});
