/** `nsmctl import`: adds records of another status monitor, or of another host, to one of our lists. */

import { plural } from "../quote.ts";
import { reachDaemon } from "../control/client.ts";
import { makeLog, stderrSink } from "../log.ts";
import { hostNameFault, nameKey, storableMyName } from "../nsm/host_name.ts";
import type { MonitorRecord } from "../nsm/ports.ts";
import { reasonOf } from "../reason.ts";
import { registrationKey } from "../nsm/registration_key.ts";
import { lockDirectory } from "../store/directory_lock.ts";
import { RealFileSystem } from "../store/file_system.ts";
import { type ForeignRecords, readForeignRecords } from "../store/foreign_records.ts";
import { addToMonitorList, addToNotifyList } from "../store/import_records.ts";
import { fileNameFault, layoutOf } from "../store/layout.ts";
import { recordFault } from "../store/record_format.ts";
import { type Command, Status } from "./command.ts";
import { dropToOwner } from "./state_directory.ts";
import type { Session } from "./session.ts";
import { shown } from "./text.ts";

/** Skipped records that are listed. */
const NAMED_MAX = 20;

/** Lists that records can be added to. */
const LISTS = ["notify", "monitor"] as const;
type List = typeof LISTS[number];

export const importRecords: Command = {
  name: "import",
  summary: "Add records of another status monitor to one of our lists.",
  operands: "PATH",
  operandsMin: 1,
  operandsMax: 1,
  options: [
    {
      long: "as",
      argument: "LIST",
      help: "List: notify (default), or monitor, which requires that no rpc.statd runs.",
    },
    { letter: "n", long: "dry-run", help: "Print what would be added, and change nothing." },
  ],
  details: [
    "PATH is a state directory of nfs-utils or a folder with its records (sm, sm.bak, sm.ha, a holding " +
    "directory), the database statd.status of FreeBSD or macOS, a folder statmon of illumos, a folder " +
    "of CTDB with files statd-state@SERVER@CLIENT, or a file with the output of export.",
    "PATH is not changed, and no link in it is followed.",
    "Exit status: 0; 1 if there is nothing to import, or a record was skipped.",
  ],
  example: "nsmctl import /mnt/old/var/lib/nfs",
  takesPeers: false,
  async run(given, session) {
    const { terminal, programName } = session;
    const complain = (line: string) => terminal.complain(`${programName}: ${line}`);
    const list = given.get("as") ?? "notify";
    if (!isList(list)) {
      complain(`--as ${shown(list)}: a list is ${LISTS.join(" or ")}`);
      return Status.USAGE;
    }
    const path = given.operands[0]!;
    if (list === "notify" && isOwn(path, session.stateDirectoryPath)) {
      complain(
        `${shown(path)} is our own: its peers would be told of a reboot that did not happen`,
      );
      return Status.PROBLEM;
    }
    let found: ForeignRecords;
    try {
      found = readForeignRecords(new RealFileSystem(), path, Deno.hostname());
    } catch (error) {
      complain(`Cannot import ${shown(path)}: ${reasonOf(error)}`);
      return Status.PROBLEM;
    }
    const { accepted, refused } = judged(found);
    for (const line of refused.slice(0, NAMED_MAX)) complain(`Skipped: ${line}`);
    if (refused.length > NAMED_MAX) complain(`Skipped: ${refused.length - NAMED_MAX} more`);
    if (accepted.length === 0) {
      complain(`No records in ${shown(path)}`);
      return Status.PROBLEM;
    }
    const isDone = given.has("dry-run") || await add(accepted, list, session, complain);
    if (!isDone) return Status.PROBLEM;
    terminal.print(summary(accepted, list, given.has("dry-run")));
    return refused.length > 0 ? Status.PROBLEM : Status.OK;
  },
};

function isList(text: string): text is List {
  return (LISTS as readonly string[]).includes(text);
}

/** Whether a path leads to our state directory or one of its lists. */
function isOwn(path: string, stateDirectory: string): boolean {
  const { directory, monitorList, notifyList } = layoutOf(stateDirectory);
  const inode = (folder: string) => {
    try {
      const { dev, ino } = Deno.statSync(folder);
      return `${dev} ${ino}`;
    } catch {
      return undefined; // the import reports it
    }
  };
  const own = inode(path);
  return own !== undefined && [directory, monitorList, notifyList].map(inode).includes(own);
}

/** Valid records without duplicates, and the reasons against the remaining ones. */
function judged({ records, passedOver }: ForeignRecords) {
  const accepted = new Map<string, MonitorRecord>();
  const refused = [...passedOver];
  for (const found of records) {
    const record = { ...found, myName: storableMyName(found.myName) };
    const fault = hostNameFault(record.monName) ?? fileNameFault(record.monName) ??
      recordFault(record);
    if (fault === undefined) accepted.set(registrationKey(record), record);
    else refused.push(`${shown(record.monName)}: ${fault}`);
  }
  return { accepted: [...accepted.values()], refused };
}

/** Adds records, as the owner of the state directory; false if a running daemon prevents that. */
async function add(
  records: readonly MonitorRecord[],
  list: List,
  { stateDirectoryPath: directory, programName, timeoutMs }: Session,
  complain: (line: string) => void,
): Promise<boolean> {
  if (list === "notify") {
    dropToOwner(layoutOf(directory));
    await addToNotifyList(directory, records);
    return true;
  }
  const reached = await reachDaemon(directory, timeoutMs);
  if (reached.outcome === "reached") reached.daemon[Symbol.dispose]();
  if (reached.outcome !== "absent") {
    complain(`rpc.statd serves ${shown(directory)}: stop it first, or import with --as notify`);
    return false;
  }
  dropToOwner(layoutOf(directory));
  using _lock = lockDirectory(directory);
  const log = makeLog("warning", [stderrSink("plain", programName)]);
  await addToMonitorList(directory, records, { log });
  return true;
}

function summary(records: readonly MonitorRecord[], list: List, isDryRun: boolean): string {
  const peers = new Set(records.map(({ monName }) => nameKey(monName))).size;
  const what = `${plural(records.length, "record")} of ${plural(peers, "peer")}`;
  if (isDryRun) return `Would add ${what} to the ${list} list.\n`;
  const next = list === "notify" ? "; nsmctl notify --pending tells them now" : "";
  return `Added ${what} to the ${list} list${next}.\n`;
}
