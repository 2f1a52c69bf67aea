/**
 * Asks an rpcbind, as a program inside a test's host, everything that can be asked, in all ways in which
 * it can be reached, and prints each call and its answer on a line. Two rpcbinds that print the same are
 * alike.
 */

import { connectFrom } from "../../lib/net/bound_stream.ts";
import { connectStream, connectUnix } from "../../lib/net/tcp.ts";
import { libc } from "../../lib/platform/libc.ts";
import { streamCalls } from "../../lib/platform/stream_calls.ts";
import { type Mapping, portmapV2 } from "../../lib/protocol/portmap.ts";
import { type Rpcb, rpcbindV3, rpcbindV4 } from "../../lib/protocol/rpcbind.ts";
import { decodeReply, encodeCall } from "./rpc_messages.ts";
import { type Procedures, type Program, program } from "../../lib/rpc/program.ts";
import { RecordParser } from "../../lib/rpc/record.ts";
import type { Endpoint, StreamConnection } from "../../lib/rpc/transport.ts";
import { nothing } from "../../lib/xdr/types.ts";
import type { StartTimer } from "../../lib/time/clock.ts";

const PORT = 111;
const SOCKET = "/run/rpcbind.sock";
const RECORD_MAX_BYTES = 1_000_000;
/** After what time there is no answer, in ms. All calls that get none are made at the same time. */
const SILENCE_MS = 5_000;

/** A way to ask. */
interface Way {
  readonly name: string;
  readonly to: Endpoint | undefined;
  readonly transport: "udp" | "tcp" | "unix";
  readonly from?: string;
  /** Whether to come from a reserved port. */
  readonly isReserved?: boolean;
  /** Effective user while connecting to the UNIX socket. */
  readonly uid?: number;
}

const at = (address: string): Endpoint => ({ address, port: PORT });
const UNIX: Way = { name: "unix", to: undefined, transport: "unix" };
const LOCAL: readonly Way[] = [
  UNIX,
  { name: "udp", to: at("127.0.0.1"), transport: "udp" },
  { name: "tcp", to: at("127.0.0.1"), transport: "tcp" },
  { name: "udp6", to: at("::1"), transport: "udp" },
  { name: "tcp6", to: at("::1"), transport: "tcp" },
];
const STRANGERS: readonly Way[] = [
  { name: "udp stranger", to: at("10.9.0.1"), transport: "udp", from: "10.98.0.5" },
  { name: "tcp stranger", to: at("10.9.0.1"), transport: "tcp", from: "10.98.0.5" },
  { name: "udp6 stranger", to: at("fd99::1"), transport: "udp", from: "fd98::5" },
  { name: "tcp6 stranger", to: at("fd99::1"), transport: "tcp", from: "fd98::5" },
];
const REGISTRANTS: readonly Way[] = [
  UNIX,
  { ...UNIX, name: "uid 1234", uid: 1234 },
  { ...UNIX, name: "uid 4321", uid: 4321 },
  ...LOCAL.slice(1),
  ...LOCAL.slice(1).map((way) => ({ ...way, name: `${way.name} reserved`, isReserved: true })),
  { ...LOCAL[1]!, name: "udp 127.0.0.2", from: "127.0.0.2", isReserved: true },
  ...STRANGERS.map((way) => ({ ...way, isReserved: true })),
];

/** Who tries to remove what somebody else has registered. */
const OTHERS = ["uid 4321", "udp", "tcp6", "tcp reserved", "udp 127.0.0.2", "udp stranger"];

let port = 600;
/** Ports are not used twice: a connection that was closed holds its own for a while. */
function reservedPort(): number {
  return port++;
}

const startTimer: StartTimer = (ms, action) => {
  const timer = setTimeout(action, ms);
  return () => clearTimeout(timer);
};

async function ask<P extends Procedures>(
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

function say(label: string, answer: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${label}\t${answer}\n`));
}

function rpcb(r_prog: number, r_vers: number, r_netid = "", r_addr = "", r_owner = ""): Rpcb {
  return { r_prog, r_vers, r_netid, r_addr, r_owner };
}

function mapping(prog: number, vers: number, prot: number, port = 0): Mapping {
  return { prog, vers, prot, port };
}

async function tell(
  way: Way,
  version: Program,
  name: string,
  args: unknown,
  shown = JSON.stringify(args),
): Promise<void> {
  say(
    `${way.name}: v${version.version} ${name} ${shown ?? ""}`,
    await ask(way, version, name, args),
  );
}

async function dumps(): Promise<void> {
  await tell(UNIX, portmapV2, "PMAPPROC_DUMP", undefined);
  await tell(UNIX, rpcbindV4, "RPCBPROC_DUMP", undefined);
}

/** A version or procedures that there are not. */
function odd(number: number, version: number, procedure: number): Program {
  return program("odd", number, version, {
    [`procedure ${procedure} of ${number}`]: {
      number: procedure,
      args: nothing,
      result: nothing,
      from: "any",
    },
  });
}

const VERSIONS = [0, 1, 2, 3, 4, 5];
const UNIVERSAL = ["127.0.0.1.0.111", "junk", "::1.0.111", "/run/x", "1.2.3.4.5", "", "a.b.c"];
const SOCKADDRS = [
  "0200006f01020304" + "0".repeat(16),
  "0a00006f00000000" + "0".repeat(30) + "01" + "00000000",
  "01002f72756e2f78",
];

/** What forwards calls. */
async function forwarding(): Promise<void> {
  const calls = [...LOCAL, ...STRANGERS].flatMap((way) =>
    [[2, 5], [3, 5], [4, 5], [4, 10]].map(([v, p]) => [way, odd(100_000, v!, p!)] as const)
  );
  const answers = await Promise.all(calls.map(([way, one]) => {
    return ask(way, one, Object.keys(one.procedures)[0]!, undefined);
  }));
  for (const [i, [way, one]] of calls.entries()) {
    say(`${way.name}: v${one.version} ${Object.keys(one.procedures)[0]} `, answers[i]!);
  }
}

async function procedures(): Promise<void> {
  await dumps();
  for (const way of [...LOCAL, ...STRANGERS]) {
    const strange = [
      ...VERSIONS.map((version) => odd(100_000, version, 0)),
      odd(100_024, 2, 0),
      ...[[2, 6], [3, 9], [3, 12], [4, 13], [2, 99]].map(([v, p]) => odd(100_000, v!, p!)),
    ];
    for (const one of strange) await tell(way, one, Object.keys(one.procedures)[0]!, undefined);
    await tell(way, portmapV2, "PMAPPROC_DUMP", undefined);
    await tell(way, rpcbindV3, "RPCBPROC_DUMP", undefined);
    const time = Number(await ask(way, rpcbindV4, "RPCBPROC_GETTIME", undefined));
    say(`${way.name}: time`, Math.abs(time - Date.now() / 1000) < 60 ? "now" : String(time));
    for (const text of UNIVERSAL) await tell(way, rpcbindV3, "RPCBPROC_UADDR2TADDR", text);
    for (const hex of SOCKADDRS) {
      const buf = Uint8Array.fromHex(hex);
      await tell(way, rpcbindV4, "RPCBPROC_TADDR2UADDR", { maxlen: buf.length, buf }, hex);
    }
  }
}

const HINTS = ["", "10.9.0.1.0.111", "127.0.0.1.0.111", "fd99::1.0.111", "junk"];

async function lookUps(): Promise<void> {
  const SET = "RPCBPROC_SET";
  for (
    const [netid, address] of [
      ["udp", "0.0.0.0.8.1"],
      ["tcp", "0.0.0.0.8.2"],
      ["udp6", "::.8.3"],
      ["tcp6", "::.8.4"],
      ["local", "/run/x.sock"],
    ] as const
  ) {
    await tell(UNIX, rpcbindV4, SET, rpcb(300_001, 1, netid, address, "me"));
    await tell(UNIX, rpcbindV3, SET, rpcb(300_001, 3, netid, address, "me"));
  }
  await tell(UNIX, rpcbindV4, SET, rpcb(300_002, 1, "tcp", "0.0.0.0.8.7"));
  await tell(UNIX, rpcbindV4, SET, rpcb(300_003, 2, "udp", "10.9.0.1.8.8"));
  await dumps();
  for (const way of [...LOCAL, ...STRANGERS]) {
    for (const prog of [300_001, 300_002, 300_003, 300_004]) {
      for (const vers of [1, 2]) {
        for (const prot of [17, 6, 5]) {
          await tell(way, portmapV2, "PMAPPROC_GETPORT", mapping(prog, vers, prot));
        }
        for (const hint of HINTS) {
          const asked = rpcb(prog, vers, hint === "" ? "udp6" : "", hint);
          await tell(way, rpcbindV3, "RPCBPROC_GETADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETVERSADDR", asked);
          await tell(way, rpcbindV4, "RPCBPROC_GETADDRLIST", asked);
        }
      }
    }
  }
  for (const prog of [300_001, 300_002, 300_003]) {
    for (const vers of [1, 2, 3]) await tell(UNIX, rpcbindV4, "RPCBPROC_UNSET", rpcb(prog, vers));
  }
  await dumps();
}

async function owners(): Promise<void> {
  for (const way of REGISTRANTS) {
    const v2 = (name: string, args: Mapping) => tell(way, portmapV2, name, args);
    const v4 = (name: string, args: Rpcb) => tell(way, rpcbindV4, name, args);
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5555));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5555));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 17, 5556));
    await v2("PMAPPROC_SET", mapping(400_001, 1, 99, 5556));
    await v2("PMAPPROC_SET", mapping(400_001, 2, 6, 70_000));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "udp", "0.0.0.0.8.1", "superuser"));
    await tell(way, rpcbindV3, "RPCBPROC_SET", rpcb(400_002, 1, "UDP", "0.0.0.0.8.1"));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "udp", "0.0.0.0.8.9"));
    await v4("RPCBPROC_SET", rpcb(400_002, 1, "tcp6", "::.8.2"));
    await v4("RPCBPROC_SET", rpcb(400_003, 1, "other", "anything"));
    await v4("RPCBPROC_SET", rpcb(100_000, 4, "udp", "0.0.0.0.0.222"));
    await v4("RPCBPROC_SET", rpcb(100_000, 4, "udp", "0.0.0.0.0.111"));
    await dumps();
    for (const other of REGISTRANTS) {
      if (other.name === way.name || !OTHERS.includes(other.name)) continue;
      await tell(other, portmapV2, "PMAPPROC_UNSET", mapping(400_001, 1, 0));
      await tell(other, rpcbindV4, "RPCBPROC_UNSET", rpcb(400_003, 1));
    }
    await dumps();
    await v2("PMAPPROC_UNSET", mapping(400_001, 1, 0));
    await v4("RPCBPROC_UNSET", rpcb(400_002, 1, "tcp6"));
    await v4("RPCBPROC_UNSET", rpcb(400_002, 1));
    await v4("RPCBPROC_UNSET", rpcb(499_999, 1));
    await v2("PMAPPROC_UNSET", mapping(499_999, 1, 0));
    await dumps();
    for (const prog of [400_001, 400_002, 400_003]) {
      for (const vers of [1, 2]) await tell(UNIX, rpcbindV4, "RPCBPROC_UNSET", rpcb(prog, vers));
    }
  }
}

if (import.meta.main) {
  await procedures();
  await lookUps();
  await owners();
  await forwarding();
}
