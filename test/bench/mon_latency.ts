/**
 * Registers and unregisters hosts one after the other for a time, and prints percentiles of the
 * duration of SM_MON:
 *
 *     deno run -A --unstable-net mon_latency.ts PORT MILLISECONDS
 */

import { message, mon, unmon } from "../support/nsm_calls.ts";

const [port, ms] = Deno.args.map(Number) as [number, number];
const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
const to = { transport: "udp", hostname: "127.0.0.1", port } as const;
const buffer = new Uint8Array(512);
const times: number[] = [];
const end = performance.now() + ms;

while (performance.now() < end) {
  const registered = { monName: `198.51.100.${times.length % 250}` };
  const began = performance.now();
  await socket.send(message(mon(registered)), to);
  await socket.receive(buffer);
  times.push(performance.now() - began);
  await socket.send(message(unmon(registered)), to);
  await socket.receive(buffer);
}
socket.close();
times.sort((a, b) => a - b);
const at = (share: number) => times[Math.floor(times.length * share)];
// deno-lint-ignore no-console -- its answer
console.log(JSON.stringify({ calls: times.length, p50: at(0.5), p99: at(0.99) }));
