/**
 * Signals as calls. The first listener starts a thread of the runtime, which would not lose its
 * privileges with the others: listen after the privilege drop.
 */

/** What each signal means; a signal that is not named keeps its default action. */
export interface SignalActions {
  /** SIGTERM or SIGINT. */
  stop(signal: "SIGTERM" | "SIGINT"): void;
  hangUp?(): void;
  user1?(): void;
  user2?(): void;
}

/** Calls the actions until `until` is aborted. Listening does not keep the process alive. */
export function onSignals(actions: SignalActions, until: AbortSignal): void {
  const listen = (signal: Deno.Signal, action: (() => void) | undefined) => {
    if (action === undefined || until.aborted) return;
    Deno.addSignalListener(signal, action);
    until.addEventListener("abort", () => Deno.removeSignalListener(signal, action));
  };
  listen("SIGTERM", () => actions.stop("SIGTERM"));
  listen("SIGINT", () => actions.stop("SIGINT"));
  listen("SIGHUP", actions.hangUp && (() => actions.hangUp?.()));
  listen("SIGUSR1", actions.user1 && (() => actions.user1?.()));
  listen("SIGUSR2", actions.user2 && (() => actions.user2?.()));
}
