/**
 * The names in the state directory, in one place. All but the dot names are nfs-utils', which skips
 * those when it reads a directory.
 *
 * ```
 * state              the state number
 * .statd.lock        locked by the daemon that serves the directory
 * .state             our copy of it
 * .statd.sock        where the daemon answers nsmctl
 * sm/HOST            monitor list: the records filed under one host
 * sm/.peers          what was learned of the peers
 * sm/.identities     identities that move between nodes, and which of them are held here
 * sm/.notices        notices that were answered and are not judged yet
 * sm.bak/.events     the history of both programs; .events.old is its first half
 * sm.bak/HOST        notify list: the same format, from before the last start
 * sm.bak/.run        the run of sm-notify that goes on, or was cut short
 * sm.bak/.progress   how far a run of sm-notify is, or was at its end
 * sm.bak/.start      locked by the sm-notify that starts
 * sm.bak/.life       the life of the host in which peers were told, where /run cannot be written
 * .PID.N.new         in any of the three: being written, not valid yet
 * sm/.PID.N.old      held records that are no more, kept to be written anew while anybody is monitored
 * ```
 */

import { join } from "@std/path/join";

/** Name of the file with the state number, in the state directory itself. */
export const STATE_FILE = "state";
/** Name of the peer memory, in the directory of the monitor list. */
export const PEERS_FILE = ".peers";
/** Name of the file of kept notices, in the directory of the monitor list. */
export const NOTICES_FILE = ".notices";
/** Name of the history, in the directory of the notify list: `sm` is empty while nobody is monitored. */
const EVENTS_FILE = ".events";
/** Suffix of the older part of the history. */
export const OLD_SUFFIX = ".old";
/** Name of the file that says how far a run of sm-notify is, in the directory of the notify list. */
const PROGRESS_FILE = ".progress";
/** Name of the file of the identities of this node, in the directory of the monitor list. */
export const IDENTITIES_FILE = ".identities";
/** Name of the control socket, in the state directory, so that two daemons do not share one. */
export const CONTROL_SOCKET = ".statd.sock";
/** Name of the file that the daemon has locked, in the state directory. */
export const LOCK_FILE = ".statd.lock";
/** Path of the control socket where nothing can be made in the state directory. */
export const VOLATILE_CONTROL_SOCKET = "/run/rpc.statd.sock";

/** Path of the socket on which the members of a group may look, and change nothing. */
export const STATUS_SOCKET = "/run/rpc.statd.status.sock";

/** The paths in a state directory. */
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

/** The paths in the state directory at `directory`. */
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
 * Name of a file that is being written. It does not hold the final name, which may already be as long
 * as file systems allow. Processes that write to one directory at a time have names of their own, and
 * `serial` tells apart those of one: 0 is for files that are written without letting anything else
 * happen meanwhile, and the others are for those of a group.
 */
export function asideName(serial: number): string {
  return `.${Deno.pid}.${serial}.new`;
}

/** Name of a file whose contents count no more, and which will be written anew. */
export function spareName(serial: number): string {
  return `.${Deno.pid}.${serial}.old`;
}

/** Whether a name is {@link spareName}'s, of whatever process. */
export function isSpareName(name: string): boolean {
  return /^\.\d+\.\d+\.old$/.test(name);
}

/** Whether a name is {@link asideName}'s, of whatever process. */
export function isOurAsideName(name: string): boolean {
  return /^\.\d+\.\d+\.new$/.test(name);
}

/** Whether a name in the lists is that, or nfs-utils' since 2.8.2 for the same purpose. */
export function isAsideName(name: string): boolean {
  return name.startsWith(".") && name.endsWith(".new");
}

/** Longest file name in bytes on Linux' file systems (NAME_MAX). */
const FILE_NAME_MAX_BYTES = 255;

/**
 * Why a file must not be named after a host, as the end of a sentence. The service has judged the name
 * before; this is the place where a mistake there would become a file outside of the directory (CERT
 * CA-1996-09).
 */
export function fileNameFault(name: string): string | undefined {
  if (name === "") return "the name is empty";
  if (name.startsWith(".")) return "the name begins with a dot";
  if (name.length > FILE_NAME_MAX_BYTES) return "the name is too long for a file";
  // Printable ASCII, without the blank and the slash.
  if (!/^[!-.0-~]+$/.test(name)) return "the name has a character that no file here may have";
  return undefined;
}
