/** SIGIO, by which the kernel says that something has arrived at a socket of message_socket.ts. */

const waiting = new Set<() => void>();

/** Calls `action` on each SIGIO, until the function that it returns is called. */
export function onArrivals(action: () => void): () => void {
  if (waiting.size === 0) Deno.addSignalListener("SIGIO", wakeAll);
  waiting.add(action);
  return () => {
    waiting.delete(action);
    if (waiting.size === 0) Deno.removeSignalListener("SIGIO", wakeAll);
  };
}

function wakeAll(): void {
  for (const action of [...waiting]) action();
}
