/**
 * Strangers beside a lock manager, in a host: connections that send a byte at a time, floods of
 * datagrams, and timed SM_MON and SM_UNMON over loopback. Prints percentiles.
 */

import { BlockingSocket } from "./blocking_sockets.ts";
import { getPortCall, type Message, monCall, notifyCall, nullCall, unmonCall } from "./messages.ts";

/** Procedure to be measured. */
type Procedure = "SM_NULL" | "SM_MON" | "PMAPPROC_GETPORT";

/** Order of a process, as JSON in its first argument. */
export type HostileOrder =
  | { do: "measure"; port: number; calls: number; procedure?: Procedure }
  | { do: "drip"; port: number; address: string; connections: number }
  | { do: "flood"; port: number; address: string; perSecond: number };

/** Longest wait for a reply, in ms; a slower reply counts as this long, and as unanswered. */
const ANSWER_MAX_MS = 1_000;
/** Time limit for all calls, in ms, in case the monitor answers no more. */
const MEASURE_MAX_MS = 30_000;
/** Pause between two bytes of a connection, in ms. */
const DRIP_MS = 100;
/** Length of a burst, in ms of the flood's rate. */
const BURST_MS = 10;

/** Times of a procedure, in ms; SM_MON stands for SM_MON and SM_UNMON alternately. */
function measure(
  { port, calls, procedure = "SM_MON" }: HostileOrder & { do: "measure" },
): { p50: number; p99: number; lost: number } {
  const socket = BlockingSocket.udp("127.0.0.1", 0, ANSWER_MAX_MS);
  socket.connect("127.0.0.1", port);
  const times: number[] = [];
  let lost = 0;
  const end = performance.now() + MEASURE_MAX_MS;
  for (let i = 0; i < calls && performance.now() < end; i++) {
    const since = performance.now();
    socket.send(callOf(procedure, i));
    if (socket.receive() <= 0) lost++;
    times.push(performance.now() - since);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) =>
    times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  return { p50: at(0.5), p99: at(0.99), lost };
}

function callOf(procedure: Procedure, i: number): Message {
  if (procedure === "PMAPPROC_GETPORT") return getPortCall();
  if (procedure === "SM_NULL") return nullCall();
  return i % 2 === 0 ? monCall(i) : unmonCall(i - 1);
}

/** Keeps connections open, reconnects closed ones, and sends single bytes. */
async function drip(address: string, port: number, connections: number): Promise<never> {
  const one = async () => {
    for (;;) {
      try {
        using connection = await Deno.connect({ hostname: address, port });
        for (;;) {
          await connection.write(Uint8Array.of(0));
          await new Promise((resolve) => setTimeout(resolve, DRIP_MS));
        }
      } catch {
        await new Promise((resolve) => setTimeout(resolve, DRIP_MS));
      }
    }
  };
  for (let i = 0; i < connections; i++) void one();
  return await new Promise<never>(() => {});
}

async function flood(address: string, port: number, perSecond: number): Promise<never> {
  const socket = BlockingSocket.udp(address, 0, 1);
  socket.connect(address, port);
  const burst = Math.max(1, Math.round(perSecond * BURST_MS / 1000));
  for (let state = 1;; state += 2) {
    for (let i = 0; i < burst; i++) socket.send(notifyCall(i, state));
    while (socket.receive(false) > 0);
    await new Promise((resolve) => setTimeout(resolve, BURST_MS));
  }
}

if (import.meta.main) {
  const order = JSON.parse(Deno.args[0]!) as HostileOrder;
  if (order.do === "drip") await drip(order.address, order.port, order.connections);
  else if (order.do === "flood") await flood(order.address, order.port, order.perSecond);
  else {
    const text = JSON.stringify(measure(order));
    Deno.stdout.writeSync(new TextEncoder().encode(text));
    Deno.exit(0);
  }
}
