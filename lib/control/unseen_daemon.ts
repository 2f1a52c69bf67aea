/**
 * Daemons of ours that serve a state directory without a control socket in it: the socket was
 * removed, or the directory was replaced by another.
 *
 * Source: proc(5), /proc/PID/cwd and /proc/PID/exe. The daemon's working directory is its state
 * directory.
 */

import { statdPidFile } from "../platform/pid_file.ts";
import { hostNetworkNamespace, ownNetworkNamespace } from "../platform/proc.ts";
import {
  DELETED,
  directoryOf,
  innerId,
  type Process,
  processesIn,
  processesNamed,
  processOf,
  STATD_PROCESS,
} from "../platform/processes.ts";
import { readableText } from "../platform/small_files.ts";

/** True for a process of this executable. An unreadable or since replaced executable counts as ours. */
export function isOurProgram({ program, isProgramReplaced }: Process): boolean {
  return program === undefined || isProgramReplaced || program === realPath(Deno.execPath());
}

/** Daemon whose working directory is this one; undefined if none is visible. */
export function workingDaemon(directory: string): Process | undefined {
  return processesIn(directory, STATD_PROCESS).find(isOurProgram);
}

/**
 * Daemon of the pid file, if its working directory is another one. `isRemoved`: its directory was
 * removed.
 */
export function elsewhereDaemon(
  directory: string,
): { readonly pid: number; readonly cwd: string; readonly isRemoved: boolean } | undefined {
  const text = readableText(statdPidFile(ownNetworkNamespace(), hostNetworkNamespace()))?.trim();
  const one = /^\d+$/.test(text ?? "") ? processOf(Number(text)) : undefined;
  if (one?.name !== STATD_PROCESS || !isOurProgram(one)) return undefined;
  const isRemoved = directoryOf(one.pid) === `${realPath(directory)}${DELETED}`;
  return { pid: one.pid, cwd: `/proc/${one.pid}/cwd`, isRemoved };
}

/**
 * Id of a daemon's process in our namespace of process ids; its own account is of its namespace, which
 * is another one in a container. Undefined if the process is not visible.
 */
export function visiblePid(inner: number): number | undefined {
  const found = processesNamed(STATD_PROCESS).filter(({ pid }) => (innerId(pid) ?? pid) === inner);
  return found.find(({ pid }) => pid === inner)?.pid ?? found[0]?.pid;
}

function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}
