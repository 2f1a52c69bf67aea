/**
 * The administrator's program for high availability: told of each peer that is added or removed, and of
 * each notice.
 *
 * Source: rpc.statd(8), ha-callout; the arguments and their order are those of nfs-utils.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import type { Callout } from "../nsm/ports.ts";
import { type CalloutResult, runCallout } from "../platform/callout.ts";
import { quote } from "../quote.ts";

/** The callout that the settings name, if they do. */
export function haCallout(
  { haCallout: program, haCalloutTimeout }: StatdSettings,
  log: Log,
): Callout | undefined {
  if (program === undefined) return undefined;
  const run = async (...args: string[]) => {
    const result = await runCallout(program, args, 1000 * haCalloutTimeout);
    const what = `HA callout ${quote(program)} ${args.map(quote).join(" ")}`;
    if (result.outcome === "exited") log.debug(() => `${what} ended with status ${result.status}`);
    else log.warning(`${what}: ${describe(result)}`);
  };
  return {
    monitored: (monName, myName) => run("add-client", monName, myName),
    unmonitored: (monName, myName) => run("del-client", monName, myName),
    // nfs-utils leaves a negative state out.
    notified: (monName, address, state) =>
      run("sm-notify", monName, address, ...(state < 0 ? [] : [String(state)])),
  };
}

function describe(result: Exclude<CalloutResult, { outcome: "exited" }>): string {
  switch (result.outcome) {
    case "killed":
      return `ended by ${result.signal}`;
    case "timeLimit":
      return `killed, it took more than ${result.timeoutMs / 1000} s`;
    case "notStarted":
      return `not started, ${result.reason}`;
  }
}
