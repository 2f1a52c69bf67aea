/**
 * Processes of our daemon that serve a state directory and have no control socket in it: somebody removed
 * the socket, or put another directory in the place of the one that it works in.
 *
 * Source: proc(5), /proc/PID/cwd and /proc/PID/exe. The daemon's working directory is its state directory.
 */

import { statdPidFile } from "../platform/pid_file.ts";
import { hostNetworkNamespace, ownNetworkNamespace } from "../platform/proc.ts";
import {
  DELETED,
  directoryOf,
  type Process,
  processesNamed,
  processOf,
  worksIn,
} from "../platform/processes.ts";
import { readableText } from "../platform/small_files.ts";
import { PROCESS_NAME } from "./hung_daemon.ts";

/** Whether a process runs this program, as far as this user may know; an older one was replaced since. */
export function isOurProgram({ program, isProgramReplaced }: Process): boolean {
  return program === undefined || isProgramReplaced || program === realPath(Deno.execPath());
}

/** Our daemon whose working directory is this one; undefined where none is in sight. */
export function workingDaemon(directory: string): Process | undefined {
  return processesNamed(PROCESS_NAME).find((one) =>
    isOurProgram(one) && worksIn(one.pid, directory)
  );
}

/** The daemon of the pid file, if it works elsewhere than in this directory: where, and whether that is gone. */
export function elsewhereDaemon(
  directory: string,
): { readonly pid: number; readonly cwd: string; readonly isRemoved: boolean } | undefined {
  const text = readableText(statdPidFile(ownNetworkNamespace(), hostNetworkNamespace()))?.trim();
  const one = /^\d+$/.test(text ?? "") ? processOf(Number(text)) : undefined;
  if (one?.name !== PROCESS_NAME || !isOurProgram(one)) return undefined;
  const isRemoved = directoryOf(one.pid) === `${realPath(directory)}${DELETED}`;
  return { pid: one.pid, cwd: `/proc/${one.pid}/cwd`, isRemoved };
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
