/**
 * Read access to a state directory for root, which may not trust the directory's owner. Each file
 * is opened with the identity of its folder's owner. A symbolic link, or a swapped folder, then
 * leads no further than that user may go, and root opens no device.
 */

import { isMissing } from "../platform/small_files.ts";
import { dirname } from "@std/path/dirname";
import { asOwner } from "../platform/as_owner.ts";
import {
  type DirectoryEntry,
  type FileFacts,
  type FollowedFile,
  RealFileSystem,
} from "./file_system.ts";

/** Read-only view; writing methods are not restricted. */
export class OwnersFiles extends RealFileSystem {
  override list(directory: string): Iterable<DirectoryEntry> {
    return isMissing(directory)
      ? super.list(directory)
      : asOwner(directory, () => super.list(directory));
  }

  override facts(path: string): FileFacts | undefined {
    return inFolderOf(path, () => super.facts(path));
  }

  override read(path: string, maxBytes: number): string | undefined {
    return inFolderOf(path, () => super.read(path, maxBytes));
  }

  override readOwn(path: string, maxBytes: number): string | undefined {
    return inFolderOf(path, () => super.readOwn(path, maxBytes));
  }

  override follow(path: string): FollowedFile | undefined {
    return inFolderOf(path, () => super.follow(path));
  }
}

/** Runs an action as the owner of a file's folder; undefined if there is no folder. */
function inFolderOf<T>(path: string, action: () => T): T | undefined {
  const folder = dirname(path);
  return isMissing(folder) ? undefined : asOwner(folder, action);
}
