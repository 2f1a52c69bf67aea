/**
 * Directory whose owner rpcbind becomes. It is created if missing, since /run is empty after a
 * reboot, and given to the user that rpcbind packages create.
 */

import { ownerOf } from "../platform/privileges.ts";
import { userNamed } from "../platform/users.ts";
import { RPCBIND_DIRECTORY } from "./warm_start.ts";

/** User names in Debian, and in Fedora and openSUSE. */
const USERS = ["_rpc", "rpc"];
/** User nobody, by number, since a small system may have no user list. */
const NOBODY = { uid: 65534, gid: 65534 };
const DIRECTORY_MODE = 0o755;

/**
 * Creates the directory or, as root, takes it from root's ownership.
 *
 * @throws {Error} When it cannot be created, or is no directory.
 */
export function prepareDirectory(path = RPCBIND_DIRECTORY): void {
  try {
    Deno.mkdirSync(path, { mode: DIRECTORY_MODE });
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) {
      throw new Error(`Cannot make "${path}": ${(cause as Error).message}`, { cause });
    }
  }
  const owner = ownerOf(path);
  if (Deno.uid() !== 0) return;
  const user = rpcUser();
  if (owner.uid === 0) Deno.chownSync(path, user.uid, user.gid);
  // As in Debian, to drop the group root.
  else if (owner.gid === 0) Deno.chownSync(path, owner.uid, user.gid);
}

/** User to become, never root; looked up in the text of /etc/passwd if given. */
export function rpcUser(passwd?: string): { uid: number; gid: number } {
  const { uid, gid } = userNamed(USERS, passwd) ?? NOBODY;
  return uid === 0 ? NOBODY : { uid, gid };
}
