/**
 * In-memory file system that loses unsynced data when its power is cut, and can fail operations. It
 * guarantees only what a journalling file system has to: a sync of a file makes its data durable, a
 * sync of a directory its names, and any part of the rest may survive. A name goes to another file
 * only with the change that took it from the file before: a moved file has its old or its new name.
 *
 * ext4, XFS, Btrfs and F2FS keep even all changes of names in order. Source: Dave Chinner, "metadata
 * operation reordering regards to crash", LKML, 14 September 2018; generic/342 of fstests.
 */

import type {
  DirectoryEntry,
  FileFacts,
  FileSystem,
  FollowedFile,
  NewFile,
  Syncable,
} from "../../lib/store/file_system.ts";
import type { KeptFile } from "../../lib/store/kept_file.ts";

/** Operations of the disk. */
export type Operation =
  | "list"
  | "facts"
  | "read"
  | "create"
  | "reuse"
  | "write"
  | "sync"
  | "syncWithName"
  | "append"
  | "overwrite"
  | "rename"
  | "remove"
  | "syncDirectory";

/** Thrown by every operation after the power cut. */
export class PowerCut extends Error {
  override readonly name = "PowerCut";
}

interface Inode {
  text: string;
  syncedText: string;
  readonly mode: number;
  modifiedAt: number;
}

/** Change of names not yet durable. */
interface PendingChange {
  readonly inode: Inode;
  /** Path that the file loses. */
  readonly from?: string;
  /** Path that it gets, perhaps from another file. */
  readonly to?: string;
}

/** Maximum number of pending changes of which every subset is tried. */
const ALL_SELECTIONS_MAX = 6;

/** Possible remains of data written since the last sync, from none to all. */
const SURVIVORS: readonly ((text: string) => string)[] = [
  () => "",
  (text) => text.slice(0, text.length / 2),
  (text) => text.slice(0, -3),
  (text) => "\0".repeat(text.length),
  (text) => text,
];
/**
 * Possible remains of data within a sector, which disks write atomically: only the size may be
 * older or newer.
 */
const SECTOR_SURVIVORS: readonly ((text: string, synced: string) => string)[] = [
  () => "",
  (text) => "\0".repeat(text.length),
  (text, synced) => text.padEnd(synced.length, "\0"),
  (text) => text,
];

export class FragileDisk implements FileSystem {
  /** Every change, as `operation path`. */
  readonly journal: string[] = [];
  /** Number of changes until the power is cut. */
  powerLasts = Infinity;
  /** Fault injection: an operation fails with the error returned. */
  fault: (operation: Operation, path: string) => Error | undefined = () => undefined;
  /** Syncs that report success without effect. */
  ignored: "sync" | "syncDirectory" | undefined;
  /**
   * True if file syncs also make names durable, see {@link FileSystem.syncsNames}, and sectors are
   * not torn.
   */
  namesWithFiles = false;
  /** Time of a change, in ms since 1970; a counter unless a test sets it. */
  now = (): number => ++this.#time;
  readonly #directories = new Map<string, DirectoryEntry[]>();
  #names = new Map<string, Inode>();
  #lastingNames = new Map<string, Inode>();
  #pending: PendingChange[] = [];
  #time = 0;

  /** `files` maps paths to contents, all of it durable. `directories` are created. */
  constructor(directories: readonly string[], files: Readonly<Record<string, string>> = {}) {
    for (const directory of directories) this.#directories.set(directory, []);
    for (const [path, text] of Object.entries(files)) {
      this.#names.set(path, { text, syncedText: text, mode: 0o600, modifiedAt: this.now() });
    }
    this.#lastingNames = new Map(this.#names);
  }

  /** Adds an entry that is no file to a directory. */
  addOther(directory: string, name: string, kind: "isDirectory" | "isSymlink" | "isOther"): void {
    const none = { name, isFile: false, isDirectory: false, isSymlink: false };
    this.#directories.get(directory)!.push({
      ...none,
      ...(kind === "isOther" ? {} : { [kind]: true }),
    });
  }

  /** Contents by path. */
  get files(): Record<string, string> {
    return Object.fromEntries([...this.#names].map(([path, { text }]) => [path, text]));
  }

  /** Path and content of each file. */
  *texts(): Iterable<[path: string, text: string]> {
    for (const [path, { text }] of this.#names) yield [path, text];
  }

  /** Content of a file. */
  textOf(path: string): string | undefined {
    return this.#names.get(path)?.text;
  }

  /** Mode of a file. */
  modeOf(path: string): number | undefined {
    return this.#names.get(path)?.mode;
  }

  /** All disks that a power cut now may leave. */
  *remains(): Iterable<FragileDisk> {
    for (const survives of selectionsOf(this.#pending.length)) {
      const names = this.#remainingNames(survives);
      for (const survivorOf of this.namesWithFiles ? SECTOR_SURVIVORS : SURVIVORS) {
        const files = [...names].map(([path, inode]) =>
          [path, remainsOf(inode, survivorOf)] as const
        );
        const disk = new FragileDisk([...this.#directories.keys()], Object.fromEntries(files));
        disk.namesWithFiles = this.namesWithFiles;
        yield disk;
      }
    }
  }

  /** One disk that a power cut now may leave; `survives` decides about each change. */
  afterPowerCut(survives: () => boolean): FragileDisk {
    const names = this.#remainingNames(survives);
    const files = [...names].map(([path, inode]) => {
      const survivors = this.namesWithFiles ? SECTOR_SURVIVORS : SURVIVORS;
      const survivor = survivors.find(survives) ?? survivors.at(-1)!;
      return [path, inode.text === inode.syncedText ? inode.text : remainsOf(inode, survivor)];
    });
    const disk = new FragileDisk([...this.#directories.keys()], Object.fromEntries(files));
    disk.namesWithFiles = this.namesWithFiles;
    disk.now = this.now;
    return disk;
  }

  /** Names after a power cut: the durable ones with the pending changes that survive. */
  #remainingNames(survives: (index: number) => boolean): Map<string, Inode> {
    const names = new Map(this.#lastingNames);
    const stillTaken = new Set<string>();
    for (const [i, change] of this.#pending.entries()) {
      const isFree = change.to === undefined || !stillTaken.has(change.to);
      if (survives(i) && isFree) apply(change, names);
      else if (change.from !== undefined) stillTaken.add(change.from);
    }
    return names;
  }

  list(directory: string): Iterable<DirectoryEntry> {
    this.#may("list", directory);
    const others = this.#directories.get(directory);
    if (others === undefined) throw new Deno.errors.NotFound("No such directory (os error 2)");
    const names = [...this.#names.keys()].filter((path) => directoryOf(path) === directory);
    const file = { isFile: true, isDirectory: false, isSymlink: false };
    return [
      ...others,
      ...names.map((path) => ({ name: path.slice(directory.length + 1), ...file })),
    ];
  }

  facts(path: string): FileFacts | undefined {
    this.#may("facts", path);
    const inode = this.#names.get(path);
    if (inode !== undefined) {
      return { isFile: true, size: inode.text.length, modifiedAt: inode.modifiedAt };
    }
    const others = this.#directories.get(directoryOf(path)) ?? [];
    const isThere = this.#directories.has(path) ||
      others.some(({ name }) => path.endsWith(`/${name}`));
    return isThere ? { isFile: false, size: 0, modifiedAt: 0 } : undefined;
  }

  read(path: string, maxBytes: number): string | undefined {
    this.#may("read", path);
    return this.#names.get(path)?.text.slice(0, maxBytes);
  }

  readOwn(path: string, maxBytes: number): string | undefined {
    if (this.facts(path)?.isFile === false) throw new Error("it is not a regular file");
    return this.read(path, maxBytes);
  }

  keep(path: string, maxBytes: number): KeptFile {
    return { read: () => this.read(path, maxBytes) };
  }

  follow(path: string): FollowedFile | undefined {
    this.#may("read", path);
    const inode = this.#names.get(path);
    let read = 0;
    const next = (maxBytes: number) => {
      this.#may("read", path);
      const text = inode!.text.slice(read, read + maxBytes);
      read += text.length;
      return text;
    };
    return inode && { next, close: () => {} };
  }

  create(path: string, mode: number): NewFile {
    this.#change("create", path);
    if (this.#names.has(path)) throw new Deno.errors.AlreadyExists("File exists (os error 17)");
    const inode: Inode = { text: "", syncedText: "", mode, modifiedAt: this.now() };
    this.#rename({ inode, to: path });
    return this.#newFile(path, inode);
  }

  reuse(path: string, mode: number): NewFile | undefined {
    this.#may("reuse", path);
    const inode = this.#names.get(path);
    return inode === undefined || inode.mode !== mode ? undefined : this.#newFile(path, inode);
  }

  #newFile(path: string, inode: Inode): NewFile {
    return {
      write: (text) => {
        this.#change("write", path);
        inode.text = text;
      },
      startSync: () => {},
      sync: () => {
        this.#change("sync", path);
        if (this.ignored !== "sync") inode.syncedText = inode.text;
      },
      syncWithName: () => this.#syncWithName(path, inode),
      close: () => {},
    };
  }

  openFile(path: string): Syncable | undefined {
    const inode = this.#names.get(path);
    return inode && { sync: () => this.#syncWithName(path, inode), close: () => {} };
  }

  #syncWithName(path: string, inode: Inode): void {
    this.#change("syncWithName", path);
    if (this.ignored === "sync") return;
    inode.syncedText = inode.text;
    // Journals commit in order: earlier changes become durable too.
    const last = this.#pending.findLastIndex((change) => change.inode === inode);
    for (const change of this.#pending.splice(0, last + 1)) apply(change, this.#lastingNames);
  }

  append(path: string, text: string, mode: number): void {
    if (!this.#names.has(path)) this.create(path, mode);
    this.#change("append", path);
    this.#names.get(path)!.text += text;
  }

  overwrite(path: string, text: string): void {
    this.#change("overwrite", path);
    const inode = this.#inode(path);
    inode.text = text + inode.text.slice(text.length);
    inode.syncedText = inode.text;
  }

  rename(from: string, to: string): void {
    this.#change("rename", `${from} -> ${to}`);
    this.#rename({ inode: this.#inode(from), from, to });
  }

  remove(path: string): void {
    this.#change("remove", path);
    this.#rename({ inode: this.#inode(path), from: path });
  }

  openDirectory(path: string): Syncable {
    const sync = () => {
      this.#change("syncDirectory", path);
      if (this.ignored === "syncDirectory") return;
      // A file that was moved on is no longer where it was moved to before.
      const inodes = new Set<Inode>();
      const left: PendingChange[] = [];
      const lasting = this.#pending.toReversed().filter((change) => {
        const directories = [change.from, change.to].map((name) => name && directoryOf(name));
        const isOf = directories.includes(path) || inodes.has(change.inode);
        if (isOf) inodes.add(change.inode);
        else left.unshift(change);
        return isOf;
      });
      for (const change of lasting.toReversed()) apply(change, this.#lastingNames);
      this.#pending = left;
    };
    return { sync, close: () => {} };
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new Deno.errors.NotFound("No such file (os error 2)");
    return inode;
  }

  syncsNames(): boolean {
    return this.namesWithFiles;
  }

  #rename(change: PendingChange): void {
    apply(change, this.#names);
    this.#pending.push(change);
  }

  #may(operation: Operation, path: string): void {
    if (this.powerLasts < 0) throw new PowerCut();
    const error = this.fault(operation, path);
    if (error !== undefined) throw error;
  }

  #change(operation: Operation, path: string): void {
    if (this.powerLasts-- <= 0) this.powerLasts = -1;
    this.#may(operation, path);
    this.journal.push(`${operation} ${path}`);
  }
}

function apply({ inode, from, to }: PendingChange, names: Map<string, Inode>): void {
  if (from !== undefined && names.get(from) === inode) names.delete(from);
  if (to !== undefined) names.set(to, inode);
}

/** Content after a power cut: new text appended to the durable text, or in its place. */
function remainsOf(
  { text, syncedText }: Inode,
  survivorOf: (text: string, synced: string) => string,
): string {
  if (text.startsWith(syncedText)) {
    return syncedText + survivorOf(text.slice(syncedText.length), "");
  }
  const survivor = survivorOf(text, syncedText);
  return survivor === "" ? syncedText : survivor;
}

function directoryOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Subsets of `count` changes that survive: all subsets or, above ALL_SELECTIONS_MAX, the likely ones. */
function* selectionsOf(count: number): Iterable<(index: number) => boolean> {
  if (count <= ALL_SELECTIONS_MAX) {
    for (let bits = 0; bits < 1 << count; bits++) yield (index) => (bits >> index & 1) === 1;
    return;
  }
  for (let length = 0; length <= count; length++) yield (index) => index < length;
  for (let missing = 0; missing < count; missing++) yield (index) => index !== missing;
  for (let only = 0; only < count; only++) yield (index) => index === only;
}
