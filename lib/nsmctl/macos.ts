/**
 * `-l`, `-L` and `-N HOST` of macOS' rpc.statd, for scripts written for it. The state directory
 * replaces its status file.
 *
 * Source: behaviour of the Apple NFS project's rpc.statd, rpc.statd(8).
 */

import { reasonOf } from "../reason.ts";
import type { Session } from "./session.ts";
import {
  dropToOwner,
  type ReadFile,
  SILENT_LOG,
  StateReader,
  waitForChange,
} from "./state_directory.ts";
import { tellUnread } from "./roster.ts";
import { shown } from "./text.ts";
import { openNotifyStore } from "../store/notify_store.ts";

/** Contents of the database to be shown. */
export interface Snapshot {
  readonly path: string;
  /** Total size of the record files, in bytes. */
  readonly bytes: number;
  readonly state: number;
  /** Flags of each peer, by name, in list order. */
  readonly peers: ReadonlyMap<string, Flags>;
}

export interface Flags {
  readonly isMonitored: boolean;
  readonly isToBeNotified: boolean;
}

const LEGEND = `  +----- Being Monitored
  |  +-- Notification Required
  |  |
  v  v
`;

/** Header above the peers, for `-l` and the start of `-L`. */
export function header({ path, bytes, state, peers }: Snapshot): string {
  const head = `Status DB: ${path}\nStatus DB Length: ${bytes}\nState: ${state}\n`;
  return `${head}#Hosts: ${peers.size}\n${LEGEND}`;
}

/** Output of `-l`. */
export function listing(snapshot: Snapshot): string {
  let text = header(snapshot);
  for (const [name, { isMonitored, isToBeNotified }] of snapshot.peers) {
    text += `  ${isMonitored ? "M" : " "}  ${isToBeNotified ? "N" : " "}   ${shown(name)}\n`;
  }
  return text;
}

/** First output of `-L`: all peers as new. */
export function firstLook(snapshot: Snapshot): string {
  return header(snapshot) + changes({ ...snapshot, peers: new Map() }, snapshot, false);
}

/** Output of `-L` for the difference between two snapshots; empty without one. */
export function changes(before: Snapshot, after: Snapshot, withCounts = true): string {
  let text = "";
  const count = (title: string, old: number, now: number) => {
    if (withCounts && old !== now) text += `${title}: ${old} -> ${now}\n`;
  };
  count("Status DB Length", before.bytes, after.bytes);
  count("State", before.state, after.state);
  count("#Hosts", before.peers.size, after.peers.size);
  for (const [name, flags] of before.peers) {
    if (!after.peers.has(name)) text += changeLine("-", flags, name);
  }
  for (const [name, flags] of after.peers) {
    const old = before.peers.get(name);
    if (old === undefined) text += changeLine("+", flags, name);
    else if (
      old.isMonitored !== flags.isMonitored || old.isToBeNotified !== flags.isToBeNotified
    ) text += changeLine(" ", flags, name);
  }
  return text;
}

function changeLine(mark: string, { isMonitored, isToBeNotified }: Flags, name: string): string {
  return `${mark} ${isMonitored ? "M" : " "}  ${isToBeNotified ? "N" : " "}   ${shown(name)}\n`;
}

/** Exit statuses of macOS; a thrown error gives the second one too. */
const OK = 0;
const FAILED = 1;

/** `-l`: lists once. */
export function listOnce(session: Session): number {
  const unread: string[] = [];
  session.terminal.print(listing(snapshot(new StateReader(session.stateDirectoryPath), unread)));
  return tellUnread(unread, session) ? OK : FAILED;
}

/** `-L`: prints the list, then changes, until killed. */
export async function listForEver(session: Session): Promise<number> {
  const { terminal, stateDirectoryPath } = session;
  const unread: string[] = [];
  const reader = new StateReader(stateDirectoryPath);
  // Watching starts before the files are read, so that no change is lost.
  const events = waitForChange(reader.layout);
  let next = events.next();
  let before = snapshot(reader, unread);
  let isRead = terminal.print(firstLook(before));
  tellUnread(unread, session);
  while (isRead && !(await next).done) {
    next = events.next();
    const after = snapshot(reader, unread);
    const text = changes(before, after);
    if (text !== "") isRead = terminal.print(text);
    before = after;
  }
  return OK;
}

/** `-N HOST`: removes a host from the notify list; status 1 if there is not a record of that name. */
export async function clearHost(session: Session, host: string): Promise<number> {
  const { terminal, programName, stateDirectoryPath } = session;
  const reader = new StateReader(stateDirectoryPath);
  const unread: string[] = [];
  const isKnown = snapshot(reader, unread).peers.has(host);
  if (!isKnown) {
    tellUnread(unread, session);
    terminal.complain(`${programName}: ${shown(host)} is not in the database`);
    return FAILED;
  }
  dropToOwner(reader.layout);
  const store = openNotifyStore(stateDirectoryPath, { log: SILENT_LOG });
  for (const record of store.load()) {
    if (record.monName === host) await store.remove(record);
  }
  return OK;
}

/** Snapshot of the database, ordered by name; read errors are appended to `unread`. */
function snapshot(reader: StateReader, unread: string[]): Snapshot {
  const monitored = reader.monitorList(unread);
  const toBeNotified = reader.notifyList(unread);
  const flags = new Map<string, { isMonitored: boolean; isToBeNotified: boolean }>();
  const flagsOf = (name: string) => {
    const known = flags.get(name) ?? { isMonitored: false, isToBeNotified: false };
    flags.set(name, known);
    return known;
  };
  for (const name of namesOf(monitored)) flagsOf(name).isMonitored = true;
  for (const name of namesOf(toBeNotified)) flagsOf(name).isToBeNotified = true;
  const peers: ReadonlyMap<string, Flags> = new Map(
    [...flags].sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0),
  );
  const bytes = [...monitored, ...toBeNotified].reduce((sum, file) => sum + file.bytes, 0);
  return { path: reader.layout.directory, bytes, state: stateOf(reader, unread), peers };
}

/** State number; 0 where there is none, or it cannot be read. */
function stateOf(reader: StateReader, unread: string[]): number {
  try {
    return reader.stateNumber() ?? 0;
  } catch (error) {
    unread.push(reasonOf(error));
    return 0;
  }
}

function namesOf(files: readonly ReadFile[]): string[] {
  return files.flatMap(({ records }) => records.map(({ record }) => record.monName));
}
