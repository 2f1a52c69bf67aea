/**
 * Name server of the benchmark's hosts, with minimal latency. If the hosts have names, it knows
 * only these names.
 *
 * Source: RFC 1035 section 4 (messages).
 */

import { BlockingSocket } from "./blocking_sockets.ts";
import {
  type Figures,
  hostAddress,
  hostName,
  hostNumber,
  hostNumberAt,
  median,
  naming,
} from "./generator_orders.ts";

const ADDRESS = "127.0.0.1";
const PORT = 53;
/**
 * Timeout of an idle wait, in ms. It is longer than any measurement, so that an idle name server
 * uses no CPU time.
 */
const WAIT_MS = 24 * 3600 * 1000;
/** Offsets in a message: flags, number of answers, first question. */
const FLAGS = 2;
const ANSWERS = 6;
const QUESTION = 12;
/** Flags of a response with answers, and of one for an unknown name. */
const NO_ERROR = [0x81, 0x80];
const NAME_ERROR = [0x81, 0x83];
/** Header of a query: recursion desired, one question. */
const QUERY_HEADER = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const TYPE_A = 1;
const TYPE_PTR = 12;
const CLASS_IN = [0, 1];
/** Beginning of an answer: a pointer to the name in the question. */
const SAME_NAME = [0xc0, QUESTION];
/** TTL in seconds. */
const LIFETIME = [0, 0, 0, 60];

/** Prints `ready`, and answers every query. */
export function serveNames(): never {
  const socket = BlockingSocket.udp(ADDRESS, PORT, WAIT_MS);
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  for (;;) {
    const length = socket.receiveFrom();
    if (length <= QUESTION) continue;
    socket.reply(answer(socket.buffer, length));
  }
}

/** Turns a query into its answer. */
function answer(message: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const labels: string[] = [];
  let at = QUESTION;
  for (; message[at]! > 0; at += 1 + message[at]!) {
    labels.push(String.fromCharCode(...message.subarray(at + 1, at + 1 + message[at]!)));
  }
  const type = message[at + 2]!;
  const data = known(labels, type);
  message.set(data === undefined ? NAME_ERROR : NO_ERROR, FLAGS);
  if (data === undefined || data.length === 0) return message.subarray(0, length);
  message[ANSWERS + 1] = 1;
  // Drops what follows the question, such as EDNS.
  const end = at + 5;
  const record = [...SAME_NAME, 0, type, ...CLASS_IN, ...LIFETIME, 0, data.length, ...data];
  message.set(record, end);
  message.fill(0, ANSWERS + 2, QUESTION);
  return message.subarray(0, end + record.length);
}

/** Record data of a name; undefined for an unknown name. */
function known(labels: readonly string[], type: number): readonly number[] | undefined {
  const isReverse = labels.at(-1) === "arpa";
  const bytes = labels.slice(0, 4).map(Number).reverse();
  const number = isReverse ? hostNumberAt(bytes) : hostNumber(labels.join("."));
  if (number === undefined || !naming.haveNames) return undefined;
  if (isReverse) return type === TYPE_PTR ? encodedName(hostName(number)) : [];
  return type === TYPE_A ? hostAddress(number).split(".").map(Number) : [];
}

/** Time from a query to its answer. */
export function measureNameServer(ms: number): Figures {
  const socket = BlockingSocket.udp();
  socket.connect(ADDRESS, PORT);
  const reverse = `${hostAddress(0).split(".").reverse().join(".")}.in-addr.arpa`;
  const query = new Uint8Array([
    ...QUERY_HEADER,
    ...encodedName(reverse),
    0,
    TYPE_PTR,
    ...CLASS_IN,
  ]);
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

/** Name as encoded in a message. */
function encodedName(name: string): number[] {
  const labels = [...name.split("."), ""];
  return labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
}
