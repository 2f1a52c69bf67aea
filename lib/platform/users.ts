/**
 * Users and groups of this host. Only /etc/passwd and /etc/group are read, since a directory service
 * could block the start.
 *
 * Source: passwd(5), group(5).
 */

import { quote } from "../quote.ts";
import { readableText } from "./small_files.ts";

const PASSWD = "/etc/passwd";
const GROUP = "/etc/group";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Name of a user id; undefined if /etc/passwd has none. */
export function userName(uid: number, passwd = readableText(PASSWD)): string | undefined {
  return usersIn(passwd).find((user) => user.uid === uid)?.name;
}

/** First of the names that is a user; undefined if none is. */
export function userNamed(
  names: readonly string[],
  passwd = readableText(PASSWD),
): User | undefined {
  const users = usersIn(passwd);
  return names.flatMap((name) => users.find((user) => user.name === name) ?? [])[0];
}

/** Users that distributions create for the status monitor: Debian's, Fedora's and SUSE's. */
const STATD_USERS = ["statd", "rpcuser", "_rpcuser"];

/** User that a package created for the status monitor; undefined if there is none. */
export function statdUser(): User | undefined {
  return userNamed(STATD_USERS);
}

/** Lines with invalid ids are skipped. */
function usersIn(passwd = ""): User[] {
  return passwd.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    const isWhole = /^\d{1,10}$/.test(uid) && /^\d{1,10}$/.test(gid);
    return isWhole ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}

/**
 * Id of a group given by name or number.
 *
 * @throws {Error} When it is not in /etc/group.
 */
export function gidOf(group: string, text: string = Deno.readTextFileSync(GROUP)): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  for (const line of text.split("\n")) {
    const [name, , gid = ""] = line.split(":");
    if (name === group && /^\d+$/.test(gid)) return Number(gid);
  }
  throw new Error(
    `there is no group ${quote(group)} in ${GROUP}: groupadd -r it, or give its number`,
  );
}
