/** Waiting for what another process does to files and to itself. */

import { eventually } from "./patience.ts";

/** Resolves when a file is there. */
export async function fileAppears(path: string): Promise<void> {
  await eventually(`there is "${path}"`, () => {
    try {
      return Deno.lstatSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Resolves when a file is not there. */
export async function fileIsGone(path: string): Promise<void> {
  await eventually(`"${path}" is gone`, () => {
    try {
      Deno.lstatSync(path);
      return false;
    } catch (error) {
      return error instanceof Deno.errors.NotFound;
    }
  });
}

/** Resolves when a process has ended; nobody may have asked for its status yet. */
export async function processIsGone(pid: number): Promise<void> {
  await eventually(`process ${pid} has ended`, () => {
    try {
      return /\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    } catch {
      return true;
    }
  });
}
