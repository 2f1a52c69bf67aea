/**
 * Access rules of /etc/hosts.allow and /etc/hosts.deny: who may call at all. A caller is let in when a
 * rule of the first file matches it, else kept out when one of the second does, else let in.
 *
 * ```
 * daemons : clients [ : option ]…
 * ```
 *
 * Patterns for clients: `ALL`, `LOCAL`, `KNOWN`, `UNKNOWN`, `PARANOID`, a name or address with `*` and
 * `?`, `.example.net`, `192.0.2.`, `192.0.2.0/24`, `192.0.2.0/255.255.255.0`, `[2001:db8::]/32`,
 * `/file/of/patterns`, and lists with `EXCEPT`. Options: `allow` and `deny`; others act on connections
 * of other programs and are passed over.
 *
 * Deviations: nothing is executed, whatever an option says; netgroups (`@name`) and user names match
 * nobody, as there is neither here.
 *
 * Source: hosts_access(5), hosts_options(5).
 */

import { addressBytes, normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "./host_name.ts";

/** What a rule says of those that match it. */
export type Decision = "allow" | "deny";

/** One rule that concerns us. */
export interface AccessEntry {
  readonly clients: readonly string[];
  readonly decision: Decision;
}

/** Who calls. */
export interface Client {
  readonly address: string;
  /**
   * Its name by reverse look-up, confirmed by a forward one; null when it has none, or the two
   * disagree; undefined when that is not known yet.
   */
  readonly name: string | null | undefined;
}

/** The patterns in a file that a rule refers to; nothing if it cannot be read. */
export type ReadPatterns = (path: string) => string | undefined;

/** The answer needs the caller's name, which is not known yet. */
class NameNeeded extends Error {}

/**
 * The rules in a file that concern a daemon; `whenMatched` is what the file is for. Lines that are no
 * rules are handed to `fault`.
 */
export function parseAccessFile(
  text: string,
  daemon: string,
  whenMatched: Decision,
  fault: (line: number, reason: string) => void,
): AccessEntry[] {
  const entries: AccessEntry[] = [];
  for (const { line, content } of logicalLines(text)) {
    const [daemons, clients, ...options] = fieldsOf(content);
    if (daemons === undefined || clients === undefined || clients === "") {
      fault(line, "there is no list of clients");
      continue;
    }
    const isOurs = (pattern: string) => pattern === "ALL" || matchesText(pattern, daemon);
    if (!matchesList(words(daemons), isOurs)) continue;
    const words_ = options.map((option) => option.trim().toLowerCase());
    const stated = words_.find((option) => option === "allow" || option === "deny");
    entries.push({ clients: words(clients), decision: stated as Decision ?? whenMatched });
  }
  return entries;
}

/**
 * What the rules say of a client: the first one that matches counts, and without one everybody is let
 * in. "nameNeeded" when that depends on the name and it is not known yet.
 */
export function decideAccess(
  entries: readonly AccessEntry[],
  client: Client,
  readPatterns: ReadPatterns,
): Decision | "nameNeeded" {
  try {
    const matches = (pattern: string) => matchesClient(pattern, client, readPatterns);
    const entry = entries.find(({ clients }) => matchesList(clients, matches));
    return entry?.decision ?? "allow";
  } catch (error) {
    if (error instanceof NameNeeded) return "nameNeeded";
    throw error;
  }
}

/** Lines with those joined that end in a backslash; comments and empty ones left out. */
function* logicalLines(text: string): Iterable<{ line: number; content: string }> {
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = i + 1;
    let content = lines[i]!;
    while (content.endsWith("\\") && i + 1 < lines.length) {
      content = content.slice(0, -1) + lines[++i];
    }
    if (content.trim() !== "" && !content.startsWith("#")) yield { line, content };
  }
}

/** The parts between colons; those within brackets and behind a backslash do not count. */
function fieldsOf(line: string): string[] {
  const fields = [""];
  let isBracketed = false;
  for (let i = 0; i < line.length; i++) {
    const character = line[i]!;
    if (character === "[") isBracketed = true;
    if (character === "]") isBracketed = false;
    if (character === ":" && !isBracketed) fields.push("");
    else if (character === "\\" && line[i + 1] === ":") fields[fields.length - 1] += line[++i]!;
    else fields[fields.length - 1] += character;
  }
  return fields.map((field) => field.trim());
}

function words(list: string): string[] {
  return list.split(/[\s,]+/).filter((word) => word !== "");
}

/** `a b EXCEPT c EXCEPT d` is `a b EXCEPT (c EXCEPT d)`. */
function matchesList(list: readonly string[], matches: (pattern: string) => boolean): boolean {
  const except = list.findIndex((word) => word.toUpperCase() === "EXCEPT");
  const included = except < 0 ? list : list.slice(0, except);
  if (!included.some(matches)) return false;
  return except < 0 || !matchesList(list.slice(except + 1), matches);
}

function matchesClient(pattern: string, client: Client, readPatterns: ReadPatterns): boolean {
  const { address } = client;
  switch (pattern) {
    case "ALL":
      return true;
    case "LOCAL":
      return nameOf(client)?.includes(".") === false;
    case "KNOWN":
      return nameOf(client) !== null;
    case "UNKNOWN":
    case "PARANOID":
      return nameOf(client) === null;
  }
  if (pattern.startsWith("/")) {
    const patterns = words(readPatterns(pattern) ?? "");
    return patterns.some((one) => !one.startsWith("/") && matchesClient(one, client, readPatterns));
  }
  // Netgroups and user names.
  if (pattern.includes("@")) return false;
  if (pattern.includes("/")) return isInNetwork(address, pattern);
  if (pattern.startsWith("[")) {
    return normaliseAddress(pattern.replace(/^\[(.*)\]$/, "$1")) === address;
  }
  if (pattern.endsWith(".")) return address.startsWith(pattern);
  if (matchesText(pattern, address)) return true;
  if (/^[\d.:*?]+$/.test(pattern)) return false;
  const name = nameOf(client);
  if (name === null) return false;
  return pattern.startsWith(".")
    ? nameKey(name).endsWith(pattern.toLowerCase())
    : matchesText(pattern, nameKey(name));
}

function nameOf({ name }: Client): string | null {
  if (name === undefined) throw new NameNeeded();
  return name;
}

/** Whether an address is in `network/bits` or `network/mask`. */
function isInNetwork(address: string, pattern: string): boolean {
  const [network = "", length = ""] = pattern.replace(/^\[(.*)\]\//, "$1/").split("/");
  const bytes = addressBytes(network);
  const ours = addressBytes(address);
  if (bytes === undefined || ours === undefined || bytes.length !== ours.length) return false;
  const mask = /^\d{1,3}$/.test(length)
    ? bytes.map((_, i) => maskByte(Number(length) - 8 * i))
    : addressBytes(length);
  if (mask?.length !== bytes.length) return false;
  return bytes.every((byte, i) => (byte & mask[i]!) === (ours[i]! & mask[i]!));
}

/** A byte whose first `bits` bits are set; all for 8 and above, none for 0 and below. */
function maskByte(bits: number): number {
  return 0xff << (8 - Math.max(0, Math.min(8, bits))) & 0xff;
}

/** Whether text is what a pattern with `*` and `?` describes, without regard to letter case. */
function matchesText(pattern: string, text: string): boolean {
  const [wanted, given] = [pattern.toLowerCase(), text.toLowerCase()];
  let [at, from] = [0, 0];
  let [star, starFrom] = [-1, 0];
  while (from < given.length) {
    if (wanted[at] === "*") [star, starFrom, at] = [at, from, at + 1];
    else if (wanted[at] === "?" || wanted[at] === given[from]) [at, from] = [at + 1, from + 1];
    else if (star >= 0) [at, from, starFrom] = [star + 1, starFrom + 1, starFrom + 1];
    else return false;
  }
  while (wanted[at] === "*") at++;
  return at === wanted.length;
}
