/** `-l`, `-L` and `-N HOST`, as macOS' rpc.statd has them. */

import { dropToOwner } from "./edit_state.ts";
import { changes, firstLook, type Flags, listing, type Snapshot } from "./macos.ts";
import { openNotifyStore } from "../store/notify_store.ts";
import { type ReadFile, SILENT_LOG, StateReader } from "./read_state.ts";
import { shown } from "./text.ts";
import { waitForChange } from "./state_changes.ts";
import type { Session } from "./session.ts";

/** Exit statuses as macOS has them; an error that is thrown is the second one too. */
const OK = 0;
const FAILED = 1;

/** `-l`: lists once. */
export function listOnce({ terminal, stateDirectoryPath }: Session): number {
  terminal.print(listing(snapshot(new StateReader(stateDirectoryPath))));
  return OK;
}

/** `-L`: lists, then prints what changes, until it is killed. */
export async function listForEver({ terminal, stateDirectoryPath }: Session): Promise<number> {
  const reader = new StateReader(stateDirectoryPath);
  // First the kernel begins to collect changes, then the files are read: nothing is lost between.
  const events = waitForChange(reader.layout);
  let next = events.next();
  let before = snapshot(reader);
  let isRead = terminal.print(firstLook(before));
  while (isRead && !(await next).done) {
    next = events.next();
    const after = snapshot(reader);
    const text = changes(before, after);
    if (text !== "") isRead = terminal.print(text);
    before = after;
  }
  return OK;
}

/** `-N HOST`: takes a host off the notify list; status 1 where there is no record of that name. */
export async function clearHost(session: Session, host: string): Promise<number> {
  const { terminal, programName, stateDirectoryPath } = session;
  const reader = new StateReader(stateDirectoryPath);
  const isKnown = snapshot(reader).peers.has(host);
  if (!isKnown) {
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

/** The database at one moment, ordered by name. */
function snapshot(reader: StateReader): Snapshot {
  const monitored = reader.monitorList();
  const toBeNotified = reader.notifyList();
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
  return { path: reader.layout.directory, bytes, state: reader.stateNumber() ?? 0, peers };
}

function namesOf(files: readonly ReadFile[]): string[] {
  return files.flatMap(({ records }) => records.map(({ record }) => record.monName));
}
