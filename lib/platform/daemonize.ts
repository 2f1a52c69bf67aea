/**
 * Daemonizing: the program forks, or starts itself again where the runtime cannot fork, in a new
 * session, and waits until the new process is ready:
 *
 *     starter                                  daemon
 *     startInBackground() ── NSM_BACKGROUND=1 ──> isInBackground()
 *           |                                  leaveTerminal()
 *           | stdout of the daemon is a pipe   … everything that can fail …
 *           | <──────────── "ready" ────────── tellReady(): from here on stdio is /dev/null
 *        exit 0
 *
 * Standard error is shared until then, so that errors appear where the program was started. A forked
 * daemon has a pipe of its own instead of the environment variable and standard output.
 */

import { reasonOf } from "../reason.ts";
import { closeDescriptor } from "./descriptors.ts";
import { fork, INCOMPLETE_STATUS, openPipe, statusOf } from "./fork.ts";
import { libc } from "./libc.ts";
import { stdioToNull } from "./process_stdio.ts";
import type { SelfCommand } from "./self_command.ts";
import { holdSignals, isStopPending, onSignals } from "./signals.ts";
import { complain } from "./standard_streams.ts";

const BACKGROUND_VARIABLE = "NSM_BACKGROUND";
const READY = "ready\n";
const NULL = "/dev/null";
/** Limit of a message to a forked starter, in bytes: a pipe takes as many at once (PIPE_BUF). */
const MESSAGE_MAX_BYTES = 4096;
const POLLIN = 1;
/** Interval of looks for a held stop signal, in ms. */
const LOOK_MS = 50;
const SIGTERM = 15;
const SIGSEGV = 11;
/** Parts of a wait status, and the exit status of a shell for a signal. Source: wait(2). */
const SIGNAL_MASK = 0x7f;
const STATUS_SHIFT = 8;
const SIGNALLED = 128;
/** Variable `LEVEL:FORMAT` that makes a background program log to its starter's standard error. */
export const LOG_VARIABLE = "NSM_LOG";

/** Result for the parent of a fork. */
export interface ForkOutcome {
  /** 0 when the child is ready, else its exit status. */
  readonly status: number;
  /** Fault that the child serves in spite of; empty if there is none. */
  readonly fault: string;
}

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

/**
 * Checks /dev/null, which Deno opens to start a program, and does not name if it is missing. The
 * daemon's user may not be able to open a file in its place that root could open.
 */
function requireNull(): void {
  try {
    Deno.openSync(NULL, { read: true, write: true }).close();
  } catch (error) {
    throw new Error(
      `Cannot open "${NULL}", which going to the background needs: ` +
        `${reasonOf(error).replace(/ \(os error .*/s, "")}; mknod -m 666 ${NULL} c 1 3 makes it`,
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

/**
 * Forks. In the child it returns "background"; in the parent, the outcome when the child is ready or has
 * ended; undefined where a fork is impossible. Stop signals are held, and passed to the child. The
 * parent must not await anything but settled promises from then on, see fork.ts.
 *
 * @throws {Error} When there is no /dev/null.
 */
export function forkToBackground(): ForkOutcome | "background" | undefined {
  requireNull();
  const [reading, writing] = openPipe();
  holdSignals();
  const pid = fork();
  if (pid === 0) {
    closeDescriptor(reading);
    readyPipe = writing;
    isMarked = true;
    return "background";
  }
  closeDescriptor(writing);
  const outcome = pid === undefined ? undefined : outcomeOfChild(pid, reading);
  closeDescriptor(reading);
  // The child lacks memory: start the program again instead.
  const isIncomplete = outcome?.status === INCOMPLETE_STATUS ||
    outcome?.status === SIGNALLED + SIGSEGV;
  return isIncomplete ? undefined : outcome;
}

/**
 * Continues in a forked process, or starts the program again in the background. Returns the exit
 * status of this process; undefined in the forked one, which has left the working directory.
 */
export async function goToBackground(command: () => SelfCommand): Promise<number | undefined> {
  const forked = forkToBackground();
  if (forked !== "background") return forked?.status ?? await startInBackground(command());
  leaveTerminal();
  return undefined;
}

/** Waits without the event loop, which the child uses. */
function outcomeOfChild(pid: number, reading: number): ForkOutcome {
  const polled = new Int32Array([reading, POLLIN]);
  let isStopped = false;
  while (libc().poll(polled, 1n, LOOK_MS) <= 0) {
    if (isStopped || !isStopPending()) continue;
    isStopped = true;
    Deno.kill(pid, "SIGTERM");
  }
  const bytes = new Uint8Array(MESSAGE_MAX_BYTES);
  const length = libc().read(reading, bytes, BigInt(bytes.length)); // written at once
  if (length > 0) {
    return { status: 0, fault: new TextDecoder().decode(bytes.subarray(READY.length, length)) };
  }
  const status = statusOf(pid);
  const signal = status & SIGNAL_MASK;
  if (signal === 0) return { status: status >> STATUS_SHIFT, fault: "" };
  if (signal !== SIGTERM && signal !== SIGSEGV) {
    complain(`It was ended by signal ${signal} before it was ready`);
  }
  return { status: SIGNALLED + signal, fault: "" };
}

let readyPipe: number | undefined;
let isMarked: boolean | undefined;

/** Whether this process is one that {@link startInBackground} or {@link forkToBackground} has made. */
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

/**
 * Reports readiness to the starter, which exits, and detaches from its terminal. A forked starter learns
 * of the fault that we serve in spite of.
 */
export function tellReady(fault = ""): void {
  requireNull();
  const detach = () => stdioToNull({ keepsErrors: inheritedLog !== undefined });
  if (readyPipe !== undefined) {
    detach();
    const message = new TextEncoder().encode(READY + fault).subarray(0, MESSAGE_MAX_BYTES);
    libc().write(readyPipe, message, BigInt(message.length)); // fails if the starter was killed
    closeDescriptor(readyPipe);
    return;
  }
  try {
    Deno.stdout.writeSync(new TextEncoder().encode(READY));
  } catch {
    // the starter was killed; the daemon continues
  }
  detach();
}

let inheritedLog: string | undefined;

/** Log destination of the starter, from {@link LOG_VARIABLE}; undefined if unset. */
export function logOfStarter(): string | undefined {
  return inheritedLog ??= Deno.env.get(LOG_VARIABLE);
}
