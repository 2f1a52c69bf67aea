/**
 * Netgroups, through the C library and its nsswitch.conf sources.
 *
 * Source: innetgr(3), getdomainname(2); the TCP wrappers library asks so, with the domain of NIS.
 */

import { cString } from "./libc.ts";
import { openLibrary } from "./library.ts";

const SYMBOLS = {
  innetgr: {
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** Kernel file with the NIS domain. */
const DOMAIN_FILE = "/proc/sys/kernel/domainname";
const NO_DOMAIN = "(none)";

/**
 * Makes the function that tests whether a host is in a netgroup. Questions are serialised, since
 * innetgr(3) is not thread-safe. The C library also answers "no" on failure.
 */
export function netgroups(): (group: string, host: string) => Promise<boolean> {
  const { symbols } = openLibrary("libc.so.6", SYMBOLS);
  const domain = nisDomain();
  /** Texts of calls in progress on a thread, protected from the garbage collector. */
  const inUse = new Set<readonly unknown[]>();
  const ask = async (...texts: readonly [group: Text, host: Text]): Promise<boolean> => {
    inUse.add(texts);
    return await symbols.innetgr(...texts, null, domain).finally(() => inUse.delete(texts)) === 1;
  };
  let last: Promise<unknown> = Promise.resolve();
  return (group, host) => {
    const answer = last.then(() => ask(cString(group), cString(host)));
    last = answer.catch(() => {});
    return answer;
  };
}

type Text = ReturnType<typeof cString>;

/** NIS domain of this host; null (any domain) if there is none. */
function nisDomain(): Text | null {
  try {
    const domain = Deno.readTextFileSync(DOMAIN_FILE).trim();
    return domain === "" || domain === NO_DOMAIN ? null : cString(domain);
  } catch {
    return null;
  }
}
