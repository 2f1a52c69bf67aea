/**
 * A program that reads lines on its standard input for as long as it runs. Like a callout it is executed
 * directly, with a clean environment and a process group of its own; what it writes goes nowhere.
 */

import { CALLOUT_ENVIRONMENT, killGroup } from "./callout.ts";

export interface FedProgram {
  /** Settles when the program has taken the text, which may be never. Rejects when it reads no more. */
  write(text: string): Promise<void>;
  /** How the program ended, in words. */
  readonly ended: Promise<string>;
  /** Ends its input. */
  finish(): void;
  /** Ends it, with what it has started. */
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
  writer.closed.catch(() => {}); // each write says so
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
