/** Users: the one at the keyboard, for the daemon's log, and the one that the daemon becomes. */

import { shown } from "./text.ts";

/** The user that runs this, and who became it by sudo. Only root and the owner can say anything. */
export function ownUser(): string {
  const uid = `uid ${Deno.uid()}`;
  const user = Deno.env.get("SUDO_USER");
  return user === undefined || user === "" ? uid : `${uid}, ${user} by sudo`;
}

/** A user id, with the name that /etc/passwd has for it. */
export function userText(uid: number): string {
  const name = userName(uid);
  return name === undefined ? String(uid) : `${uid} (${shown(name)})`;
}

/** The name that /etc/passwd has for a user id; undefined where it has none. */
export function userName(uid: number): string | undefined {
  return passwdRows().find(([, , id]) => id === String(uid))?.[0];
}

/** Users that distributions make for the status monitor: Debian's, Fedora's and SUSE's. */
const STATD_USERS = ["statd", "rpcuser", "_rpcuser"];

/** The user that a package has made for the status monitor; undefined where there is none. */
export function statdUser(): { name: string; uid: number; gid: number } | undefined {
  const [name, , uid, gid] = passwdRows().find(([name]) => STATD_USERS.includes(name!)) ?? [];
  return name === undefined ? undefined : { name, uid: Number(uid), gid: Number(gid) };
}

/** Fields of each line of /etc/passwd (passwd(5)); none where it cannot be read: numbers say enough. */
function passwdRows(): string[][] {
  try {
    return Deno.readTextFileSync("/etc/passwd").split("\n").map((line) => line.split(":"));
  } catch {
    return [];
  }
}
