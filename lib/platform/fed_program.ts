/**
 * Long-running program that reads lines on its standard input. Like a callout it is executed
 * without a shell, with a clean environment and in a process group of its own; its output is
 * discarded.
 */

import { CALLOUT_ENVIRONMENT, killGroup } from "./callout.ts";

export interface FedProgram {
  /**
   * Resolves once the program has read the text; never, if it hangs. Rejects after the program
   * closed its input.
   */
  write(text: string): Promise<void>;
  /** Description of the program's end. */
  readonly ended: Promise<string>;
  /** Closes the program's input. */
  finish(): void;
  /** Kills the program and its process group. */
  kill(): void;
}

/** Starts a program. @throws {Error} */
export function startFedProgram(path: string): FedProgram {
  if (!path.includes("/")) throw new TypeError(`"${path}" is not a path`);
  const child = new Deno.Command(path, {
    clearEnv: true,
    env: CALLOUT_ENVIRONMENT,
    stdin: "piped",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  const writer = child.stdin.getWriter();
  writer.closed.catch(() => {}); // reported by each write
  const encoder = new TextEncoder();
  return {
    write: (text) => writer.write(encoder.encode(text)),
    ended: child.status.then(({ signal, code }) =>
      signal === null ? `ended with status ${code}` : `was ended by ${signal}`
    ),
    finish: () => void writer.close().catch(() => {}),
    kill() {
      killGroup(child.pid);
      writer.abort().catch(() => {});
    },
  };
}
