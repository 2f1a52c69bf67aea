/** `nsmctl export`: both lists as JSON lines, or as a state directory of nfs-utils. */

import { plural } from "../quote.ts";
import { join } from "@std/path/join";
import { makeLog, stderrSink } from "../log.ts";
import type { MonitorRecord } from "../nsm/ports.ts";
import { reasonOf } from "../reason.ts";
import { RealFileSystem } from "../store/file_system.ts";
import { OwnersFiles } from "../store/owners_files.ts";
import { layoutOf } from "../store/layout.ts";
import { type RecordFile, recordFiles } from "../store/record_directory.ts";
import { formatRecord } from "../store/record_format.ts";
import { STATE_BYTES } from "../store/state_file.ts";
import { type Command, Status } from "./command.ts";
import { StateReader } from "./state_directory.ts";
import { isoText, jsonLine, shown } from "./text.ts";

/** Modes of the output: records are private. */
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

export const exportRecords: Command = {
  name: "export",
  summary: "Print both lists, or write them as a state directory of nfs-utils.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [
    {
      long: "directory",
      argument: "DIR",
      help: "Write sm, sm.bak and state to DIR, which must be empty or not exist.",
    },
  ],
  details: [
    "Prints a line of JSON for each record; import reads such lines.",
    "Exit status: 0; 1 if a list cannot be read or DIR cannot be written.",
  ],
  example: "nsmctl export > lists.jsonl",
  takesPeers: false,
  run(given, session) {
    const { terminal, programName, stateDirectoryPath } = session;
    const { monitorList, notifyList } = layoutOf(stateDirectoryPath);
    const log = makeLog("warning", [stderrSink("plain", programName)]);
    const fs = new OwnersFiles();
    let unread = 0;
    const read = (directory: string) => [
      ...recordFiles(fs, directory, log, undefined, () => unread++),
    ];
    const lists = { monitor: read(monitorList), notify: read(notifyList) };
    const status = unread > 0 ? Status.PROBLEM : Status.OK;
    const directory = given.get("directory");
    if (directory === undefined) {
      for (const list of ["monitor", "notify"] as const) {
        for (const { path, records } of lists[list]) {
          const since = fs.facts(path)?.modifiedAt;
          for (const record of records) terminal.print(recordLine(list, record, since));
        }
      }
      return Promise.resolve(status);
    }
    try {
      writeTree(directory, lists, new StateReader(stateDirectoryPath).stateNumber());
    } catch (error) {
      terminal.complain(`${programName}: Cannot write ${shown(directory)}: ${reasonOf(error)}`);
      return Promise.resolve(Status.PROBLEM);
    }
    const count = lists.monitor.length + lists.notify.length;
    terminal.print(`Wrote ${plural(count, "file")} to ${shown(directory)}.\n`);
    return Promise.resolve(status);
  },
};

function recordLine(
  list: "monitor" | "notify",
  record: MonitorRecord,
  since: number | undefined,
): string {
  const { monName, myName, myProg, myVers, myProc, priv } = record;
  return jsonLine({
    list,
    monName,
    myName,
    program: myProg,
    version: myVers,
    procedure: myProc,
    priv,
    ...(since === undefined ? {} : { since: isoText(since) }),
  });
}

/** Writes a state directory in nfs-utils' format. @throws {Error} When it exists, or cannot be written. */
function writeTree(
  directory: string,
  lists: Record<"monitor" | "notify", readonly RecordFile[]>,
  stateNumber: number | undefined,
): void {
  Deno.mkdirSync(directory, { recursive: true, mode: FOLDER_MODE });
  if (!Deno.readDirSync(directory)[Symbol.iterator]().next().done) {
    throw new Error("it is not empty");
  }
  const { monitorList, notifyList, state } = layoutOf(directory);
  const fs = new RealFileSystem();
  const write = (path: string, text: string) => {
    const file = fs.create(path, FILE_MODE);
    try {
      file.write(text);
      file.sync();
    } finally {
      file.close();
    }
  };
  for (const [path, files] of [[monitorList, lists.monitor], [notifyList, lists.notify]] as const) {
    Deno.mkdirSync(path, { mode: FOLDER_MODE });
    for (const { name, records } of files) {
      write(join(path, name), records.map(formatRecord).join(""));
    }
  }
  if (stateNumber === undefined) return;
  const bytes = new Uint8Array(STATE_BYTES);
  new DataView(bytes.buffer).setInt32(0, stateNumber, true);
  write(state, String.fromCharCode(...bytes));
}
