/**
 * The name server of the bench's hosts, as quick as one can be that has to be asked: no name exists.
 *
 * Source: RFC 1035 section 4 (messages).
 */

import { BlockingSocket } from "./blocking_sockets.ts";
import { type Figures, hostName, median } from "./generator_orders.ts";

const ADDRESS = "127.0.0.1";
const PORT = 53;
/** Longer than any measurement, in ms: a name server that nobody asks is to rest. */
const WAIT_MS = 24 * 3600 * 1000;
/** Offset of the flags in a message; this one says that it is a response, and that there is no such name. */
const FLAGS = 2;
const NAME_ERROR = [0x81, 0x83];
/** Recursion is desired, and there is one question. */
const QUERY_HEADER = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
/** PTR, IN. */
const QUESTION_TYPE = [0, 12, 0, 1];

/** Says `ready`, and answers every query. */
export function serveNames(): never {
  const socket = BlockingSocket.udp(ADDRESS, PORT, WAIT_MS);
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  for (;;) {
    const length = socket.receiveFrom();
    if (length < QUERY_HEADER.length) continue;
    socket.buffer.set(NAME_ERROR, FLAGS);
    socket.reply(socket.buffer.subarray(0, length));
  }
}

/** The time from a query to its answer. */
export function measureNameServer(ms: number): Figures {
  const socket = BlockingSocket.udp();
  socket.connect(ADDRESS, PORT);
  const query = new Uint8Array([...QUERY_HEADER, ...reverseName(hostName(0)), ...QUESTION_TYPE]);
  const taken: number[] = [];
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const since = performance.now();
    socket.send(query);
    if (socket.receive() <= 0) throw new Error("The name server does not answer");
    taken.push(performance.now() - since);
  }
  return { medianMs: median(taken) };
}

/** The name that stands for an address, as a message has it. */
function reverseName(address: string): number[] {
  const labels = [...address.split(".").reverse(), "in-addr", "arpa", ""];
  return labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
}
