/**
 * The directory whose owner rpcbind becomes. It is made where it is not there, as /run is empty after a
 * reboot, and given to the user that packages of rpcbind have.
 */

import { ownerOf } from "../platform/privileges.ts";
import { userNamed } from "../platform/users.ts";
import { RPCBIND_DIRECTORY } from "./warm_start.ts";

/** The users of Debian, and of Fedora and openSUSE. */
const USERS = ["_rpc", "rpc"];
/** User nobody by number, as a small system may have no list of users. */
const NOBODY = { uid: 65534, gid: 65534 };
const DIRECTORY_MODE = 0o755;

/**
 * Makes the directory, or takes it from root, if we are root.
 *
 * @throws {Error} When it cannot be made, or is something else.
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
  // As Debian makes it: nothing of the group root is to be kept.
  else if (owner.gid === 0) Deno.chownSync(path, owner.uid, user.gid);
}

/** The user to become, never root; from the text of /etc/passwd where that is given. */
export function rpcUser(passwd?: string): { uid: number; gid: number } {
  const { uid, gid } = userNamed(USERS, passwd) ?? NOBODY;
  return uid === 0 ? NOBODY : { uid, gid };
}
