/** Ways to reach an rpcbind from inside a test's host, and a call over one of them. */

import { connectFrom } from "../../lib/net/bound_stream.ts";
import { connectStream, connectUnix } from "../../lib/net/tcp.ts";
import { libc } from "../../lib/platform/libc.ts";
import { streamCalls } from "../../lib/platform/stream_calls.ts";
import { decodeReply, encodeCall } from "./rpc_messages.ts";
import type { Procedures, Program } from "../../lib/rpc/program.ts";
import { RecordParser } from "../../lib/rpc/record.ts";
import type { Endpoint, StreamConnection } from "../../lib/rpc/transport.ts";
import type { StartTimer } from "../../lib/time/clock.ts";

const PORT = 111;
const SOCKET = "/run/rpcbind.sock";
const RECORD_MAX_BYTES = 1_000_000;
/** Timeout of a call without an answer, in ms. Such calls are made concurrently. */
const SILENCE_MS = 5_000;

/** A way to call. */
export interface Way {
  readonly name: string;
  readonly to: Endpoint | undefined;
  readonly transport: "udp" | "tcp" | "unix";
  readonly from?: string;
  /** Whether to call from a reserved port. */
  readonly isReserved?: boolean;
  /** Effective user id while connecting to the UNIX socket. */
  readonly uid?: number;
}

const at = (address: string): Endpoint => ({ address, port: PORT });
export const UNIX: Way = { name: "unix", to: undefined, transport: "unix" };
export const LOCAL: readonly Way[] = [
  UNIX,
  { name: "udp", to: at("127.0.0.1"), transport: "udp" },
  { name: "tcp", to: at("127.0.0.1"), transport: "tcp" },
  { name: "udp6", to: at("::1"), transport: "udp" },
  { name: "tcp6", to: at("::1"), transport: "tcp" },
];
export const STRANGERS: readonly Way[] = [
  { name: "udp stranger", to: at("10.9.0.1"), transport: "udp", from: "10.98.0.5" },
  { name: "tcp stranger", to: at("10.9.0.1"), transport: "tcp", from: "10.98.0.5" },
  { name: "udp6 stranger", to: at("fd99::1"), transport: "udp", from: "fd98::5" },
  { name: "tcp6 stranger", to: at("fd99::1"), transport: "tcp", from: "fd98::5" },
];
export const REGISTRANTS: readonly Way[] = [
  UNIX,
  { ...UNIX, name: "uid 1234", uid: 1234 },
  { ...UNIX, name: "uid 4321", uid: 4321 },
  ...LOCAL.slice(1),
  ...LOCAL.slice(1).map((way) => ({ ...way, name: `${way.name} reserved`, isReserved: true })),
  { ...LOCAL[1]!, name: "udp 127.0.0.2", from: "127.0.0.2", isReserved: true },
  ...STRANGERS.map((way) => ({ ...way, isReserved: true })),
];

/** Ways that try to remove another owner's registration. */
export const OTHERS = ["uid 4321", "udp", "tcp6", "tcp reserved", "udp 127.0.0.2", "udp stranger"];

let port = 600;
/** Ports are not reused, since a closed connection holds its port for a while. */
function reservedPort(): number {
  return port++;
}

const startTimer: StartTimer = (ms, action) => {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
};

/** Makes a call; returns the answer as text. */
export async function ask<P extends Procedures>(
  way: Way,
  version: Program<P>,
  name: keyof P & string,
  args: unknown,
): Promise<string> {
  const call = encodeCall(version, name, args as never, port * 65_537);
  const reply = way.transport === "udp" ? await byDatagram(way, call) : await byStream(way, call);
  if (reply === undefined) return "silence";
  const answer = decodeReply(version.procedures[name]!, reply);
  return JSON.stringify(
    answer.ok ? answer.result ?? null : answer.failure,
    (_, value) => value instanceof Uint8Array ? value.toHex() : value,
  );
}

async function byDatagram({ to, from, isReserved }: Way, call: Uint8Array<ArrayBuffer>) {
  const { address } = to!;
  const hostname = from ?? (address.includes(":") ? "::" : "0.0.0.0");
  const source = { hostname, port: isReserved ? reservedPort() : 0 };
  const socket = Deno.listenDatagram({ transport: "udp", ...source });
  const cancel = startTimer(SILENCE_MS, () => socket.close());
  try {
    await socket.send(call, { transport: "udp", hostname: address, port: PORT });
    const [reply] = await socket.receive(new Uint8Array(RECORD_MAX_BYTES));
    socket.close();
    return reply;
  } catch {
    return undefined;
  } finally {
    cancel();
  }
}

async function byStream(way: Way, call: Uint8Array): Promise<Uint8Array | undefined> {
  const connection = await connect(way);
  const cancel = startTimer(SILENCE_MS, () => connection.close());
  try {
    const head = new Uint8Array(4);
    new DataView(head.buffer).setUint32(0, 0x8000_0000 + call.length);
    await connection.write(new Uint8Array([...head, ...call]));
    const parser = new RecordParser(RECORD_MAX_BYTES);
    const buffer = new Uint8Array(65_536);
    let reply: Uint8Array | undefined;
    while (reply === undefined) {
      const length = await connection.read(buffer);
      if (length === null) return undefined;
      parser.push(buffer.subarray(0, length), (record) => void (reply = record.slice()));
    }
    return reply;
  } catch {
    return undefined;
  } finally {
    cancel();
    connection.close();
  }
}

function connect({ to, from, isReserved, uid = 0 }: Way): Promise<StreamConnection> {
  const { signal } = new AbortController();
  if (to === undefined) {
    const keep = 0xffff_ffff;
    libc().setresuid(keep, uid, keep);
    const connection = connectUnix(SOCKET);
    return connection.finally(() => libc().setresuid(keep, 0, keep));
  }
  if (from === undefined && !isReserved) return connectStream(to, signal);
  const address = from ?? (to.address.includes(":") ? "::" : "0.0.0.0");
  const ports = () => isReserved ? [reservedPort()] : [];
  return connectFrom({ address, ports, calls: streamCalls, startTimer })(to, signal);
}
