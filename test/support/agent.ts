/**
 * Agent: the part of a test that runs inside a host. It sends calls from given addresses and ports,
 * and plays servers such as a lock manager. Orders arrive on stdin and answers leave on stdout, as
 * declared in agent_orders.ts.
 */

import { connect } from "node:net";
import type { Endpoint } from "../../lib/rpc/transport.ts";
import type { Answer, Called, Conduct, Order, Source } from "./agent_orders.ts";

type OrderTo<W extends Order["do"]> = Extract<Order, { do: W }>;
type AnswerTo<W extends Answer["answers"]> = Extract<Answer, { answers: W }>;

const BUFFER_BYTES = 65_536;

/** Reply messages without the xid, written out by hand: no code under test encodes them. */
const REPLIES: Readonly<Record<Conduct, string | undefined>> = {
  "success": "00000001000000000000000000000000" + "00000000",
  "silent": undefined,
  "system error": "00000001000000000000000000000000" + "00000005",
  "denied": "00000001000000010000000100000005", // AUTH_ERROR, AUTH_TOOWEAK
};

const RPCBIND: Endpoint = { address: "127.0.0.1", port: 111 };
/** Reserved source port, since rpcbind lets only reserved ports register; hardly ever in use. */
const OWN_PORT = 1000;
const PMAPPROC_SET = 1;
const PMAPPROC_UNSET = 2;
const IPPROTO_UDP = 17;

function say(line: Answer | Called): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
}

function openSocket({ address, port = 0 }: Source, to: Endpoint): Deno.DatagramConn {
  const hostname = address ?? (to.address.includes(":") ? "::1" : "127.0.0.1");
  return Deno.listenDatagram({ transport: "udp", hostname, port });
}

function netAddress({ address, port }: Endpoint): Deno.NetAddr {
  return { transport: "udp", hostname: address, port };
}

function endpoint(address: Deno.Addr): Endpoint {
  const { hostname, port } = address as Deno.NetAddr;
  return { address: hostname, port };
}

function xidOf(message: Uint8Array): string {
  return message.subarray(0, 4).toHex();
}

async function sendDatagram(
  { from, to, message, fence }: OrderTo<"datagram">,
): Promise<AnswerTo<"datagram">> {
  const socket = openSocket(from, to);
  try {
    const call = Uint8Array.fromHex(message);
    await socket.send(call, netAddress(to));
    const last = fence === undefined ? undefined : Uint8Array.fromHex(fence);
    if (last !== undefined) await socket.send(last, netAddress(to));
    const buffer = new Uint8Array(BUFFER_BYTES);
    for (;;) {
      const [reply, sender] = await socket.receive(buffer);
      const xid = xidOf(reply);
      if (xid === xidOf(call)) {
        return { answers: "datagram", reply: reply.toHex(), from: endpoint(sender) };
      }
      if (last !== undefined && xid === xidOf(last)) {
        return { answers: "datagram", reply: null, from: null };
      }
    }
  } finally {
    socket.close();
  }
}

async function flood({ from, to, messages }: OrderTo<"flood">): Promise<Answer> {
  const socket = openSocket(from, to);
  try {
    for (const message of messages) await socket.send(Uint8Array.fromHex(message), netAddress(to));
    return { answers: "flood" };
  } finally {
    socket.close();
  }
}

function sendStream({ from, to, pieces, records }: OrderTo<"stream">): Promise<Answer> {
  const answer = Promise.withResolvers<Answer>();
  let received = "";
  const socket = connect({
    host: to.address,
    port: to.port,
    noDelay: true,
    ...(from.address === undefined ? {} : { localAddress: from.address }),
    ...(from.port === undefined ? {} : { localPort: from.port }),
  });
  const done = (isClosed: boolean) => {
    socket.destroy();
    answer.resolve({ answers: "stream", records: recordsIn(received), isClosed });
  };
  const writeFrom = (at: number) => {
    if (at < pieces.length) socket.write(Uint8Array.fromHex(pieces[at]!), () => writeFrom(at + 1));
  };
  let isConnected = false;
  socket.on("connect", () => {
    isConnected = true;
    writeFrom(0);
  });
  socket.on("data", (data: Uint8Array) => {
    received += data.toHex();
    if (records > 0 && recordsIn(received).length >= records) done(false);
  });
  socket.on("end", () => done(true));
  socket.on("error", (error: Error) => isConnected ? done(true) : answer.reject(error));
  return answer.promise;
}

/** Complete records of a stream, one fragment each. */
function recordsIn(stream: string): string[] {
  const records: string[] = [];
  for (let at = 0; at + 8 <= stream.length;) {
    const start = at + 8;
    at = start + 2 * (parseInt(stream.slice(at, start), 16) & 0x7fffffff);
    if (at <= stream.length) records.push(stream.slice(start, at));
  }
  return records;
}

/** Servers by program number. */
const serving = new Map<number, Deno.DatagramConn>();

async function serve(order: OrderTo<"serve">): Promise<Answer> {
  const { program, versions, address, port, isRegistered } = order;
  serving.get(program)?.close();
  const socket = Deno.listenDatagram({ transport: "udp", hostname: address, port });
  serving.set(program, socket);
  answerCalls(socket, order);
  const chosen = endpoint(socket.addr).port;
  for (const version of isRegistered ? versions : []) {
    await tellRpcbind(PMAPPROC_UNSET, program, version, IPPROTO_UDP, 0);
    if (!await tellRpcbind(PMAPPROC_SET, program, version, IPPROTO_UDP, chosen)) {
      throw new Error("rpcbind refuses the registration");
    }
  }
  return { answers: "serve", port: chosen };
}

async function answerCalls(
  socket: Deno.DatagramConn,
  { program, conduct }: OrderTo<"serve">,
): Promise<void> {
  const { port } = endpoint(socket.addr);
  const body = REPLIES[conduct];
  try {
    for await (const [message, from] of socket) {
      say({ answers: "called", program, from: endpoint(from), port, message: message.toHex() });
      if (body !== undefined) await socket.send(Uint8Array.fromHex(xidOf(message) + body), from);
    }
  } catch (error) {
    // socket closed: a new order serves the program in another way
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}

let calls = 0;

/** Registers or unregisters a program with rpcbind; returns rpcbind's answer. */
async function tellRpcbind(procedure: number, ...mapping: readonly number[]): Promise<boolean> {
  const header = [++calls, 0, 2, 100000, 2, procedure, 0, 0, 0, 0];
  const message = [...header, ...mapping].map((word) => word.toString(16).padStart(8, "0")).join(
    "",
  );
  const order = { do: "datagram", from: { port: OWN_PORT }, to: RPCBIND, message } as const;
  const { reply } = await sendDatagram(order);
  return reply?.endsWith("1") ?? false;
}

async function carryOut(order: Order): Promise<Answer> {
  switch (order.do) {
    case "datagram":
      return await sendDatagram(order);
    case "flood":
      return await flood(order);
    case "stream":
      return await sendStream(order);
    case "serve":
      return await serve(order);
  }
}

if (import.meta.main) {
  let rest = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      try {
        say(await carryOut(JSON.parse(line) as Order));
      } catch (error) {
        say({ answers: "failed", reason: String(error) });
      }
    }
  }
  Deno.exit(0);
}
