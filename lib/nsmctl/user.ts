/** Users: the one at the keyboard, for the daemon's log, and the one that the daemon becomes. */

import { userName } from "../platform/users.ts";
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
