/** UDP, and TCP by Deno and by our own system calls, behind one interface for one set of cases. */

import { netidFor } from "../../lib/rpc/address.ts";
import { connectFrom } from "../../lib/net/bound_stream.ts";
import { openServer } from "../../lib/net/server_sockets.ts";
import { serveStreams } from "../../lib/net/stream_server.ts";
import { connectStream, listenStream } from "../../lib/net/tcp.ts";
import { openUdpSocket, serveDatagrams } from "../../lib/net/udp.ts";
import { systemClock } from "../../lib/platform/clock.ts";
import { streamCalls } from "../../lib/platform/stream_calls.ts";
import { nsmV1 } from "../../lib/protocol/nsm.ts";
import type { ClientParts } from "../../lib/rpc/client.ts";
import { DatagramClient } from "../../lib/rpc/datagram_client.ts";
import type { Args, Result } from "../../lib/rpc/program.ts";
import { RecordParser, toRecord } from "../../lib/rpc/record.ts";
import { callOverStream } from "../../lib/rpc/stream_client.ts";
import type { Connect, Endpoint, Respond } from "../../lib/rpc/transport.ts";
import "../support/open_libc.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { RecordingLog } from "../support/recording_log.ts";

type Rows = typeof nsmV1.procedures;

export interface Running extends AsyncDisposable {
  readonly port: number;
}

/** Server, or a bad imitation of one, and a client, on one transport. */
export interface TestedTransport {
  readonly name: "udp" | "tcp";
  /** Distinguishes variants of a transport. */
  readonly label: string;
  /** Starts the real server, for all addresses of this host. */
  serve(respond: Respond): Running & { readonly log: RecordingLog };
  /** Passes each call to `receive`, which may send any messages to the caller. */
  improvise(
    address: string,
    receive: (
      call: Uint8Array,
      send: (message: Uint8Array) => Promise<void>,
      from: Endpoint,
    ) => void,
  ): Running;
  /** Creates a client whose timeouts follow `clock`. */
  client(clock: FakeClock): Client;
  /** Sends a message without waiting for a reply. */
  sendOnly(message: Uint8Array<ArrayBuffer>, to: Endpoint): Promise<void>;
}

export interface Client extends AsyncDisposable {
  call<K extends keyof Rows & string>(
    name: K,
    args: Args<Rows[K]>,
    to: Endpoint,
    timeoutMs?: number,
  ): Promise<Result<Rows[K]>>;
}

const TIMEOUT_MS = 1_000;
const { startTimer } = systemClock;

function clientParts(clock: FakeClock): ClientParts {
  let xid = 0;
  return { startTimer: clock.startTimer, randomXid: () => xid++ };
}

const udp: TestedTransport = {
  name: "udp",
  label: "udp",
  serve: (respond) => {
    const server = openServer({ port: 0, udp: true, tcp: false, startTimer });
    const log = new RecordingLog();
    const serving = server.datagrams.map((socket) =>
      serveDatagrams(socket, (address) => netidFor("udp", address), respond, {
        respondFailed: (_, error) => log.error(`${error}`),
        replyFailed: (_, error) => log.debug(() => `${error}`),
        dropped: () => log.warning("dropped"),
      })
    );
    return {
      port: server.bound[0]!.port,
      log,
      [Symbol.asyncDispose]: async () => {
        server.close();
        await Promise.all(serving);
      },
    };
  },
  improvise: (address, receive) => {
    const socket = openUdpSocket({ address, port: 0 }, startTimer);
    const ended = socket.receive((call, from) =>
      receive(call.slice(), async (message) => await socket.send(message, from), from)
    );
    return {
      port: socket.local.port,
      [Symbol.asyncDispose]: async () => {
        socket.close();
        await ended;
      },
    };
  },
  client: (clock) => {
    const socket = openUdpSocket({ address: "::", port: 0 }, startTimer);
    const client = new DatagramClient(socket, clientParts(clock));
    return {
      call: (name, args, to, timeoutMs = TIMEOUT_MS) =>
        client.call(nsmV1, name, args, to, timeoutMs),
      [Symbol.asyncDispose]: () => client.close(),
    };
  },
  sendOnly: async (message, to) => {
    const socket = openUdpSocket({ address: "::", port: 0 }, startTimer);
    await socket.send(message, to);
    socket.close();
  },
};

/** Connections from a chosen port, with the system's clock. */
const connectFromPort = connectFrom({
  address: "::",
  ports: () => [],
  calls: streamCalls,
  startTimer: systemClock.startTimer,
});

const tcp = (label: string, connect: Connect): TestedTransport => ({
  name: "tcp",
  label,
  serve: (respond) => {
    const server = openServer({ port: 0, udp: false, tcp: true, startTimer });
    const log = new RecordingLog();
    const stop = new AbortController();
    const serving = server.listeners.map((listener) =>
      serveStreams(listener, respond, {
        netidOf: (address) => netidFor("tcp", address),
        limitReached() {},
        clock: new FakeClock(),
        log,
        signal: stop.signal,
      })
    );
    return {
      port: server.bound[0]!.port,
      log,
      [Symbol.asyncDispose]: async () => {
        stop.abort();
        await Promise.all(serving);
      },
    };
  },
  improvise: (address, receive) => {
    const listener = listenStream({ address, port: 0 });
    const closers: (() => void)[] = [() => listener.close()];
    const serve = async () => {
      for (;;) {
        const connection = await listener.accept();
        closers.push(() => connection.close());
        const parser = new RecordParser(10_000);
        const buffer = new Uint8Array(1_000);
        const read = async () => {
          for (;;) {
            const length = await connection.read(buffer);
            if (length === null) return;
            parser.push(
              buffer.subarray(0, length),
              (call) =>
                receive(call, (message) => connection.write(toRecord(message)), connection.remote),
            );
          }
        };
        read().catch(() => {/* closed by one of the two sides */});
      }
    };
    const serving = serve().catch(() => {/* closed */});
    return {
      port: listener.local.port,
      [Symbol.asyncDispose]: async () => {
        for (const close of closers) close();
        await serving;
      },
    };
  },
  client: (clock) => {
    const parts = clientParts(clock);
    return {
      call: (name, args, to, timeoutMs = TIMEOUT_MS) =>
        callOverStream(connect, parts, nsmV1, name, args, to, timeoutMs),
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  },
  sendOnly: async (message, to) => {
    const connection = await connectStream(to, new AbortController().signal);
    await connection.write(toRecord(message));
    connection.close();
  },
});

export const testedTransports = [
  udp,
  tcp("tcp", connectStream),
  tcp("tcp with system calls", connectFromPort),
];
