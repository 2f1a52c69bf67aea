import { assertEquals } from "@std/assert";
import "../support/open_libc.ts";
import { onSignals } from "../../lib/platform/signals.ts";

Deno.test("onSignals() calls the action of each signal, until it is aborted", async () => {
  const until = new AbortController();
  const seen: string[] = [];
  let next = () => {};
  const note = (what: string) => () => {
    seen.push(what);
    next();
  };
  const end = onSignals({
    stop: (signal) => note(signal)(),
    hangUp: note("hangUp"),
    user1: note("user1"),
    user2: note("user2"),
  }, until.signal);
  // not SIGINT, which the test runner takes for itself
  for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const) {
    const called = new Promise<void>((resolve) => next = resolve);
    const keepAlive = setInterval(() => {}, 1000);
    Deno.kill(Deno.pid, signal);
    await called;
    clearInterval(keepAlive);
  }
  until.abort();
  // One more has neither an action nor its default.
  const { promise, resolve } = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGTERM", resolve);
  const keepAlive = setInterval(() => {}, 1000);
  Deno.kill(Deno.pid, "SIGTERM");
  await promise;
  clearInterval(keepAlive);
  Deno.removeSignalListener("SIGTERM", resolve);
  end();
  assertEquals(seen, ["SIGTERM", "hangUp", "user1", "user2"]);
});

Deno.test(
  "onSignals() does nothing if it is aborted already",
  { permissions: "none" },
  () => {
    onSignals({ stop() {} }, AbortSignal.abort());
  },
);
