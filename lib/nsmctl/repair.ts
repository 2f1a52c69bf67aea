/**
 * `nsmctl repair`: owner and permissions of the files of a state directory, and nothing else. Each file is
 * held by its inode while it is looked at and changed, so that its owner can put nothing in its place.
 */

import { join } from "@std/path/join";
import { reasonOf } from "../nsm/ports.ts";
import { PinnedFile } from "../platform/pinned_file.ts";
import { RealFileSystem } from "../store/file_system.ts";
import { type Layout, layoutOf } from "../store/layout.ts";
import { recordFileNames } from "../store/record_directory.ts";
import { type Command, Status } from "./command.ts";
import { SILENT_LOG } from "./read_state.ts";
import { shown } from "./text.ts";
import { statdUser } from "./user.ts";

/** Bits that the owner needs, and bits that nobody else may have. */
const FOLDER = { needed: 0o700, forbidden: 0o7022 } as const;
const FILE = { needed: 0o600, forbidden: 0o7133 } as const;
const MODE_BITS = 0o7777;

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const repair: Command = {
  name: "repair",
  summary: "Give the files of the state directory the owner and permissions that rpc.statd needs.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [{
    letter: "n",
    long: "dry-run",
    help: "Say what would be changed, and change nothing.",
  }],
  details: [
    "The owner is that of sm; where sm is root's, the user that a package has made for it.",
    "Links, files with several names and files that rpc.statd does not know are left alone.",
    "Exit status: 0; 1 if something could not be repaired.",
  ],
  example: "nsmctl repair --dry-run",
  takesPeers: false,
  run(given, { terminal, programName, stateDirectoryPath }) {
    const layout = layoutOf(stateDirectoryPath);
    const isDryRun = given.has("dry-run");
    const owner = ownerFor(layout);
    let status: number = Status.OK;
    let changes = 0;
    for (const { path, rule } of known(layout)) {
      try {
        const change = repairOne(path, rule, owner, isDryRun);
        if (change === undefined) continue;
        changes++;
        terminal.print(`${isDryRun ? "Would change" : "Changed"} ${shown(path)}: ${change}\n`);
      } catch (error) {
        terminal.complain(`${programName}: Cannot repair ${shown(path)}: ${reasonOf(error)}`);
        status = Status.PROBLEM;
      }
    }
    if (changes === 0 && status === Status.OK) terminal.print("Nothing to repair.\n");
    return Promise.resolve(status);
  },
};

/** Owner that the files are to have. */
function ownerFor({ monitorList }: Layout): Owner {
  const { uid, gid } = Deno.statSync(monitorList);
  if (uid !== 0) return { uid: uid!, gid: gid! };
  return statdUser() ?? { uid: 0, gid: 0 };
}

/** Paths that rpc.statd and sm-notify make, as far as they are there. */
function known(layout: Layout): { path: string; rule: typeof FOLDER | typeof FILE }[] {
  const { monitorList, notifyList, state, stateCopy, peers, notices } = layout;
  const fs = new RealFileSystem();
  const records = (folder: string) =>
    recordFileNames(fs, folder, SILENT_LOG).map((name) => join(folder, name));
  const files = [state, stateCopy, peers, notices, ...records(monitorList), ...records(notifyList)];
  return [
    ...[monitorList, notifyList].map((path) => ({ path, rule: FOLDER })),
    ...files.filter((path) => fs.facts(path) !== undefined).map((path) => ({ path, rule: FILE })),
  ];
}

/** Changes one file; returns the change in words, undefined where there is none. */
function repairOne(
  path: string,
  { needed, forbidden }: typeof FOLDER | typeof FILE,
  owner: Owner,
  isDryRun: boolean,
): string | undefined {
  using pinned = new PinnedFile(path);
  const info = Deno.statSync(pinned.path);
  const isExpected = needed === FOLDER.needed ? info.isDirectory : info.isFile;
  if (!isExpected) throw new Error("it is neither a plain file nor a folder of ours");
  if (info.isFile && info.nlink !== 1) throw new Error("it has several names (hard links)");
  const before = info.mode! & MODE_BITS;
  const mode = (before | needed) & ~forbidden;
  const changes: string[] = [];
  if (info.uid !== owner.uid || info.gid !== owner.gid) {
    changes.push(`owner ${info.uid}:${info.gid} to ${owner.uid}:${owner.gid}`);
    if (!isDryRun) Deno.chownSync(pinned.path, owner.uid, owner.gid);
  }
  if (mode !== before) {
    changes.push(`permissions ${before.toString(8)} to ${mode.toString(8)}`);
    if (!isDryRun) Deno.chmodSync(pinned.path, mode);
  }
  return changes.length === 0 ? undefined : changes.join(", ");
}
