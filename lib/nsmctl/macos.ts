/**
 * Output as macOS' rpc.statd prints it for `-l` and `-L`, for scripts that were written for it. The
 * state directory stands for its status file.
 *
 * Source: behaviour of the Apple NFS project's rpc.statd, rpc.statd(8).
 */

import { shown } from "./text.ts";

/** What is shown of the database. */
export interface Snapshot {
  readonly path: string;
  /** Bytes in all files of records. */
  readonly bytes: number;
  readonly state: number;
  /** Flags of each peer, by name, in the order of the list. */
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

/** What stands above the peers, by `-l` and at the start of `-L`. */
export function header({ path, bytes, state, peers }: Snapshot): string {
  const head = `Status DB: ${path}\nStatus DB Length: ${bytes}\nState: ${state}\n`;
  return `${head}#Hosts: ${peers.size}\n${LEGEND}`;
}

/** The whole output of `-l`. */
export function listing(snapshot: Snapshot): string {
  let text = header(snapshot);
  for (const [name, { isMonitored, isToBeNotified }] of snapshot.peers) {
    text += `  ${isMonitored ? "M" : " "}  ${isToBeNotified ? "N" : " "}   ${shown(name)}\n`;
  }
  return text;
}

/** What `-L` prints for the peers of its first look: every one as new. */
export function firstLook(snapshot: Snapshot): string {
  return header(snapshot) + changes({ ...snapshot, peers: new Map() }, snapshot, false);
}

/** What `-L` prints for the difference between two looks; empty where there is none. */
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
