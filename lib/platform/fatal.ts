/**
 * Fatal errors: the exit path of an uncaught error or rejection, in every program, also in the
 * background. One line with the stack goes to the log, and to standard error unless the log goes
 * there. The exit status is 1: a waiting starter sees it, and the service manager restarts the
 * daemon.
 *
 * Deviation: Deno prints a stack trace to standard error, which is /dev/null in the background.
 */

import type { Log } from "../log.ts";
import { complain } from "./standard_streams.ts";

const STATUS = 1;

let log: Pick<Log, "error"> | undefined;
let isSeenOnStderr = false;
let isEnding = false;

/** Ends the program on any unhandled error or rejection; call it first. */
export function endOnUncaughtErrors(programName: string): void {
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    endBy(event.error ?? event.message, programName);
  });
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    endBy(event.reason, programName);
  });
}

/** Sets the log for the last line; `isOnStderr`: the log goes to standard error. */
export function tellFatalErrorsTo(to: Pick<Log, "error">, isOnStderr: boolean): void {
  log = to;
  isSeenOnStderr = isOnStderr;
}

/** Ends the program like an unhandled error. */
export function endBy(error: unknown, programName: string): never {
  if (isEnding) Deno.exit(STATUS); // the log itself has failed
  isEnding = true;
  try {
    const line = `Ending on an unexpected error: ${stackOf(error)}`;
    log?.error(line);
    if (!isSeenOnStderr) complain(`${programName}: ${line.replaceAll(/\s*\n\s*/g, " | ")}`);
  } finally {
    Deno.exit(STATUS);
  }
}

/** Stack of an error, with name and message in its first line, followed by its causes. */
function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : ` | caused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
