/** Changing a state directory by hand, as the user to whom it belongs. */

import { dropPrivileges } from "../platform/privileges.ts";
import type { Layout } from "../store/layout.ts";

/** What is left of the permissions of new files, as the daemon has it. */
const UMASK = 0o007;

/**
 * Becomes the owner of the monitor list for good, so that files which are made belong to it, and links
 * in it lead no further than the owner may go.
 *
 * @throws {Error} When this user may not.
 */
export function dropToOwner({ monitorList }: Layout): void {
  Deno.umask(UMASK);
  dropPrivileges(monitorList);
}
