/** Groups of this host by name. Source: group(5). */

import { quote } from "../quote.ts";

const GROUPS = "/etc/group";

/**
 * Id of a group given by name or number.
 *
 * @throws {Error} When it is not in /etc/group. Directory services are not asked, as they may
 * block.
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
