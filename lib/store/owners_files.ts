/**
 * The files of a state directory for root, who may not trust the user that they belong to: each is opened
 * as the owner of its folder. A link, or a folder that is swapped for one, then leads no further than that
 * user may go, and root opens no device for it.
 */

import { dirname } from "@std/path/dirname";
import { asOwner } from "../platform/as_owner.ts";
import {
  type DirectoryEntry,
  type FileFacts,
  type FollowedFile,
  RealFileSystem,
} from "./file_system.ts";

/** A file system of which the reading part alone is meant. */
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

/** Without the folder there is no file. */
function inFolderOf<T>(path: string, action: () => T): T | undefined {
  const folder = dirname(path);
  return isMissing(folder) ? undefined : asOwner(folder, action);
}

function isMissing(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return false;
  } catch (error) {
    return error instanceof Deno.errors.NotFound; // whoever uses it learns of any other error
  }
}
