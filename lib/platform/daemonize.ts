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

const BACKGROUND_VARIABLE = "NSM_BACKGROUND";
const READY = "ready\n";

/**
 * Starts the daemon and waits until it is ready.
 *
 * @returns The status to exit with: 0 when it is ready, else what the daemon ended with. Signals that
 * ask us to stop are handed on meanwhile.
 * @throws {Error} When it cannot be started at all.
 */
export async function startInBackground(command: SelfCommand): Promise<number> {
  const daemon = new Deno.Command(command.program, {
    args: [...command.args],
    env: { ...command.env, [BACKGROUND_VARIABLE]: "1" },
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
    detached: true, // setsid(2)
  });
  const over = new AbortController();
  let child: Deno.ChildProcess | undefined;
  // from before the start on: a signal in between would leave the daemon alone
  onSignals({ stop: (signal) => child?.kill(signal) }, over.signal);
  try {
    child = daemon.spawn();
    const { status, stdout } = child;
    // a program started by the daemon may hold the pipe open after the daemon's end
    const isReady = await Promise.race([saysReady(stdout), status.then(() => false)]);
    return isReady ? 0 : (await status).code;
  } finally {
    over.abort();
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

/** Whether this process is a daemon that {@link startInBackground} has started. */
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
  stdioToNull();
}
