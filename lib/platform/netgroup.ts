/**
 * Netgroups, by the C library and whatever nsswitch.conf says of them.
 *
 * Source: innetgr(3), getdomainname(2); the TCP wrappers library asks so, with the domain of NIS.
 */

import { cString } from "./libc.ts";

const SYMBOLS = {
  innetgr: {
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "i32",
    nonblocking: true,
  },
} as const;

/** The kernel's file with the NIS domain. */
const DOMAIN_FILE = "/proc/sys/kernel/domainname";
const NO_DOMAIN = "(none)";

/**
 * Makes the function that tells whether a host is in a netgroup. Questions are asked in turn, since
 * innetgr(3) is not thread-safe. The C library answers "no" also where it could not find out.
 */
export function netgroups(): (group: string, host: string) => Promise<boolean> {
  const { symbols } = Deno.dlopen("libc.so.6", SYMBOLS);
  const domain = nisDomain();
  /** Texts of calls under way on another thread, which the garbage collector must not take. */
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

/** The NIS domain of this host; null where there is none, which stands for any. */
function nisDomain(): Text | null {
  try {
    const domain = Deno.readTextFileSync(DOMAIN_FILE).trim();
    return domain === "" || domain === NO_DOMAIN ? null : cString(domain);
  } catch {
    return null;
  }
}
