import { assert } from "@std/assert";
import "../support/open_libc.ts";
import { nextTurn } from "../../lib/platform/event_loop.ts";

/** One is enough, unless the machine is so busy that the other thread is the quicker one. */
const TURNS_MAX = 1_000;

Deno.test("nextTurn() lets a socket and a timer have their turn", async () => {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const happened = new Set<string>();
  const received = socket.receive().then(() => happened.add("received"));
  await socket.send(new Uint8Array(1), socket.addr);
  const timer = setTimeout(() => happened.add("timer"), 0);
  for (let turns = 0; happened.size < 2 && turns < TURNS_MAX; turns++) await nextTurn();
  assert(happened.has("received") && happened.has("timer"), [...happened].join());
  clearTimeout(timer);
  await received;
  socket.close();
});
