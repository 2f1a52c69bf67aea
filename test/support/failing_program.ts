/**
 * The program with planted unexpected faults, compiled for tests. SIGWINCH throws an uncaught
 * error, SIGURG rejects an unhandled promise. NSM_TEST_FAILS in the environment makes the
 * background process fail before it is ready.
 */

function fail(): never {
  throw new Error("planted");
}

Deno.addSignalListener("SIGWINCH", () => void setTimeout(fail));
Deno.addSignalListener("SIGURG", () => void Promise.reject(new Error("planted")));

if (Deno.env.has("NSM_TEST_FAILS") && Deno.env.has("NSM_BACKGROUND")) setTimeout(fail);

// Signal handlers must exist before the program starts.
await import("../../main.ts");
