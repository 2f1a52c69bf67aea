/**
 * How people get at the daemon: the control socket for nsmctl, and the endpoint for Prometheus where one
 * is wanted. Without them it serves all the same.
 */

import type { Log } from "../log.ts";
import { controlActions, type DaemonFacts, statusReporter } from "./control_actions.ts";
import { listenForControl, listenForGroup, lookingOnly, serveControl } from "./control_server.ts";
import type { LimitedLog } from "../log_limits.ts";
import { gidOf } from "../platform/groups.ts";
import { readProgress } from "../store/notify_progress.ts";
import { metricsText } from "./metrics.ts";
import { serveMetrics } from "./metrics_server.ts";
import type { StartFaults } from "./start_faults.ts";

/** Open sockets for people. */
export interface Steering {
  /** Closes it at once, also for clients in the middle of a request. */
  close(): void;
}

/** Opens the control socket before privileges are dropped. */
export function openControl(path: string, faults: StartFaults): Deno.UnixListener | undefined {
  return faults.attempt("control socket", () => listenForControl(path));
}

/** Opens the socket for a group before privileges are dropped. */
export function openForGroup(
  group: string,
  path: string,
  faults: StartFaults,
): Deno.UnixListener | undefined {
  return faults.attempt("socket for status-group", () => listenForGroup(path, gidOf(group)));
}

/** Begins to answer; what cannot be opened is a warning, and shows in the status. */
export function startSteering(
  facts: DaemonFacts & { readonly startFaults: StartFaults },
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
  const metrics = facts.startFaults.attempt("metrics endpoint", open);
  return {
    close() {
      control?.close();
      forGroup?.close();
      metrics?.close();
    },
  };
}
