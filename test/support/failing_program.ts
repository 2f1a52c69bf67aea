/**
 * The program with a fault that nobody foresees, compiled for tests: SIGWINCH has an error thrown that
 * nothing catches, SIGURG a promise rejected that nobody handles. With NSM_TEST_FAILS in the environment
 * the background does so by itself, before it is ready.
 */

function fail(): never {
  throw new Error("planted");
}

Deno.addSignalListener("SIGWINCH", () => void setTimeout(fail));
Deno.addSignalListener("SIGURG", () => void Promise.reject(new Error("planted")));

if (Deno.env.has("NSM_TEST_FAILS") && Deno.env.has("NSM_BACKGROUND")) setTimeout(fail);

// What is above has to be there before the program is.
await import("../../main.ts");
