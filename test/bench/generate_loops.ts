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

/** Times of SM_NULL, in ms. */
export interface ProbeFigures {
  readonly calls: number;
  readonly longest: number;
  readonly p50: number;
  /** Longest CPU time of the monitor during one call: the wait on an idle machine. */
  readonly busiest: number;
}

/** Interval between probes, in ms. */
const PROBE_MS = 5;
/** Probes before the other call is made. */
const WARM_UP = 100;

async function probe(port: number, pid: number, beside?: OneCall): Promise<ProbeFigures> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
  const times: number[] = [];
  let busiest = 0;
  let isOver = false;
  void Deno.stdin.read(new Uint8Array(1)).then(() => isOver = true);
  const buffer = new Uint8Array(256);
  while (!isOver) {
    if (times.length === WARM_UP && beside !== undefined) void makeBeside(port, beside);
    const usedBefore = processorMs(pid);
    const since = performance.now();
    await socket.send(nullCall(), to);
    await socket.receive(buffer);
    const took = performance.now() - since;
    busiest = Math.max(busiest, processorMs(pid) - usedBefore);
    times.push(took);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, PROBE_MS - took)));
  }
  socket.close();
  times.sort((a, b) => a - b);
  return { calls: times.length, longest: times.at(-1)!, p50: times[times.length >> 1]!, busiest };
}

/** CPU time of a process's main thread, in ms. Source: proc(5), /proc/PID/schedstat. */
function processorMs(pid: number): number {
  const [ns] = Deno.readTextFileSync(`/proc/${pid}/schedstat`).split(" ");
  return Number(ns) / 1_000_000;
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
