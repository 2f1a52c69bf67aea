/** Access rules of hosts_access(5), read as the user of this command: only root may be able to. */

import { readText } from "../hosts/text_file.ts";
import { type AccessEntry, type Client, decideAccess } from "../nsm/hosts_access.ts";
import { parseAccessFile } from "../nsm/hosts_rules.ts";
import { reasonOf } from "../reason.ts";

/**
 * Rules of hosts.allow and hosts.deny for a daemon; none if both files are missing.
 *
 * @throws {Error} When a file exists and cannot be read.
 */
export function rulesFor(daemon: "statd" | "rpcbind"): AccessEntry[] {
  return (["allow", "deny"] as const).flatMap((kind) =>
    parseAccessFile(textOf(`/etc/hosts.${kind}`), daemon, kind, () => {})
  );
}

/** Whether the rules deny a client. @throws {Error} When a pattern file cannot be read. */
export function denies(rules: readonly AccessEntry[], client: Client): boolean {
  return decideAccess(rules, client, textOf) === "deny";
}

function textOf(path: string): string {
  try {
    return readText(path) ?? "";
  } catch (error) {
    throw new Error(`${path} cannot be read: ${reasonOf(error)}`);
  }
}
