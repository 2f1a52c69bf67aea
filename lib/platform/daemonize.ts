/**
 * Daemonizing. A multi-threaded runtime cannot fork, so the program starts itself again in a new
 * session, and waits until the new process is ready:
 *
 *     starter                                  daemon
 *     startInBackground() ── NSM_BACKGROUND=1 ──> isInBackground()
 *           |                                  leaveTerminal()
 *           | stdout of the daemon is a pipe   … everything that can fail …
 *           | <──────────── "ready" ────────── tellReady(): from here on stdio is /dev/null
 *        exit 0
 *
 * Standard error is shared until then, so that errors appear where the program was started.
 */

import { stdioToNull } from "./process_stdio.ts";
import type { SelfCommand } from "./self_command.ts";
import { onSignals } from "./signals.ts";
import { complain } from "./standard_streams.ts";

const BACKGROUND_VARIABLE = "NSM_BACKGROUND";
const READY = "ready\n";
const NULL = "/dev/null";
/** Variable `LEVEL:FORMAT` that makes a background program log to its starter's standard error. */
export const LOG_VARIABLE = "NSM_LOG";

/** Started program that is not ready yet. */
interface Starting {
  readonly child: Deno.ChildProcess;
  /** 0 when it is ready, else its exit status. */
  readonly outcome: Promise<number>;
}

/**
 * Starts a program in the background and waits until it is ready.
 *
 * @returns 0 when it is ready, else its exit status; death by a signal is also reported in a line.
 * @throws {Error} When it cannot be started at all.
 */
export async function runInBackground(command: SelfCommand): Promise<number> {
  return await begin(command).outcome;
}

/**
 * {@link runInBackground} for a process with nothing else to do: stop signals are forwarded
 * meanwhile, and the result is the exit status.
 */
export async function startInBackground(command: SelfCommand): Promise<number> {
  const over = new AbortController();
  let starting: Starting | undefined;
  // before the start: otherwise a signal in between would orphan the daemon
  onSignals({ stop: (signal) => starting?.child.kill(signal) }, over.signal);
  try {
    starting = begin(command);
    return await starting.outcome;
  } finally {
    over.abort();
  }
}

function begin(command: SelfCommand): Starting {
  requireNull();
  const child = new Deno.Command(command.program, {
    args: [...command.args],
    env: { ...command.env, [BACKGROUND_VARIABLE]: "1" },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    detached: true, // setsid(2)
  }).spawn();
  const { status, stdout } = child;
  // a child of the daemon may hold the pipe open after the daemon's end
  const isReady = Promise.race([saysReady(stdout), status.then(() => false)]);
  return { child, outcome: isReady.then((ready) => ready ? 0 : endOf(status, command.program)) };
}

/**
 * Exit status of a program that never became ready, reported if a signal killed it: a trap in Deno
 * prints nothing.
 */
async function endOf(status: Promise<Deno.CommandStatus>, program: string): Promise<number> {
  const { code, signal } = await status;
  if (signal !== null && signal !== "SIGTERM" && signal !== "SIGINT") {
    complain(`"${program}" was ended by ${signal} before it was ready`);
  }
  return code;
}

/** Checks /dev/null, which Deno opens to start a program, and does not name if it is missing. */
function requireNull(): void {
  try {
    Deno.openSync(NULL, { read: true, write: true }).close();
  } catch (error) {
    throw new Error(
      `Cannot open "${NULL}", which going to the background needs: ${
        (error as Error).message.replace(/ \(os error .*/s, "")
      }`,
    );
  }
}

async function saysReady(output: ReadableStream<Uint8Array>): Promise<boolean> {
  let text = "";
  for await (const part of output.pipeThrough(new TextDecoderStream())) {
    text += part;
    if (text.endsWith(READY)) return true;
  }
  return false;
}

let isMarked: boolean | undefined;

/** Whether this process was started by {@link startInBackground}. */
export function isInBackground(): boolean {
  if (isMarked === undefined) {
    isMarked = Deno.env.get(BACKGROUND_VARIABLE) !== undefined;
    Deno.env.delete(BACKGROUND_VARIABLE); // not inherited by programs that the daemon starts
  }
  return isMarked;
}

/** Leaves the working directory of the start. */
export function leaveTerminal(): void {
  Deno.chdir("/");
}

/** Reports readiness to the starter, which exits with success, and detaches from its terminal. */
export function tellReady(): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(READY));
  } catch {
    // the starter was killed; the daemon goes on
  }
  stdioToNull({ keepsErrors: inheritedLog !== undefined });
}

let inheritedLog: string | undefined;

/** Log destination of the starter, from {@link LOG_VARIABLE}; undefined if unset. */
export function logOfStarter(): string | undefined {
  return inheritedLog ??= Deno.env.get(LOG_VARIABLE);
}
