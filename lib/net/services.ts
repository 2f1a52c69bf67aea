/**
 * Parsers of port lists.
 *
 * ```
 * /etc/services                 name  port/protocol  [alias ...]  [# comment]
 * /etc/bindresvport.blacklist   port  [# comment]
 * ```
 *
 * Source: services(5); bindresvport(3) as glibc and libtirpc have it.
 */

import { PORT_MAX } from "../rpc/address.ts";

/** Line of /etc/services. */
export interface ServiceEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly port: number;
  /** `udp`, `tcp` or something else. */
  readonly protocol: string;
}

/** Words of each non-empty line, without its comment. */
function wordsOfLines(text: string): string[][] {
  return text.split("\n")
    .map((line) => line.replace(/#.*/, "").split(/\s+/).filter((word) => word !== ""))
    .filter((words) => words.length > 0);
}

function portOf(text: string): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port > 0 && port <= PORT_MAX ? port : undefined;
}

/** Entries of /etc/services; malformed lines are skipped. */
export function parseServices(text: string): ServiceEntry[] {
  return wordsOfLines(text).flatMap(([name, number, ...aliases]) => {
    const [digits, protocol] = number?.split("/") ?? [];
    const port = portOf(digits ?? "");
    if (port === undefined || protocol === undefined) return [];
    return [{ name: name!, aliases, port, protocol }];
  });
}

/** Port of the first service with one of these names or aliases. */
export function servicePort(
  entries: readonly ServiceEntry[],
  names: readonly string[],
  protocol: string,
): number | undefined {
  const isAsked = (name: string) => names.includes(name);
  return entries.find((entry) =>
    entry.protocol === protocol && (isAsked(entry.name) || entry.aliases.some(isAsked))
  )?.port;
}

/** Ports of /etc/bindresvport.blacklist; malformed lines are skipped. */
export function parsePortBlacklist(text: string): Set<number> {
  const ports = wordsOfLines(text).map(([word]) => portOf(word!));
  return new Set(ports.filter((port) => port !== undefined));
}
