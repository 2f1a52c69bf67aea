/**
 * Plays a peer like FreeBSD: an rpcbind without version 4 and a status monitor, over the given
 * transports in both families. Runs in a network namespace of its own:
 *
 *     deno run -A bsd_peer.ts udp tcp
 *
 * Prints `ready` once it answers, and a line of JSON for each call, see {@link Seen}. Transports
 * not given are silent, even at rpcbind's port, as behind a filter.
 *
 * Source: RFC 1833 (program 100000, versions 2 and 3), RFC 5531 section 9 (PROG_MISMATCH). No code
 * under test encodes or decodes here.
 */

/** Call received by the peer. */
export interface Seen {
  readonly transport: "udp" | "tcp";
  readonly from: string;
  readonly port: number;
  /** `PROGRAM.VERSION.PROCEDURE` */
  readonly call: string;
  /** `NAME STATE` of a notice. */
  readonly notice?: string;
}

const RPCBIND_PORT = 111;
/** FreeBSD's status monitor takes one reserved port for all transports. */
const STATD_PORT = 918;

const RPCBIND = 100000;
const [PORTMAP_VERSION, RPCBIND_VERSION] = [2, 3];
/** GETPORT in version 2, GETADDR in version 3. */
const LOOK_UP = 3;
const STATUS = 100024;
const SM_NOTIFY = 6;
/** IPPROTO_TCP and IPPROTO_UDP. */
const PROTOCOLS: Readonly<Record<number, string>> = { 6: "tcp", 17: "udp" };

const [SUCCESS, PROG_UNAVAIL, PROG_MISMATCH, PROC_UNAVAIL] = [0, 1, 2, 3];
/** Offset of the arguments of a call with AUTH_NONE. */
const ARGUMENTS = 40;
const LAST_FRAGMENT = 0x80;
const BUFFER_BYTES = 9000;

const transports = new Set(Deno.args);

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

/** XDR string at an offset, and the offset behind it. */
function textAt(message: DataView<ArrayBuffer>, at: number): { text: string; end: number } {
  const length = message.getUint32(at);
  const bytes = new Uint8Array(message.buffer, message.byteOffset + at + 4, length);
  return { text: new TextDecoder().decode(bytes), end: at + 4 + (length + 3 & ~3) };
}

/** Accepted reply with result words. */
function reply(xid: number, status: number, ...words: number[]): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(24 + 4 * words.length));
  [xid, 1, 0, 0, 0, status, ...words].forEach((word, i) => view.setUint32(4 * i, word));
  return new Uint8Array(view.buffer);
}

/** XDR string as words. */
function words(text: string): number[] {
  const bytes = new TextEncoder().encode(text);
  const padded = new DataView(new ArrayBuffer(bytes.length + 3 & ~3));
  new Uint8Array(padded.buffer).set(bytes);
  const content = Array.from({ length: padded.byteLength / 4 }, (_, i) => padded.getUint32(4 * i));
  return [bytes.length, ...content];
}

/** Answers and reports a call. */
function answer(
  bytes: Uint8Array<ArrayBuffer>,
  transport: Seen["transport"],
  { hostname, port }: Deno.NetAddr,
): Uint8Array<ArrayBuffer> {
  const message = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const word = (at: number) => message.getUint32(at);
  const [xid, program, version, procedure] = [word(0), word(12), word(16), word(20)];
  const seen: Seen = {
    transport,
    from: hostname.replace("::ffff:", ""),
    port,
    call: `${program}.${version}.${procedure}`,
  };
  if (program === STATUS && version === 1 && procedure === SM_NOTIFY) {
    const { text, end } = textAt(message, ARGUMENTS);
    say(JSON.stringify({ ...seen, notice: `${text} ${message.getInt32(end)}` }));
    return reply(xid, SUCCESS);
  }
  say(JSON.stringify(seen));
  if (program !== RPCBIND) return reply(xid, PROG_UNAVAIL);
  if (version < PORTMAP_VERSION || version > RPCBIND_VERSION) {
    return reply(xid, PROG_MISMATCH, PORTMAP_VERSION, RPCBIND_VERSION);
  }
  if (procedure !== LOOK_UP) return reply(xid, PROC_UNAVAIL);
  const isStatus = word(ARGUMENTS) === STATUS && word(ARGUMENTS + 4) === 1;
  if (version === PORTMAP_VERSION) {
    const isThere = isStatus && transports.has(PROTOCOLS[word(ARGUMENTS + 8)] ?? "");
    return reply(xid, SUCCESS, isThere ? STATD_PORT : 0);
  }
  const netid = textAt(message, ARGUMENTS + 8).text;
  const isThere = isStatus && transports.has(netid.replace("6", ""));
  const host = netid.endsWith("6") ? "::" : "0.0.0.0";
  const address = `${host}.${STATD_PORT >> 8}.${STATD_PORT & 0xff}`;
  return reply(xid, SUCCESS, ...words(isThere ? address : ""));
}

async function serveDatagrams(port: number): Promise<void> {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "::", port });
  for await (const [bytes, from] of socket) {
    await socket.send(answer(bytes, "udp", from as Deno.NetAddr), from);
  }
}

/** Serves a connection; every record is a single fragment here. */
async function serveConnection(connection: Deno.TcpConn): Promise<void> {
  let held = new Uint8Array(0);
  const buffer = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const length = await connection.read(buffer).catch(() => null);
    if (length === null) return connection.close();
    held = new Uint8Array([...held, ...buffer.subarray(0, length)]);
    const end = held.length < 4 ? Infinity : 4 + (held[2]! << 8 | held[3]!);
    if (held.length < end) continue;
    const body = answer(held.slice(4, end), "tcp", connection.remoteAddr);
    await connection.write(new Uint8Array([LAST_FRAGMENT, 0, 0, body.length, ...body]));
    held = held.slice(end);
  }
}

async function serveStreams(port: number): Promise<void> {
  for await (const connection of Deno.listen({ hostname: "::", port })) {
    void serveConnection(connection);
  }
}

if (import.meta.main) {
  for (const port of [RPCBIND_PORT, STATD_PORT]) {
    if (transports.has("udp")) void serveDatagrams(port);
    if (transports.has("tcp")) void serveStreams(port);
  }
  say("ready");
}
