/** Changes of one group commit, collected by file. */

import { StoreError } from "../nsm/ports.ts";
import type { AsideFile } from "./atomic_file.ts";
import type { FileText } from "./record_file.ts";
import { SECTOR_BYTES } from "./spare_files.ts";

/** Transformation of a file's text. If it throws, only this change fails. */
export type Change = (text: FileText) => FileText;

/** Change and the functions that settle its promise. */
export interface WaitingChange {
  readonly name: string;
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** Changes of one group to one file. */
export interface ChangedFile {
  readonly path: string;
  changes: WaitingChange[];
  aside?: AsideFile;
  isRemoved: boolean;
  /** Length of the old contents, in bytes; undefined if there was no file. */
  size: number | undefined;
}

/** Groups changes by file, in the order of each file's first change. */
export function byFile(directory: string, group: readonly WaitingChange[]): ChangedFile[] {
  const files = new Map<string, ChangedFile>();
  for (const change of group) {
    const file = files.get(change.name);
    if (file !== undefined) file.changes.push(change);
    else {
      const path = `${directory}/${change.name}`;
      files.set(change.name, { path, changes: [change], isRemoved: false, size: undefined });
    }
  }
  return [...files.values()];
}

/** Whether a file is new and its text fits a sector. */
export function isNewAndShort({ aside, size }: ChangedFile): boolean {
  return aside !== undefined && size === undefined && aside.length <= SECTOR_BYTES;
}

/** Applies all changes of a file; a change that throws is rejected. */
export function applyAll(file: ChangedFile, before: FileText): FileText {
  let text = before;
  file.changes = file.changes.filter(({ change, reject }) => {
    try {
      text = change(text);
      return true;
    } catch (error) {
      reject(new StoreError("change", file.path, error));
      return false;
    }
  });
  return text;
}

/** Rejects all changes of a file. */
export function fail(file: ChangedFile, error: unknown): void {
  const failure = new StoreError("write", file.path, error);
  for (const { reject } of file.changes) reject(failure);
  file.changes = [];
  file.isRemoved = false;
  file.aside?.discard();
  delete file.aside;
}

/** Steps 3 and 2 for a new file: the sync covers its name. */
export function nameAndSync(file: ChangedFile): void {
  try {
    file.aside!.nameAndSync(file.path);
  } catch (error) {
    fail(file, error);
  }
}

/** Step 2 for files written aside. */
export function syncFiles(written: readonly ChangedFile[]): void {
  if (written.length > 1) { for (const { aside } of written) aside!.startSync(); }
  for (const file of written) {
    try {
      file.aside!.sync();
    } catch (error) {
      fail(file, error);
    }
  }
}
