/** Waiting for effects of another process: files, and its end. */

import { eventually } from "./patience.ts";

/** Resolves once a file exists. */
export async function fileAppears(path: string): Promise<void> {
  await eventually(`there is "${path}"`, () => {
    try {
      return Deno.lstatSync(path).isFile;
    } catch {
      return false;
    }
  });
}

/** Resolves once a file no longer exists. */
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

/** Resolves once a process has ended; it may still be a zombie. */
export async function processIsGone(pid: number): Promise<void> {
  await eventually(`process ${pid} has ended`, () => {
    try {
      return /\) [ZX] /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
    } catch {
      return true;
    }
  });
}
