/**
 * Resolver rules: which names may be asked of which name server directly, with the answer that the
 * C library would give. Configurations not understood here are left to the C library, since a
 * second resolver with different rules would find the wrong host.
 *
 * Source: resolv.conf(5), nsswitch.conf(5), gai.conf(5); resolv/res_init.c of glibc 2.36 for how
 * lines are read (a keyword begins its line; `#` and `;` begin a comment in the first column only).
 */

/** Texts of the files; undefined if missing. */
export interface ResolverFiles {
  readonly nsswitch: string | undefined;
  readonly resolvConf: string | undefined;
  /** Whether LOCALDOMAIN, RES_OPTIONS or HOSTALIASES in the environment override the files. */
  readonly isChangedByEnvironment: boolean;
}

/** Rules for asking a server directly. */
export interface ResolverRules {
  /** Numeric address of the server that the C library asks first. */
  readonly server: string;
  /** ndots: names with fewer dots are tried with the search list first. */
  readonly dots: number;
  /** Names below `.local` belong to multicast DNS. */
  readonly isLocalElsewhere: boolean;
}

/** Options that change neither the first question, nor its server, nor its transport. */
const HARMLESS = /^(debug|timeout:\d+|attempts:\d+|edns0|trust-ad|single-request(-reopen)?)$/;
const NO_CHANGE = /^(no-reload|no_tld_query|no-tld-query|inet6|ip6-bytestring|no-ip6-dotint)$/;

/** ndots, bounded as in the C library. */
const NDOTS = /^ndots:(\d+)$/;
const NDOTS_MAX = 15;

/** Name service switch with the hosts file first and DNS next. */
const FILES_THEN_DNS = /^(?:files )?(mdns[46]?_minimal \[notfound=return\] )?dns(?: |$)/;

/** Host name syntax. */
const NAME = /^(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?$/;
/** Numeric last label, which makes programs parse a name as an address: `127.2`, `0x7f000001`. */
export const NUMERIC_END = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;

/** Rules of this host; undefined if every name has to go through the C library. */
export function resolverRules(files: ResolverFiles): ResolverRules | undefined {
  const { nsswitch, resolvConf, isChangedByEnvironment } = files;
  const order = nsswitch === undefined ? undefined : hostsLine(nsswitch);
  if (isChangedByEnvironment || order === undefined || resolvConf === undefined) return undefined;
  const match = FILES_THEN_DNS.exec(order);
  if (match === null) return undefined;
  let server: string | undefined;
  let dots = 1;
  for (const line of resolvConf.split("\n")) {
    const [keyword, ...values] = line.split(/[ \t]+/);
    if (keyword === "nameserver") server ??= values[0] ?? "";
    if (keyword !== "options") continue;
    for (const option of values.filter((value) => value !== "")) {
      const given = NDOTS.exec(option)?.[1];
      if (given !== undefined) dots = Math.min(Number(given), NDOTS_MAX);
      else if (!HARMLESS.test(option) && !NO_CHANGE.test(option)) return undefined;
    }
  }
  // Plain addresses only: not with a scope, nor followed by a word meant as a comment.
  if (server === undefined || !/^(\d{1,3}(\.\d{1,3}){3}|[\da-f]*:[\da-f:.]+)$/i.test(server)) {
    return undefined;
  }
  return { server, dots, isLocalElsewhere: match[1] !== undefined };
}

/** Whether a server may be asked for a name without trying a search domain first. */
export function mayAsk(name: string, { dots, isLocalElsewhere }: ResolverRules): boolean {
  if (!NAME.test(name) || NUMERIC_END.test(name)) return false;
  if (isLocalElsewhere && /\.local\.?$/i.test(name)) return false;
  const count = name.split(".").length - 1;
  return name.endsWith(".") || count >= Math.max(1, dots);
}

/**
 * Services for hosts in nsswitch.conf, separated by single blanks, actions in lower case; undefined
 * unless there is exactly one such line.
 */
export function hostsLine(nsswitch: string): string | undefined {
  const lines = nsswitch.split("\n").map((line) => line.replace(/#.*/, ""))
    .map((line) => /^\s*hosts\s*:(.*)$/.exec(line)?.[1]).filter((line) => line !== undefined);
  if (lines.length !== 1) return undefined;
  const spaced = lines[0]!.replace(
    /\[([^\]]*)\]/g,
    (_, actions: string) =>
      ` [${actions.trim().toLowerCase().replace(/\s*=\s*/g, "=").replace(/\s+/g, ",")}] `,
  );
  return spaced.trim().replace(/\s+/g, " ");
}
