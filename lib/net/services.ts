/**
 * The port numbers that this machine's administrator has given away: pure functions over the text of
 * two files.
 *
 * ```
 * /etc/services                 name  port/protocol  [alias ...]  [# comment]
 * /etc/bindresvport.blacklist   port  [# comment]
 * ```
 *
 * Source: services(5); bindresvport(3) as glibc and libtirpc have it.
 */

/** One line of /etc/services. */
export interface ServiceEntry {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly port: number;
  /** `udp`, `tcp` or something else. */
  readonly protocol: string;
}

const PORT_MAX = 65_535;

/** The words of each line that has any, without its comment. */
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

/** The entries of /etc/services; lines that are not in its form are passed over. */
export function parseServices(text: string): ServiceEntry[] {
  return wordsOfLines(text).flatMap(([name, number, ...aliases]) => {
    const [digits, protocol] = number?.split("/") ?? [];
    const port = portOf(digits ?? "");
    if (port === undefined || protocol === undefined) return [];
    return [{ name: name!, aliases, port, protocol }];
  });
}

/** The port of the service with one of these names or aliases; the first entry in the file counts. */
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

/** The ports of /etc/bindresvport.blacklist; lines that are not in its form are passed over. */
export function parsePortBlacklist(text: string): Set<number> {
  const ports = wordsOfLines(text).map(([word]) => portOf(word!));
  return new Set(ports.filter((port) => port !== undefined));
}
