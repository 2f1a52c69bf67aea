/**
 * `nsmctl repair`: corrects owner and mode of the files in a state directory. Each file is pinned
 * by its inode while it is checked and changed, so that its owner cannot replace it.
 */

import { basename } from "@std/path/basename";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { LibcError } from "../platform/libc.ts";
import { PinnedFile } from "../platform/pinned_file.ts";
import { RealFileSystem } from "../store/file_system.ts";
import { type Layout, layoutOf } from "../store/layout.ts";
import { recordFileNames } from "../store/record_directory.ts";
import { type Command, Status } from "./command.ts";
import { SILENT_LOG } from "./state_directory.ts";
import { shown } from "./text.ts";
import { statdUser } from "../platform/users.ts";
import { reasonOf } from "../reason.ts";

/** Mode bits that the owner needs, and bits that are forbidden. */
const FOLDER = { needed: 0o700, forbidden: 0o7022 } as const;
const FILE = { needed: 0o600, forbidden: 0o7133 } as const;
/** The state number, which is written before root is given up: it may be root's as well. */
const ROOTS_FILE = { ...FILE, mayBeRoots: true } as const;
const MODE_BITS = 0o7777;

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const repair: Command = {
  name: "repair",
  summary: "Give the files of the state directory the owner and permissions rpc.statd needs.",
  operands: "",
  operandsMin: 0,
  operandsMax: 0,
  options: [{
    letter: "n",
    long: "dry-run",
    help: "Print what would be changed, and change nothing.",
  }],
  details: [
    "The owner is that of sm; if sm is root's, the user that packages create for rpc.statd.",
    "The state number may also belong to root.",
    "Links, files with several hard links and files unknown to rpc.statd are left alone.",
    "Exit status: 0; 1 if a file could not be repaired.",
  ],
  example: "nsmctl repair --dry-run",
  takesPeers: false,
  run(given, { terminal, programName, stateDirectoryPath }) {
    const layout = layoutOf(stateDirectoryPath);
    const isDryRun = given.has("dry-run");
    const owner = ownerFor(layout);
    let status: number = Status.OK;
    let changes = 0;
    for (const one of known(layout)) {
      const { path } = one;
      try {
        const change = repairOne(one, owner, isDryRun);
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

/** Right owner of the files. @throws {Error} When there is no list to take it from. */
function ownerFor({ directory, monitorList }: Layout): Owner {
  using base = holdFolder(directory, dirname(directory));
  using list = holdFolder(monitorList, base.path);
  const { uid, gid } = Deno.statSync(list.path);
  if (uid !== 0) return { uid: uid!, gid: gid! };
  return statdUser() ?? { uid: 0, gid: 0 };
}

/** File or directory made by rpc.statd or sm-notify. */
interface Known {
  readonly path: string;
  /** Path below the pinned directory, which cannot be redirected. */
  readonly heldPath: string;
  readonly rule: typeof FOLDER | typeof FILE | typeof ROOTS_FILE;
}

/** Existing paths made by rpc.statd and sm-notify; their directories are pinned meanwhile. */
function* known(layout: Layout): Generator<Known> {
  const { directory, monitorList, notifyList, state, stateCopy, peers, notices } = layout;
  const fs = new RealFileSystem();
  const isThere = ({ heldPath }: Known) => fs.facts(heldPath) !== undefined;
  using base = holdFolder(directory, dirname(directory));
  const fileIn = (folder: PinnedFile, path: string, rule: Known["rule"] = FILE): Known => {
    return { path, heldPath: `${folder.path}/${basename(path)}`, rule };
  };
  yield* [state, stateCopy].map((path) => fileIn(base, path, ROOTS_FILE)).filter(isThere);
  for (const [list, others] of [[monitorList, [peers, notices]], [notifyList, []]] as const) {
    using folder = holdFolder(list, base.path);
    yield { path: list, heldPath: folder.path, rule: FOLDER };
    const names = recordFileNames(fs, `${folder.path}/.`, SILENT_LOG);
    const paths = [...others, ...names.map((name) => join(list, name))];
    yield* paths.map((path) => fileIn(folder, path)).filter(isThere);
  }
}

/**
 * Pins a directory below another pinned one. A link is followed only if root or we made it: another
 * user's link could lead to a directory of root's.
 *
 * @throws {Error} When it is not a directory.
 */
function holdFolder(path: string, parent: string): PinnedFile {
  const heldPath = `${parent}/${basename(path)}`;
  const failure = (reason: string) => new Error(`Cannot repair ${shown(path)}: ${reason}`);
  let held: PinnedFile;
  try {
    held = new PinnedFile(heldPath);
  } catch (error) {
    const isMissing = error instanceof LibcError && error.code === "ENOENT";
    throw failure(isMissing ? "No such file or directory" : reasonOf(error));
  }
  const info = Deno.statSync(held.path);
  if (info.isDirectory) return held;
  held[Symbol.dispose]();
  if (!info.isSymlink) throw failure("it is not a folder");
  const isTrusted = ({ uid }: Deno.FileInfo) => uid === 0 || uid === Deno.uid();
  if (isTrusted(info) && isTrusted(Deno.statSync(parent))) {
    const target = Deno.realPathSync(heldPath);
    return holdFolder(target, dirname(target));
  }
  throw failure(
    "it is a link that another user may have made; put the folder itself there, or a link of root " +
      "into a folder of root",
  );
}

/** Corrects one file; returns a description of the change, undefined without one. */
function repairOne(
  { heldPath, rule }: Known,
  owner: Owner,
  isDryRun: boolean,
): string | undefined {
  const { needed, forbidden } = rule;
  using pinned = new PinnedFile(needed === FOLDER.needed ? `${heldPath}/.` : heldPath);
  const info = Deno.statSync(pinned.path);
  const isExpected = needed === FOLDER.needed ? info.isDirectory : info.isFile;
  if (!isExpected) throw new Error("it is neither a plain file nor a folder of ours");
  if (info.isFile && info.nlink !== 1) throw new Error("it has several names (hard links)");
  const before = info.mode! & MODE_BITS;
  const mode = (before | needed) & ~forbidden;
  const changes: string[] = [];
  const isRight = info.uid === owner.uid && info.gid === owner.gid ||
    "mayBeRoots" in rule && info.uid === 0;
  if (!isRight) {
    changes.push(`owner ${info.uid}:${info.gid} to ${owner.uid}:${owner.gid}`);
    if (!isDryRun) Deno.chownSync(pinned.path, owner.uid, owner.gid);
  }
  if (mode !== before) {
    changes.push(`permissions ${before.toString(8)} to ${mode.toString(8)}`);
    if (!isDryRun) Deno.chmodSync(pinned.path, mode);
  }
  return changes.length === 0 ? undefined : changes.join(", ");
}
