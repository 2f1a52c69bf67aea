/** Users of this host. Only /etc/passwd is read, as no start may wait for a directory service. Source: passwd(5). */

import { readableText } from "./small_files.ts";

const PASSWD = "/etc/passwd";

/** A user of this host. */
export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** The name of a user id; undefined where /etc/passwd has none. */
export function userName(uid: number, passwd = readableText(PASSWD)): string | undefined {
  return usersIn(passwd).find((user) => user.uid === uid)?.name;
}

/** The first of the names that is a user of this host; undefined where none of them is. */
export function userNamed(
  names: readonly string[],
  passwd = readableText(PASSWD),
): User | undefined {
  const users = usersIn(passwd);
  return names.flatMap((name) => users.find((user) => user.name === name) ?? [])[0];
}

/** Users that distributions make for the status monitor: Debian's, Fedora's and SUSE's. */
const STATD_USERS = ["statd", "rpcuser", "_rpcuser"];

/** The user that a package has made for the status monitor; undefined where there is none. */
export function statdUser(): User | undefined {
  return userNamed(STATD_USERS);
}

/** Lines whose ids are no numbers are passed over. */
function usersIn(passwd = ""): User[] {
  return passwd.split("\n").flatMap((line) => {
    const [name = "", , uid = "", gid = ""] = line.split(":");
    const isWhole = /^\d{1,10}$/.test(uid) && /^\d{1,10}$/.test(gid);
    return isWhole ? [{ name, uid: Number(uid), gid: Number(gid) }] : [];
  });
}
