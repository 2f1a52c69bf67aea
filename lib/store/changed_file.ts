/** The changes of one group, put together by file. */

import { StoreError } from "../nsm/ports.ts";
import type { AsideFile } from "./atomic_file.ts";
import type { FileText } from "./record_file.ts";
import { SECTOR_BYTES } from "./spare_files.ts";

/** What becomes of the text of a file. What it throws is the failure of this change alone. */
export type Change = (text: FileText) => FileText;

/** One change, and the functions that settle its promise. */
export interface WaitingChange {
  readonly name: string;
  readonly change: Change;
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

/** The changes of one group that concern one file. */
export interface ChangedFile {
  readonly path: string;
  changes: WaitingChange[];
  aside?: AsideFile;
  isRemoved: boolean;
  /** Length of what it held before, in bytes; undefined where there was no file. */
  size: number | undefined;
}

/** The files that a group changes, in the order of their first changes. */
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

/** The text after all changes that are possible; the others have failed. */
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

/** Ends all changes to a file as failed. */
export function fail(file: ChangedFile, error: unknown): void {
  const failure = new StoreError("write", file.path, error);
  for (const { reject } of file.changes) reject(failure);
  file.changes = [];
  file.isRemoved = false;
  file.aside?.discard();
  delete file.aside;
}

/** Steps 3 and 2 of a new file: its sync makes its name durable. */
export function nameAndSync(file: ChangedFile): void {
  try {
    file.aside!.nameAndSync(file.path);
  } catch (error) {
    fail(file, error);
  }
}

/** Step 2 of files that were written aside. */
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
