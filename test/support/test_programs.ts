/** `platform_program.ts` as a process: run from source, or compiled like the product. */

import { v8Flags } from "./v8_flags.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;
const SOURCE = `${PROJECT}test/support/platform_program.ts`;

/** Flags as in install.sh. */
const COMPILE_FLAGS = ["-A", "--no-prompt", "--no-code-cache", v8Flags()];

/** A way to start the program. */
export interface TestProgram {
  readonly name: string;
  /** Starts the program with pipes for its standard streams. */
  spawn(args: readonly string[], options?: Partial<Deno.CommandOptions>): Deno.ChildProcess;
}

/** The working directory is open to all users; the project may be below a private folder. */
const PIPES = { cwd: "/", stdin: "piped", stdout: "piped", stderr: "piped" } as const;

/** Program run from source. */
export const sourceProgram: TestProgram = {
  name: "from source",
  spawn: (args, options) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", SOURCE, ...args],
      ...PIPES,
      ...options,
    }).spawn(),
};

/** Compiled program in a world-readable folder, which dispose removes. */
export class CompiledProgram implements TestProgram, Disposable {
  readonly name = "compiled";
  readonly folder = Deno.makeTempDirSync();
  readonly path = `${this.folder}/rpc.statd`;

  constructor(source = SOURCE) {
    const { success, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["compile", "--quiet", "--no-check", ...COMPILE_FLAGS, "-o", this.path, source],
      cwd: PROJECT,
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    Deno.chmodSync(this.folder, 0o755);
  }

  spawn(args: readonly string[], options: Partial<Deno.CommandOptions> = {}): Deno.ChildProcess {
    return new Deno.Command(this.path, { args: [...args], ...PIPES, ...options }).spawn();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Output of a program and its exit status. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Waits for the end of a program, and of every process that holds its pipes. */
export async function outcomeOf(child: Deno.ChildProcess): Promise<Outcome> {
  await child.stdin.close();
  const { code, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr) };
}
