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
  try {
    for (const line of Deno.readTextFileSync("/etc/passwd").split("\n")) {
      const [name, , id] = line.split(":");
      if (id === String(uid)) return `${uid} (${shown(name!)})`;
    }
  } catch {
    // the number says enough
  }
  return String(uid);
}
