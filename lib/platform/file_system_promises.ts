/**
 * Durability of file names, by file system.
 *
 * Source: the kernel's documentation and code, as named at each entry.
 */

import { mountOf } from "./proc.ts";

/**
 * File systems on which fsync(2) of a file that was created, and renamed since, makes its name
 * durable; identified by their type in mountinfo. The magic number of statfs(2) does not
 * distinguish ext4 from ext2, whose driver promises nothing.
 *
 * - ext4: Documentation/filesystems/ext4, "fsync"; ext4_sync_file() commits the transaction that
 *   has the creation and the rename, or, without a journal, syncs the parent directories of a new
 *   entry (ext4_sync_parent()).
 * - ext3: served by the ext4 driver since Linux 4.3.
 * - xfs: xfs_file_fsync() forces the log up to the last change of the inode, and a rename changes
 *   it.
 * - btrfs: btrfs(5) and btrfs_log_inode_parent(): the tree log has the names of an inode that is
 *   new or renamed in this transaction, or the transaction is committed.
 * - f2fs: need_do_checkpoint() in f2fs_do_sync_file(): a file whose parent is not known to be on
 *   disk (CP_WRONG_PINO after a rename) has a checkpoint written.
 */
const SYNC_NAMES: ReadonlySet<string> = new Set(["ext4", "ext3", "xfs", "btrfs", "f2fs"]);

/** Whether fsync of a new file in this directory makes its name durable; false if unknown. */
export function syncsNames(directory: string): boolean {
  return SYNC_NAMES.has(mountOf(directory)?.type ?? "");
}
