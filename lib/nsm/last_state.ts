/**
 * Last state of a peer: that of its registration with the latest news. A registration that is
 * younger than the peer's answer to a question knows an earlier one, until the peer's own notice.
 */

import type { Monitored } from "./monitor_list.ts";

/** Returns 0 if no registration has heard of a state. */
export function lastStateOf(registrations: Iterable<Monitored>): number {
  let last: Monitored | undefined;
  for (const one of registrations) {
    if (last === undefined || one.lastNotice > last.lastNotice) last = one;
  }
  return last?.lastState ?? 0;
}
