/**
 * Which names may be asked of a name server without the C library, and of which server, so that the
 * answer is the one that the C library would give. Whatever these rules do not understand is left to it:
 * a second resolver with other rules tells the wrong host.
 *
 * Source: resolv.conf(5), nsswitch.conf(5), gai.conf(5); resolv/res_init.c of glibc 2.36 for how lines
 * are read (a keyword begins its line; `#` and `;` begin a comment in the first column only).
 */

/** Files that are read, as text; undefined where there is no such file. */
export interface ResolverFiles {
  readonly nsswitch: string | undefined;
  readonly resolvConf: string | undefined;
  /** The environment changes what these files say: LOCALDOMAIN, RES_OPTIONS, HOSTALIASES. */
  readonly isChangedByEnvironment: boolean;
}

/** The rules for asking a server. */
export interface ResolverRules {
  /** Numeric address of the server that the C library asks first. */
  readonly server: string;
  /** Names with fewer dots are completed by the search list first. */
  readonly dots: number;
  /** Names below `.local` belong to multicast DNS. */
  readonly isLocalElsewhere: boolean;
}

/** Options that change neither which question is asked first, nor of whom, nor over what. */
const HARMLESS = /^(debug|timeout:\d+|attempts:\d+|edns0|trust-ad|single-request(-reopen)?)$/;
const NO_CHANGE = /^(no-reload|no_tld_query|no-tld-query|inet6|ip6-bytestring|no-ip6-dotint)$/;

/** As the C library has it, which bounds the number. */
const NDOTS = /^ndots:(\d+)$/;
const NDOTS_MAX = 15;

/** The name service switch where hosts are in a file, and then asked of name servers. */
const FILES_THEN_DNS = /^(?:files )?(mdns[46]?_minimal \[notfound=return\] )?dns(?: |$)/;

/** Form of a host name; a last label of digits makes it an address. */
const NAME = /^(?!-)[A-Za-z0-9_-]{1,63}(\.(?!-)[A-Za-z0-9_-]{1,63})*\.?$/;
const NUMERIC_END = /(^|\.)(\d+|0x[0-9a-f]*)\.?$/i;

/** The rules of this machine; undefined where all names are the C library's. */
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
  // Only a plain address: a scope, or a word behind it that somebody meant for a comment, is not.
  if (server === undefined || !/^(\d{1,3}(\.\d{1,3}){3}|[\da-f]*:[\da-f:.]+)$/i.test(server)) {
    return undefined;
  }
  return { server, dots, isLocalElsewhere: match[1] !== undefined };
}

/** True if the server may be asked about a name as it stands. */
export function mayAsk(name: string, { dots, isLocalElsewhere }: ResolverRules): boolean {
  if (!NAME.test(name) || NUMERIC_END.test(name)) return false;
  if (isLocalElsewhere && /\.local\.?$/i.test(name)) return false;
  const count = name.split(".").length - 1;
  return name.endsWith(".") || count >= Math.max(1, dots);
}

/**
 * The services for hosts in nsswitch.conf, separated by single blanks, actions in lower case; undefined
 * where there is not one line about them.
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
