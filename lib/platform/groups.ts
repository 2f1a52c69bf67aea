/** Groups of this host by name. Source: group(5). */

import { quote } from "../quote.ts";

const GROUPS = "/etc/group";

/**
 * The id of a group that is given by its name or its number.
 *
 * @throws {Error} When there is no such group in /etc/group, whose reading nothing delays.
 */
export function gidOf(group: string, text: string = Deno.readTextFileSync(GROUPS)): number {
  if (/^\d{1,9}$/.test(group)) return Number(group);
  for (const line of text.split("\n")) {
    const [name, , gid = ""] = line.split(":");
    if (name === group && /^\d+$/.test(gid)) return Number(gid);
  }
  throw new Error(
    `there is no group ${quote(group)} in ${GROUPS}: groupadd -r it, or give its number`,
  );
}
