/**
 * Going to the background. A runtime with threads cannot fork, so the program starts itself again in a
 * session of its own and waits until the new process says that it serves:
 *
 *     starter                                  daemon
 *     startInBackground() ── NSM_BACKGROUND=1 ──> isInBackground()
 *           |                                  leaveTerminal()
 *           | stdout of the daemon is a pipe   … everything that can fail …
 *           | <──────────── "ready" ────────── tellReady(): from here on stdio is /dev/null
 *        exit 0
 *
 * Standard error is shared until then, so what goes wrong is seen where the program was started.
 */

import { stdioToNull } from "./process_stdio.ts";
import type { SelfCommand } from "./self_command.ts";
import { onSignals } from "./signals.ts";
import { complain } from "./standard_streams.ts";

const BACKGROUND_VARIABLE = "NSM_BACKGROUND";
const READY = "ready\n";
const NULL = "/dev/null";
/**
 * Set for a program that is to log where its starter does, on standard error, in the background too:
 * `LEVEL:FORMAT`.
 */
export const LOG_VARIABLE = "NSM_LOG";

/** A program that has been started and is to say when it is ready. */
interface Starting {
  readonly child: Deno.ChildProcess;
  /** 0 when it is ready, else what it ended with. */
  readonly outcome: Promise<number>;
}

/**
 * Starts a program in the background and waits until it is ready.
 *
 * @returns 0 when it is ready, else the status that it ended with; of what killed it there is a line.
 * @throws {Error} When it cannot be started at all.
 */
export async function runInBackground(command: SelfCommand): Promise<number> {
  return await begin(command).outcome;
}

/**
 * Does as {@link runInBackground}, for a process that does nothing else: signals that ask us to stop are
 * handed on meanwhile, and the result is the status to exit with.
 */
export async function startInBackground(command: SelfCommand): Promise<number> {
  const over = new AbortController();
  let starting: Starting | undefined;
  // from before the start on: a signal in between would leave the daemon alone
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
  // a program started by the daemon may hold the pipe open after the daemon's end
  const isReady = Promise.race([saysReady(stdout), status.then(() => false)]);
  return { child, outcome: isReady.then((ready) => ready ? 0 : endOf(status, command.program)) };
}

/** Exit status of a program that never was ready, with a line about it: a trap of the runtime prints none. */
async function endOf(status: Promise<Deno.CommandStatus>, program: string): Promise<number> {
  const { code, signal } = await status;
  if (signal !== null && signal !== "SIGTERM" && signal !== "SIGINT") {
    complain(`"${program}" was ended by ${signal} before it was ready`);
  }
  return code;
}

/** /dev/null, which the runtime opens when it starts a program, and does not name where it is missing. */
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

/** True in a daemon that {@link startInBackground} has started. */
export function isInBackground(): boolean {
  if (isMarked === undefined) {
    isMarked = Deno.env.get(BACKGROUND_VARIABLE) !== undefined;
    Deno.env.delete(BACKGROUND_VARIABLE); // not for programs that the daemon starts
  }
  return isMarked;
}

/** Lets go of the folder that the daemon was started in. */
export function leaveTerminal(): void {
  Deno.chdir("/");
}

/** Ends the starter with success, and the use of its terminal. */
export function tellReady(): void {
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(READY));
  } catch {
    // the starter was killed: the daemon goes on
  }
  stdioToNull({ keepsErrors: inheritedLog !== undefined });
}

let inheritedLog: string | undefined;

/** The starter's place to log, from {@link LOG_VARIABLE}; undefined where it names none. */
export function logOfStarter(): string | undefined {
  return inheritedLog ??= Deno.env.get(LOG_VARIABLE);
}
