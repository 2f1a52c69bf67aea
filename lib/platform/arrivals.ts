/**
 * SIGIO, which signals datagrams at a socket of message_socket.ts. If the kernel refuses Deno's
 * signal thread, the sockets are polled.
 */

import { blockSigio } from "./signals.ts";
import { canStartThread } from "./threads.ts";

/** Polling interval without a thread, in ms: the longest delay of a call. */
const POLL_MS = 20;

const waiting = new Set<() => void>();
let stopListening = () => {};

/** Calls `action` on each SIGIO; returns the function that unsubscribes. */
export function onArrivals(action: () => void): () => void {
  if (waiting.size === 0) stopListening = listen();
  waiting.add(action);
  return () => {
    waiting.delete(action);
    if (waiting.size === 0) stopListening();
  };
}

function listen(): () => void {
  if (canStartThread()) {
    Deno.addSignalListener("SIGIO", wakeAll);
    return () => Deno.removeSignalListener("SIGIO", wakeAll);
  }
  blockSigio();
  const timer = setInterval(wakeAll, POLL_MS);
  Deno.unrefTimer(timer);
  return () => clearInterval(timer);
}

function wakeAll(): void {
  for (const action of [...waiting]) action();
}
