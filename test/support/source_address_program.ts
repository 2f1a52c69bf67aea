/**
 * The two sides of test/system/source_address_test.ts, each run in a network namespace of its own.
 *
 * `serve` prints its port and then echoes each datagram. `ask ADDRESS PORT` sends datagrams until a
 * reply comes from ADDRESS, and prints the source of each reply.
 */

import { openServer } from "../../lib/net/server_sockets.ts";
import { openUdpSocket, serveDatagrams } from "../../lib/net/udp.ts";
import { systemClock as clock } from "../../lib/platform/clock.ts";
import { withoutScope } from "../../lib/rpc/transport.ts";

const ATTEMPTS_MAX = 20;
/** Retransmission interval in ms, as of a client that drops replies from other addresses. */
const RETRANSMIT_MS = 500;
const { startTimer } = clock;

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

async function serve(): Promise<void> {
  const server = openServer({ port: 0, udp: true, tcp: false, startTimer });
  const hooks = { respondFailed: () => {}, replyFailed: () => {}, dropped: () => {} };
  const serving = server.datagrams.map((socket) =>
    serveDatagrams(socket, () => "udp", (call) => call.slice(), hooks)
  );
  print(String(server.bound[0]!.port));
  await Promise.all(serving);
}

async function ask(address: string, port: number): Promise<void> {
  const socket = openUdpSocket({ address: "::", port: 0 }, startTimer);
  const answered = Promise.withResolvers<void>();
  socket.receive((_, from) => {
    print(from.address);
    if (from.address === withoutScope(address)) answered.resolve();
  });
  let cancel = () => {};
  const attempt = (left: number) => {
    socket.send(new Uint8Array([left]), { address, port });
    cancel = startTimer(RETRANSMIT_MS, () => left > 1 ? attempt(left - 1) : answered.resolve());
  };
  attempt(ATTEMPTS_MAX);
  await answered.promise;
  cancel();
  socket.close();
}

const [role, address, port] = Deno.args;
if (role === "serve") await serve();
else await ask(address!, Number(port));
