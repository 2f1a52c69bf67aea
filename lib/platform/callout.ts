/**
 * Running a program that the administrator named, with arguments that come from the network.
 *
 * It is executed directly: no shell, no search, no part of an argument has a meaning. (A script without
 * `#!` is run by /bin/sh, as execvp(3) does, with its arguments as they are.) It has a clean
 * environment, nothing on its standard input, output and error, no capabilities, and a process group of
 * its own, so that all of it can be ended.
 *
 * Source: behaviour of nfs-utils (argv). Deviation: there is a time limit; the environment is not handed
 * on, and neither are descriptors.
 */

import { systemClock } from "./clock.ts";
import type { Clock } from "../time/clock.ts";

/** How a program ended. */
export type CalloutResult =
  | { readonly outcome: "exited"; readonly status: number }
  | { readonly outcome: "killed"; readonly signal: string }
  | { readonly outcome: "timeLimit"; readonly timeoutMs: number }
  | { readonly outcome: "notStarted"; readonly reason: string };

/** All that a program finds in its environment. */
const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };

/**
 * Runs a program to its end, or for `timeoutMs`; then it and what it started are killed. It never
 * throws. `args` have one character for each byte, as texts have that came off the wire.
 */
export async function runCallout(
  program: string,
  args: readonly string[],
  timeoutMs: number,
  { startTimer }: Pick<Clock, "startTimer"> = systemClock,
): Promise<CalloutResult> {
  let child: Deno.ChildProcess;
  try {
    if (!program.includes("/")) throw new TypeError(`"${program}" is not a path`);
    child = new Deno.Command(program, {
      args: args.map(asArgument),
      clearEnv: true,
      env: ENVIRONMENT,
      stdin: "null",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
  } catch (error) {
    return { outcome: "notStarted", reason: (error as Error).message };
  }
  const timeLimit = Promise.withResolvers<"timeLimit">();
  const cancel = startTimer(timeoutMs, () => timeLimit.resolve("timeLimit"));
  const ended = await Promise.race([child.status, timeLimit.promise]);
  cancel();
  if (ended === "timeLimit") {
    killGroup(child.pid);
    return { outcome: "timeLimit", timeoutMs };
  }
  return ended.signal === null
    ? { outcome: "exited", status: ended.code }
    : { outcome: "killed", signal: ended.signal };
}

/** Deno encodes arguments as UTF-8; decoding the bytes first makes the program get just these. */
function asArgument(text: string): string {
  if (/[^\0-\xff]/.test(text)) throw new TypeError("an argument has a character above U+00FF");
  const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0));
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // it ended by itself just now
  }
}
