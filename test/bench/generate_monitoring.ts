/**
 * SM_MON of new hosts and SM_UNMON of the oldest ones, alternately, so that the list keeps its
 * length. After each answer, and outside of the measured time, the state directory has to show what
 * was acknowledged.
 */

import { STATE_DIRECTORY } from "../support/namespace.ts";
import { BlockingSocket } from "./blocking_sockets.ts";
import { type Figures, hostName, median, type Order } from "./generator_orders.ts";
import { type Message, monCall, unmonCall, xidOf } from "./messages.ts";

type MonitorOrder = Extract<Order, { do: "monitor" }>;

/** Time limit of a call, in ms: nfs-utils takes seconds for each caller to compare 50,000 hosts. */
const ANSWER_MAX_MS = 120_000;

/** Rates of both procedures, from the median time of a round. */
export function monitorRates(order: MonitorOrder): Figures {
  const { port, first, hosts, callers, rounds, ms } = order;
  const socket = BlockingSocket.udp("127.0.0.1", 0, ANSWER_MAX_MS);
  socket.connect("127.0.0.1", port);
  const [monitored, unmonitored]: [number[], number[]] = [[], []];
  const end = performance.now() + ms;
  for (let round = 0; round < rounds; round++) {
    if (round > 0 && performance.now() > end) break;
    const [mons, unmons]: [Message[], Message[]] = [[], []];
    for (let i = 0; i < callers; i++) {
      const oldest = first + round * callers + i;
      mons.push(monCall(oldest + hosts));
      unmons.push(unmonCall(oldest));
    }
    monitored.push(callAll(socket, mons));
    const oldest = first + round * callers;
    for (let i = 0; i < callers; i++) checkRecord(hostName(oldest + hosts + i), true);
    unmonitored.push(callAll(socket, unmons));
    for (let i = 0; i < callers; i++) checkRecord(hostName(oldest + i), false);
  }
  return {
    mon: callers / median(monitored) * 1000,
    unmon: callers / median(unmonitored) * 1000,
    rounds: monitored.length,
  };
}

/** Time until all calls are answered, in ms. */
function callAll(socket: BlockingSocket, calls: readonly Message[]): number {
  const open = new Set(calls.map(xidOf));
  const since = performance.now();
  for (const call of calls) socket.send(call);
  while (open.size > 0) {
    if (socket.receive() <= 0) throw new Error(`${open.size} calls have no answer`);
    open.delete(xidOf(socket.buffer));
  }
  return performance.now() - since;
}

/** Fails unless a host has a record, or has none: a fast answer counts only if it is true. */
function checkRecord(host: string, isExpected: boolean): void {
  let length = 0;
  try {
    length = Deno.statSync(`${STATE_DIRECTORY}/sm/${host}`).size;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  if (length > 0 === isExpected) return;
  const call = isExpected ? "SM_MON" : "SM_UNMON";
  throw new Error(`${call} of ${host} was answered, and its record has ${length} bytes`);
}
