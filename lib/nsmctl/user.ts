/** Who is at the keyboard, for the daemon's log. */

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
  try {
    return Deno.readTextFileSync("/etc/passwd").split("\n")
      .map((line) => line.split(":")).find(([, , id]) => id === String(uid))?.[0];
  } catch {
    return undefined; // the number says enough
  }
}
