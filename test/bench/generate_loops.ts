/**
 * Both sides of loops_bench.ts: a lock manager that probes every few milliseconds and measures, and
 * a sender of one call.
 */

import { BlockingSocket } from "./blocking_sockets.ts";
import { nullCall } from "./messages.ts";

/** Order of a process, as JSON in its first argument. */
export type LoopOrder =
  /**
   * Probes with SM_NULL over loopback until standard input ends; prints `ready` first and figures
   * last. The call `beside` is made as well, and its duration printed. One process does both: the
   * start of a second process on this processor would count as a delay of the monitor.
   */
  | { do: "probe"; port: number; pid: number; beside?: OneCall }
  /** Sends a call, and waits for the reply. */
  | ({ do: "call"; port: number } & OneCall);

/** A call as hex digits: destination, source, and longest wait for the reply. */
export interface OneCall {
  readonly address: string;
  readonly from: string;
  readonly call: string;
  readonly waitMs: number;
}

/**
 * Wait for one reply, without the time that the probe itself waited for a processor: a reply that
 * has arrived is no work of the monitor. All times in ms.
 */
export interface Wait {
  readonly ms: number;
  /** CPU time of the monitor during the wait. */
  readonly ran: number;
  /** Time that the monitor waited for a processor, which other programs had. */
  readonly queued: number;
}

/** Waits for SM_NULL. */
export interface ProbeFigures {
  readonly calls: number;
  readonly longest: Wait;
  /** Median, in ms. */
  readonly p50: number;
}

/** Interval between probes, in ms. */
const PROBE_MS = 5;
/** Probes before the other call is made. */
const WARM_UP = 100;
const NS_PER_MS = 1_000_000;

async function probe(port: number, pid: number, beside?: OneCall): Promise<ProbeFigures> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
  const waits: Wait[] = [];
  let isOver = false;
  void Deno.stdin.read(new Uint8Array(1)).then(() => isOver = true);
  const buffer = new Uint8Array(256);
  while (!isOver) {
    if (waits.length === WARM_UP && beside !== undefined) void makeBeside(port, beside);
    const [monitorBefore, ownBefore] = [scheduled(pid), scheduled(Deno.pid)];
    const since = performance.now();
    await socket.send(nullCall(), to);
    await socket.receive(buffer);
    const took = performance.now() - since;
    const [monitor, own] = [scheduled(pid), scheduled(Deno.pid)];
    waits.push({
      ms: Math.max(0, took - (own.queued - ownBefore.queued)),
      ran: monitor.ran - monitorBefore.ran,
      queued: monitor.queued - monitorBefore.queued,
    });
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, PROBE_MS - took)));
  }
  socket.close();
  waits.sort((a, b) => a.ms - b.ms);
  return { calls: waits.length, longest: waits.at(-1)!, p50: waits[waits.length >> 1]!.ms };
}

/**
 * CPU time of a process's main thread, and the time that it waited for a processor, in ms.
 * Source: proc(5), /proc/PID/schedstat.
 */
function scheduled(pid: number): Pick<Wait, "ran" | "queued"> {
  const [ran, queued] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
  return { ran: Number(ran) / NS_PER_MS, queued: Number(queued) / NS_PER_MS };
}

/** Makes a call without delaying the probes; prints its duration, or nothing without a reply. */
async function makeBeside(port: number, { address, from, call }: OneCall): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: from, port: 0 });
  const since = performance.now();
  await socket.send(Uint8Array.fromHex(call), { transport: "udp", hostname: address, port });
  await socket.receive();
  socket.close();
  say(`answered after ${(performance.now() - since).toFixed(0)} ms`);
}

function call({ port, address, from, call, waitMs }: LoopOrder & { do: "call" }): number {
  const socket = BlockingSocket.udp(from, 0, waitMs);
  socket.connect(address, port);
  const since = performance.now();
  socket.send(Uint8Array.fromHex(call));
  return socket.receive() > 0 ? performance.now() - since : -1;
}

function say(value: unknown): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
}

if (import.meta.main) {
  const order = JSON.parse(Deno.args[0]!) as LoopOrder;
  if (order.do === "probe") {
    say("ready");
    say(await probe(order.port, order.pid, order.beside));
  } else say(call(order));
  Deno.exit(0);
}
