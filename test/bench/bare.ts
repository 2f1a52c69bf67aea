/** Bare program, compiled like the product. */

import { v8Flags } from "../support/v8_flags.ts";
import type { Candidate } from "./statd_host.ts";

const PROJECT = new URL("../..", import.meta.url).pathname;

/** Program in a temporary folder, which dispose removes. */
export class BareProgram implements Disposable {
  readonly folder = Deno.makeTempDirSync();
  readonly path = `${this.folder}/bare`;

  /** `source` is a file of this folder. */
  constructor(source = "bare_program.ts") {
    const flags = ["-A", "--no-prompt", "--no-code-cache", "--no-check", v8Flags()];
    const { success, stderr } = new Deno.Command(Deno.execPath(), {
      args: ["compile", "--quiet", ...flags, "--output", this.path, `test/bench/${source}`],
      cwd: PROJECT,
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  candidate(port: number): Candidate {
    return { name: "bare", command: [this.path, String(port)] };
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}
