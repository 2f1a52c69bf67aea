/**
 * Names in the state directory. All but the dot names are nfs-utils', which skips dot names.
 *
 * ```
 * state              the state number
 * .statd.lock        lock of the daemon that serves the directory
 * .state             our copy of the state number
 * .statd.sock        control socket, for nsmctl
 * sm/HOST            monitor list: the records filed under one host
 * sm/.peers          peer memory
 * sm/.identities     identities that move between nodes, and which of them are held here
 * sm/.notices        kept notices
 * sm.bak/.events     event history of both programs; .events.old is its older part, and
 *                    .events.damaged what was there and is no history
 * sm.bak/HOST        notify list: records from before the last start, in the format of sm
 * sm.bak/.run        note of the run of sm-notify in progress, or cut short
 * sm.bak/.progress   progress or result of a run of sm-notify
 * sm.bak/.start      lock of the sm-notify that is starting
 * sm.bak/.life       life of the host in which peers were told, where /run is not writable
 * .PID.N.new         in any of the three: file aside, not valid yet
 * sm/.PID.N.old      spare files, rewritten for new records while any peer is monitored
 * ```
 */

import { join } from "@std/path/join";

/** Name of the state number's file, in the state directory. */
export const STATE_FILE = "state";
/** Name of the peer memory, in the directory of the monitor list. */
export const PEERS_FILE = ".peers";
/** Name of the file of kept notices, in the directory of the monitor list. */
export const NOTICES_FILE = ".notices";
/** Name of the history, in the directory of the notify list: `sm` is empty while no peer is monitored. */
const EVENTS_FILE = ".events";
/** Suffix of the older part of the history. */
export const OLD_SUFFIX = ".old";
/** Suffix of a file put aside because its contents can never be those of its name. */
export const DAMAGED_SUFFIX = ".damaged";
/** Name of the progress file, in the directory of the notify list. */
const PROGRESS_FILE = ".progress";
/** Name of the identity file, in the directory of the monitor list. */
export const IDENTITIES_FILE = ".identities";
/** Name of the control socket, in the state directory, so that each daemon has its own. */
export const CONTROL_SOCKET = ".statd.sock";
/** Name of the lock file, in the state directory. */
export const LOCK_FILE = ".statd.lock";
/** Path of the control socket if the state directory is not writable. */
export const VOLATILE_CONTROL_SOCKET = "/run/rpc.statd.sock";

/** Path of the read-only socket for members of a group. */
export const STATUS_SOCKET = "/run/rpc.statd.status.sock";

/** Paths in a state directory. */
export interface Layout {
  readonly directory: string;
  readonly state: string;
  readonly stateCopy: string;
  readonly monitorList: string;
  readonly notifyList: string;
  readonly peers: string;
  readonly notices: string;
  readonly events: string;
  readonly progress: string;
}

export function layoutOf(directory: string): Layout {
  const monitorList = join(directory, "sm");
  const notifyList = join(directory, "sm.bak");
  return {
    directory,
    state: join(directory, STATE_FILE),
    stateCopy: join(directory, `.${STATE_FILE}`),
    monitorList,
    notifyList,
    peers: join(monitorList, PEERS_FILE),
    notices: join(monitorList, NOTICES_FILE),
    events: join(notifyList, EVENTS_FILE),
    progress: join(notifyList, PROGRESS_FILE),
  };
}

/**
 * Name of a file aside. It does not contain the final name, which may already have the maximum
 * length. The pid tells processes apart, and `serial` the files of one process: 0 is for a file
 * written synchronously, the other numbers are for the files of a group.
 */
export function asideName(serial: number): string {
  return `.${Deno.pid}.${serial}.new`;
}

/** Name of a spare file, whose contents are void. */
export function spareName(serial: number): string {
  return `.${Deno.pid}.${serial}.old`;
}

/** Whether a name is a spare file's, of any process. */
export function isSpareName(name: string): boolean {
  return /^\.\d+\.\d+\.old$/.test(name);
}

/** Whether a name is that of a file aside of ours, of any process. */
export function isOurAsideName(name: string): boolean {
  return /^\.\d+\.\d+\.new$/.test(name);
}

/** Whether a name is that of a file aside, ours or nfs-utils' (since 2.8.2). */
export function isAsideName(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".new");
}

/** Longest file name in bytes on Linux' file systems (NAME_MAX). */
const FILE_NAME_MAX_BYTES = 255;

/**
 * Why no file may have a host's name, as the end of a sentence. The service validates names first;
 * this second check prevents a file outside of the directory (CERT CA-1996-09).
 */
export function fileNameFault(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.startsWith(".")) return "the name begins with a dot";
  if (name.length > FILE_NAME_MAX_BYTES) return "the name is too long for a file";
  // Printable ASCII without blank and slash.
  if (!/^[!-.0-~]+$/.test(name)) return "the name has a character that no file here may have";
  return undefined;
}
