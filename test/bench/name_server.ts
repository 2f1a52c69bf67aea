/**
 * The name server of the bench's hosts, as quick as one can be that has to be asked. It knows the hosts
 * where they have names, and nothing else.
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
/** Longer than any measurement, in ms: a name server that nobody asks is to rest. */
const WAIT_MS = 24 * 3600 * 1000;
/** Offsets in a message: flags, number of answers, first question. */
const FLAGS = 2;
const ANSWERS = 6;
const QUESTION = 12;
/** A response with what there is of the kind asked for, and one that says that there is no such name. */
const NO_ERROR = [0x81, 0x80];
const NAME_ERROR = [0x81, 0x83];
/** Recursion is desired, and there is one question. */
const QUERY_HEADER = [0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const TYPE_A = 1;
const TYPE_PTR = 12;
const CLASS_IN = [0, 1];
/** An answer begins with a reference to the name in the question. */
const SAME_NAME = [0xc0, QUESTION];
/** In seconds; nobody keeps it. */
const LIFETIME = [0, 0, 0, 60];

/** Says `ready`, and answers every query. */
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
  // What follows the question, as EDNS, goes.
  const end = at + 5;
  const record = [...SAME_NAME, 0, type, ...CLASS_IN, ...LIFETIME, 0, data.length, ...data];
  message.set(record, end);
  message.fill(0, ANSWERS + 2, QUESTION);
  return message.subarray(0, end + record.length);
}

/** What is known of a name; undefined where there is no such name. */
function known(labels: readonly string[], type: number): readonly number[] | undefined {
  const isReverse = labels.at(-1) === "arpa";
  const bytes = labels.slice(0, 4).map(Number).reverse();
  const number = isReverse ? hostNumberAt(bytes) : hostNumber(labels.join("."));
  if (number === undefined || !naming.haveNames) return undefined;
  if (isReverse) return type === TYPE_PTR ? encodedName(hostName(number)) : [];
  return type === TYPE_A ? hostAddress(number).split(".").map(Number) : [];
}

/** The time from a query to its answer. */
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

/** A name as a message has it. */
function encodedName(name: string): number[] {
  const labels = [...name.split("."), ""];
  return labels.flatMap((label) => [label.length, ...new TextEncoder().encode(label)]);
}
