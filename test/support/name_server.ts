/**
 * Name server over UDP with a few IPv4 addresses, for a network namespace:
 *
 *     deno run -A name_server.ts 127.0.0.54 peer.example=10.98.0.2
 *
 * Prints `ready` once it answers. All other names do not exist.
 *
 * Source: RFC 1035 section 4 (messages).
 */

const PORT = 53;
const HEADER_BYTES = 12;
const [TYPE_A, CLASS_IN] = [1, 1];
const RESPONSE = 0x8180; // recursion was desired, and is available
const NAME_ERROR = 3;
/** Pointer to the name in the question. */
const SAME_NAME = 0xc000 | HEADER_BYTES;

/** Name in a question, and the offset behind it. */
function nameIn(query: Uint8Array): { name: string; end: number } {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (let length = query[at++]!; length > 0; length = query[at++]!) {
    labels.push(new TextDecoder().decode(query.subarray(at, at += length)));
  }
  return { name: labels.join(".").toLowerCase(), end: at };
}

/** Response to a query with one question. */
function respond(query: Uint8Array, known: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  const { name, end } = nameIn(query);
  const address = known.get(name);
  const isAsked = query[end + 1] === TYPE_A;
  const answer = address === undefined || !isAsked ? [] : [
    ...[SAME_NAME, TYPE_A, CLASS_IN, 0, 0, 4].flatMap((word) => [word >> 8, word & 0xff]),
    ...address.split(".").map(Number),
  ];
  const flags = address === undefined ? RESPONSE | NAME_ERROR : RESPONSE;
  const counts = [0, 1, 0, answer.length > 0 ? 1 : 0, 0, 0, 0, 0];
  const question = query.subarray(HEADER_BYTES, end + 4);
  return new Uint8Array([
    ...query.subarray(0, 2),
    ...[flags >> 8, flags & 0xff],
    ...counts,
    ...question,
    ...answer,
  ]);
}

if (import.meta.main) {
  const [hostname, ...entries] = Deno.args;
  const known = new Map(entries.map((entry) => entry.split("=") as [string, string]));
  const socket = Deno.listenDatagram({ transport: "udp", hostname: hostname!, port: PORT });
  Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  for await (const [query, from] of socket) await socket.send(respond(query, known), from);
}
