/**
 * Runs a program that the administrator configured, with arguments from the network.
 *
 * The program is executed directly: no shell, no PATH search, no argument is interpreted. (A script
 * without `#!` is run by /bin/sh, as by execvp(3), with unchanged arguments.) It gets a clean
 * environment, null standard input and output, no capabilities, and its own process group, so that
 * all of it can be killed. The last line of its standard error is kept for the log.
 *
 * Arguments are bytes, but Deno passes only UTF-8. If one is not UTF-8, /bin/sh gets all of them as
 * octal digits, decodes them, and is replaced by the program (exec).
 *
 * Source: behaviour of nfs-utils (argv). Deviation: there is a time limit, and neither the
 * environment nor descriptors are inherited.
 */

import { systemClock } from "./clock.ts";
import type { Clock } from "../time/clock.ts";

/** Result of a program; `lastLine` is the last line of its standard error. */
export type CalloutResult =
  | { readonly outcome: "exited"; readonly status: number; readonly lastLine?: string }
  | { readonly outcome: "killed"; readonly signal: string }
  | { readonly outcome: "timeLimit"; readonly timeoutMs: number }
  | { readonly outcome: "notStarted"; readonly reason: string };

/** Complete environment of a callout. */
export const CALLOUT_ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" };
/** Bytes kept of standard error: its end, with room for one long line. */
const KEPT_BYTES = 1024;
/** Limit on reading the rest of standard error after the program's end, in ms: it is already in the pipe. */
const LAST_WORDS_MS = 100;
/**
 * Limit of pipes that background children of programs may hold open. Each costs a descriptor;
 * beyond it, the pipe is closed, and a child that still writes is ended by SIGPIPE.
 */
const PIPES_LEFT_MAX = 16;
/** Decodes arguments from `\0ooo`; the dot protects trailing line feeds. */
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
 * Runs a program to its end, or for `timeoutMs`; then its process group is killed. Never throws.
 * `args` have one character per byte, like text from the wire.
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
    throw new TypeError("an argument has a character that is not a byte of it");
  });
}

/** Text that Deno encodes to exactly these bytes; undefined if there is none. */
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

/** Tail of a program's standard error, read continuously so that the program never blocks. */
class LastWords {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #done: Promise<void>;
  #text = "";

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#done = this.#read();
  }

  /** Last non-empty line, one character per byte. Closes the pipe like {@link leave}. */
  async last(startTimer: Clock["startTimer"]): Promise<string> {
    const late = Promise.withResolvers<void>();
    const cancel = startTimer(LAST_WORDS_MS, late.resolve);
    await Promise.race([this.#done, late.promise]);
    cancel();
    this.leave();
    return this.#text.trimEnd().split("\n").at(-1)!.trim();
  }

  /** Keeps reading for background children, up to the limit of pipes. */
  leave(): void {
    if (pipesLeft >= PIPES_LEFT_MAX) return this.close();
    pipesLeft++;
    void this.#done.finally(() => pipesLeft--);
  }

  close(): void {
    // Rejects if the pipe is broken already.
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
      // A broken pipe has no more text.
    }
  }
}

/** Kills a detached program and its process group. */
export function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // exited just now
  }
}
