/**
 * Generator of the bench: a process inside the host that executes one order, prints its figures as
 * JSON, and ends. It makes system calls without an event loop.
 */

import { callRate } from "./generate_calls.ts";
import { monitorRates } from "./generate_monitoring.ts";
import { notify, storm } from "./generate_notices.ts";
import { BlockingSocket } from "./blocking_sockets.ts";
import { type Figures, median, naming, type Order } from "./generator_orders.ts";
import { nullCall, successTo } from "./messages.ts";
import { measureNameServer, serveNames } from "./name_server.ts";

/** Timeout of a call, in ms. */
const ANSWER_MAX_MS = 60_000;

function respond(port: number): never {
  const socket = BlockingSocket.udp("127.0.0.1", port);
  for (;;) {
    const length = socket.receiveFrom();
    if (length > 0) socket.reply(successTo(socket.buffer));
  }
}

/** Milliseconds from `since` until a call is answered. */
function firstAnswer(port: number, since: number): number {
  const socket = BlockingSocket.udp("127.0.0.1", 0, 1);
  socket.connect("127.0.0.1", port);
  const call = nullCall();
  while (performance.now() - since < ANSWER_MAX_MS) {
    socket.send(call);
    if (socket.receive() > 0) return performance.now() - since;
  }
  throw new Error(`Nobody answers at port ${port}`);
}

async function start(port: number, [program, ...args]: readonly string[], times: number) {
  const taken: number[] = [];
  for (let i = 0; i < times; i++) {
    const since = performance.now();
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    const process = new Deno.Command(program!, options).spawn();
    taken.push(firstAnswer(port, since));
    process.kill("SIGKILL");
    await process.status;
  }
  return { medianMs: median(taken), leastMs: Math.min(...taken) };
}

async function carryOut(order: Order): Promise<Figures> {
  switch (order.do) {
    case "respond":
      return respond(order.port);
    case "serve names":
      return serveNames();
    case "look up":
      return measureNameServer(order.ms);
    case "calls":
      return callRate(order);
    case "monitor":
      return monitorRates(order);
    case "notify":
      return notify(order);
    case "storm":
      return storm(order);
    case "start":
      return await start(order.port, order.command, order.times);
    case "wait":
      return { ms: firstAnswer(order.port, performance.now()) };
  }
}

if (import.meta.main) {
  const order = JSON.parse(Deno.args[0]!) as Order & typeof naming;
  naming.haveNames = order.haveNames;
  const figures = await carryOut(order);
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(figures)));
  Deno.exit(0);
}
