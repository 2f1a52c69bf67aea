/** Program running beside the test: its output lines are kept and can be awaited. */

import { inTime } from "./patience.ts";

/** Wrapper that prints its process id and then executes the program. */
const WITH_PID = ["sh", "-c", 'echo $$; exec "$@"', "sh"];

/** Place where a program runs, such as a namespace. */
export interface Place {
  /** Command that runs `command` in the place. */
  inside(command: readonly string[]): readonly string[];
  /** Sends a signal to a process of the place. */
  kill(pid: number, signal: string): Promise<void>;
}

export class BackgroundProgram {
  /** Lines of stdout and stderr in order of arrival, without line ends. */
  readonly lines: string[] = [];
  /** Resolves to the exit status after the end and all output; never rejects. */
  readonly ended: Promise<number>;
  /** Process id in the place. */
  readonly pid: Promise<number>;
  readonly #place: Place;
  readonly #name: string;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #hasEnded = false;
  #news = Promise.withResolvers<void>();

  /** Starts `command`; `onLine`, if given, gets the lines of stdout instead of {@link lines}. */
  constructor(place: Place, command: readonly string[], onLine?: (line: string) => void) {
    this.#place = place;
    this.#name = command.join(" ");
    const [program, ...args] = place.inside([...WITH_PID, ...command]);
    const options = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
    const env = { LC_ALL: "C" };
    const process = new Deno.Command(program!, { args, env, ...options }).spawn();
    this.#input = process.stdin.getWriter();
    const pid = Promise.withResolvers<number>();
    this.pid = pid.promise;
    let isFirst = true;
    this.ended = this.#follow(process, (line) => {
      if (isFirst) pid.resolve(Number(line));
      else (onLine ?? this.#keep)(line);
      isFirst = false;
    });
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Waits for a matching line, also among lines already written; skips the first `since` lines. */
  async line(pattern: RegExp, since = 0): Promise<string> {
    for (;;) {
      const found = this.lines.slice(since).find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (this.#hasEnded) throw new Error(`"${this.#name}" ended without a line ${pattern}`);
      await inTime(`line ${pattern} of "${this.#name}"`, this.#news.promise);
    }
  }

  /** Writes a line to standard input. */
  async write(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Closes standard input. */
  async closeInput(): Promise<void> {
    await this.#input.close().catch(() => {}); // may be closed by the program's end
  }

  /** Sends a signal. */
  async kill(signal: string): Promise<void> {
    await this.#place.kill(await this.pid, signal);
  }

  /** Ends the program by a signal; returns its exit status. */
  async stop(signal = "TERM"): Promise<number> {
    if (!this.#hasEnded) await this.kill(signal);
    return await inTime(`end of "${this.#name}"`, this.ended);
  }

  /** All output so far. */
  report(): string {
    return [`--- ${this.#name}`, ...this.lines, ""].join("\n");
  }

  async #follow(process: Deno.ChildProcess, onLine: (line: string) => void): Promise<number> {
    await Promise.all([linesOf(process.stdout, onLine), linesOf(process.stderr, this.#keep)]);
    const { code } = await process.status;
    await this.closeInput();
    this.#hasEnded = true;
    this.#news.resolve();
    return code;
  }

  #keep = (line: string): void => {
    this.lines.push(line);
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  };
}

async function linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const part of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + part).split("\n");
    rest = lines.pop()!;
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
}
