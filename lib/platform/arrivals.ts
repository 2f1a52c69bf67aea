/**
 * SIGIO, by which the kernel says that something has arrived at a socket of message_socket.ts. Where the
 * kernel refuses the thread that listens to signals, the sockets are polled.
 */

import { blockSigio } from "./signals.ts";
import { canStartThread } from "./threads.ts";

/** Interval of polling where there is no thread, in ms: what a call waits at most. */
const POLL_MS = 20;

const waiting = new Set<() => void>();
let stopListening = () => {};

/** Calls `action` on each SIGIO, until the function that it returns is called. */
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
