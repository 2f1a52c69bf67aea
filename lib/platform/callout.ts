/**
 * Running a program that the administrator named, with arguments that come from the network.
 *
 * It is executed directly: no shell, no search, no part of an argument has a meaning. (A script without
 * `#!` is run by /bin/sh, as execvp(3) does, with its arguments as they are.) It has a clean
 * environment, nothing on its standard input and output, no capabilities, and a process group of its
 * own, so that all of it can be ended. The last line of its standard error is kept for the log.
 *
 * Arguments are bytes. The runtime passes UTF-8 only; where an argument is not UTF-8, /bin/sh is given
 * all of them as octal digits, puts the bytes together and is replaced by the program (exec).
 *
 * Source: behaviour of nfs-utils (argv). Deviation: there is a time limit; the environment is not handed
 * on, and neither are descriptors.
 */

import { systemClock } from "./clock.ts";
import type { Clock } from "../time/clock.ts";

/** End of a program; `lastLine` is the last line of its standard error. */
export type CalloutResult =
  | { readonly outcome: "exited"; readonly status: number; readonly lastLine?: string }
  | { readonly outcome: "killed"; readonly signal: string }
  | { readonly outcome: "timeLimit"; readonly timeoutMs: number }
  | { readonly outcome: "notStarted"; readonly reason: string };

/** All that a program finds in its environment. */
export const CALLOUT_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
/** Bytes of standard error that are kept: the end of it, with room for one long line. */
const KEPT_BYTES = 1024;
/** Limit on reading the rest of standard error after the program has ended, in ms: it is in a pipe. */
const LAST_WORDS_MS = 100;
/**
 * Pipes that programs left running may hold open, in number. Each costs a descriptor; beyond, the pipe
 * is closed, and a program that still writes into it is ended by SIGPIPE.
 */
const PIPES_LEFT_MAX = 16;
/** Decodes its arguments from `\0ooo`; the dot keeps line feeds at the end of one. */
const DECODING_SCRIPT = `
program=$0 left=$#
while [ "$left" -gt 0 ]; do
  bytes=$(printf '%b.' "$1")
  shift
  set -- "$@" "\${bytes%.}"
  left=$((left - 1))
done
exec "$program" "$@"`;

let pipesLeft = 0;

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
    child = commandOf(program, args).spawn();
  } catch (error) {
    return { outcome: "notStarted", reason: (error as Error).message };
  }
  const words = new LastWords(child.stderr);
  const timeLimit = Promise.withResolvers<"timeLimit">();
  const cancel = startTimer(timeoutMs, () => timeLimit.resolve("timeLimit"));
  const ended = await Promise.race([child.status, timeLimit.promise]);
  cancel();
  if (ended === "timeLimit") {
    killGroup(child.pid);
    words.close();
    return { outcome: "timeLimit", timeoutMs };
  }
  if (ended.signal !== null) {
    words.close();
    return { outcome: "killed", signal: ended.signal };
  }
  if (ended.code === 0) {
    words.leave();
    return { outcome: "exited", status: 0 };
  }
  const lastLine = await words.last(startTimer);
  return { outcome: "exited", status: ended.code, ...(lastLine === "" ? {} : { lastLine }) };
}

function commandOf(program: string, args: readonly string[]): Deno.Command {
  const bytes = args.map(bytesOf);
  const texts = bytes.map(utf8Text);
  const isText = texts.every((text) => text !== undefined);
  const options = {
    clearEnv: true,
    env: CALLOUT_ENVIRONMENT,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    detached: true,
  } as const;
  if (isText) return new Deno.Command(program, { args: texts, ...options });
  const shellArgs = ["-c", DECODING_SCRIPT, program, ...bytes.map(octal)];
  return new Deno.Command("/bin/sh", { args: shellArgs, ...options });
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code > 0 && code <= 0xff) return code;
    throw new TypeError("an argument has a character that is no byte of one");
  });
}

/** Text that the runtime encodes to just these bytes; undefined where there is none. */
function utf8Text(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function octal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\0${byte.toString(8).padStart(3, "0")}`).join("");
}

/** The end of what a program writes to its standard error, which is read so that it never waits. */
class LastWords {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#done = this.#read();
  }

  /** The last line that is not empty, one character for each byte. Closes the pipe as {@link leave} does. */
  async last(startTimer: Clock["startTimer"]): Promise<string> {
    const late = Promise.withResolvers<void>();
    const cancel = startTimer(LAST_WORDS_MS, late.resolve);
    await Promise.race([this.#done, late.promise]);
    cancel();
    this.leave();
    return this.#text.trimEnd().split("\n").at(-1)!.trim();
  }

  /** Reads on for programs that were left running, as long as there are few. */
  leave(): void {
    if (pipesLeft >= PIPES_LEFT_MAX) return this.close();
    pipesLeft++;
    void this.#done.finally(() => pipesLeft--);
  }

  close(): void {
    // It rejects where the pipe is broken already.
    this.#reader.cancel().catch(() => {});
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        const { done, value } = await this.#reader.read();
        if (done) return;
        const chunk = String.fromCharCode(...value.subarray(-KEPT_BYTES));
        this.#text = (this.#text + chunk).slice(-KEPT_BYTES);
      }
    } catch {
      // A broken pipe has no more words.
    }
  }
}

/** Ends a program that was started detached, with what it has started. */
export function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // it ended by itself just now
  }
}
