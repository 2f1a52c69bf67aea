/**
 * How people get at the daemon: the control socket for nsmctl, and the endpoint for Prometheus where one
 * is wanted. Without them it serves all the same.
 */

import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";
import { controlActions, type DaemonFacts, statusReporter } from "./control_actions.ts";
import { listenForControl, listenForGroup, lookingOnly, serveControl } from "./control_server.ts";
import type { LimitedLog } from "../log_limits.ts";
import { gidOf } from "../platform/groups.ts";
import { readProgress } from "../store/notify_progress.ts";
import { metricsText } from "./metrics.ts";
import { serveMetrics } from "./metrics_server.ts";

/** Open sockets for people. */
export interface Steering {
  /** Closes it at once, also for clients in the middle of a request. */
  close(): void;
}

/** Opens the control socket before privileges are dropped; without it `degraded` says so. */
export function openControl(
  path: string,
  degraded: string[],
  log: Log,
): Deno.UnixListener | undefined {
  return attempt("control socket", () => listenForControl(path), degraded, log);
}

/** Opens the socket for a group before privileges are dropped; without it `degraded` says so. */
export function openForGroup(
  group: string,
  path: string,
  degraded: string[],
  log: Log,
): Deno.UnixListener | undefined {
  return attempt(
    "socket for status-group",
    () => listenForGroup(path, gidOf(group)),
    degraded,
    log,
  );
}

/** Begins to answer; what cannot be opened is a warning, and shows in the status. */
export function startSteering(
  facts: DaemonFacts & { readonly degraded: string[] },
  { control: listener, lookers }: {
    readonly control: Deno.UnixListener | undefined;
    readonly lookers: Deno.UnixListener | undefined;
  },
  metricsAddress: string | undefined,
  log: Log,
  tell: LimitedLog,
): Steering {
  const report = statusReporter(facts);
  const parts = { clock: facts.clock, log };
  const actions = controlActions(facts, report);
  const control = listener && serveControl(listener, actions, parts);
  const forGroup = lookers && serveControl(lookers, lookingOnly(actions), parts);
  const open = () =>
    metricsAddress === undefined ? undefined : serveMetrics(metricsAddress, {
      text: () => {
        facts.healthLook.lookSoon();
        return metricsText(report(), readProgress(facts.stateDirectoryPath));
      },
      ...parts,
      tell,
    });
  const metrics = attempt("metrics endpoint", open, facts.degraded, log);
  return {
    close() {
      control?.close();
      forGroup?.close();
      metrics?.close();
    },
  };
}

function attempt<T>(what: string, open: () => T, degraded: string[], log: Log): T | undefined {
  try {
    return open();
  } catch (error) {
    degraded.push(`no ${what}: ${reasonOf(error)}`);
    log.warning(`Cannot open the ${what}: ${reasonOf(error)}`);
    return undefined;
  }
}
