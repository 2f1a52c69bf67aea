/**
 * The turns of the runtime's event loop.
 *
 * Promises that are settled at once never leave a turn, and neither does the runtime's own way to take
 * datagrams while there are any; a timer takes two milliseconds; and a message to oneself is delivered up
 * to thirty times before the loop asks the system about its sockets. What comes from another thread finds
 * the loop waiting for everything at once, after some twenty microseconds.
 *
 * Source: tokio's scheduler for one thread (`event_interval`); measured with Deno 2.7.11.
 */

import { libc } from "./libc.ts";

/** Settles when whatever is ready has had its turn: sockets, timers, and the results of other threads. */
export async function nextTurn(): Promise<void> {
  await libc().sched_yield();
}
