/** Who is at the keyboard, for the daemon's log. */

/** The user that runs this, and who became it by sudo. Only root and the owner can say anything. */
export function ownUser(): string {
  const uid = `uid ${Deno.uid()}`;
  const user = Deno.env.get("SUDO_USER");
  return user === undefined || user === "" ? uid : `${uid}, ${user} by sudo`;
}
