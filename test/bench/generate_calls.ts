/** Maximum call rate, with a fixed number of calls in flight. */

import { toRecord } from "../../lib/rpc/record.ts";
import { BlockingSocket } from "./blocking_sockets.ts";
import type { Figures, Order } from "./generator_orders.ts";
import { getPortCall, type Message, nullCall, renew, statCall } from "./messages.ts";

type CallsOrder = Extract<Order, { do: "calls" }>;

const CALLS = { SM_NULL: nullCall, SM_STAT: statCall, PMAPPROC_GETPORT: getPortCall };

/** Measures the rate of one procedure. */
export function callRate(order: CallsOrder): Figures {
  const call = CALLS[order.procedure]();
  return order.transport === "udp" ? overUdp(order, call) : overTcp(order, call);
}

function overUdp({ port, outstanding, ms }: CallsOrder, call: Message): Figures {
  const socket = BlockingSocket.udp();
  socket.connect("127.0.0.1", port);
  const send = () => {
    renew(call);
    socket.send(call);
  };
  const sendAll = () => {
    for (let i = 0; i < outstanding; i++) send();
  };
  let [calls, lost] = [0, 0];
  const since = performance.now();
  const end = since + ms;
  sendAll();
  while (performance.now() < end) {
    if (socket.receive() > 0) {
      calls++;
      send();
    } else {
      lost += outstanding;
      sendAll();
    }
  }
  return { calls, lost, rate: calls / (performance.now() - since) * 1000 };
}

function overTcp({ port, outstanding, ms }: CallsOrder, call: Message): Figures {
  const socket = BlockingSocket.tcp("127.0.0.1", port);
  const record = toRecord(call);
  const batch = new Uint8Array(outstanding * record.length);
  for (let i = 0; i < outstanding; i++) batch.set(record, i * record.length);
  const headerBytes = 4;
  let [calls, replyBytes, pending] = [0, 0, 0];
  const since = performance.now();
  const end = since + ms;
  socket.send(batch);
  while (performance.now() < end) {
    const length = socket.receive();
    if (length <= 0) throw new Error("The connection was closed, or is silent");
    if (replyBytes === 0) {
      replyBytes = headerBytes + (socket.buffer[2]! << 8 | socket.buffer[3]!);
    }
    pending += length;
    const answered = Math.trunc(pending / replyBytes);
    pending -= answered * replyBytes;
    calls += answered;
    if (answered > 0) socket.send(batch.subarray(0, answered * record.length));
  }
  return { calls, lost: 0, rate: calls / (performance.now() - since) * 1000 };
}
