/**
 * The two ends of loops_bench.ts: a lock manager that asks every few milliseconds and takes the time, and
 * somebody who sends one call.
 */

import { BlockingSocket } from "./blocking_sockets.ts";
import { nullCall } from "./messages.ts";

/** What one process is to do, as JSON in its first argument. */
export type LoopOrder =
  /** Asks SM_NULL of loopback until its standard input ends; says `ready` first, and its figures last. */
  | { do: "probe"; port: number }
  /** Sends a call in hex, and waits for the reply. */
  | { do: "call"; port: number; address: string; from: string; call: string; waitMs: number };

/** Times of SM_NULL, in ms. */
export interface ProbeFigures {
  readonly calls: number;
  readonly longest: number;
  readonly p50: number;
}

/** Between two calls, in ms. */
const PROBE_MS = 5;

async function probe(port: number): Promise<ProbeFigures> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
  const times: number[] = [];
  let isOver = false;
  void Deno.stdin.read(new Uint8Array(1)).then(() => isOver = true);
  const buffer = new Uint8Array(256);
  while (!isOver) {
    const since = performance.now();
    await socket.send(nullCall(), to);
    await socket.receive(buffer);
    const took = performance.now() - since;
    times.push(took);
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, PROBE_MS - took)));
  }
  socket.close();
  times.sort((a, b) => a - b);
  return { calls: times.length, longest: times.at(-1)!, p50: times[times.length >> 1]! };
}

function call({ port, address, from, call, waitMs }: LoopOrder & { do: "call" }): number {
  const socket = BlockingSocket.udp(from, 0, waitMs);
  socket.connect(address, port);
  const since = performance.now();
  socket.send(Uint8Array.fromHex(call));
  return socket.receive() > 0 ? performance.now() - since : -1;
}

if (import.meta.main) {
  const order = JSON.parse(Deno.args[0]!) as LoopOrder;
  const say = (value: unknown) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(value)}\n`));
  if (order.do === "probe") {
    say("ready");
    say(await probe(order.port));
  } else say(call(order));
  Deno.exit(0);
}
