/**
 * Operator interfaces: the control socket for nsmctl, and the metrics endpoint if configured. The
 * daemon serves without them too.
 */

import type { Log } from "../log.ts";
import { controlActions, type DaemonFacts, statusReporter } from "./control_actions.ts";
import { listenForControl, listenForGroup, lookingOnly, serveControl } from "./control_server.ts";
import type { LimitedLog } from "../log_limits.ts";
import { gidOf } from "../platform/users.ts";
import { readProgress } from "../store/notify_progress.ts";
import { metricsText } from "./metrics.ts";
import { serveMetrics } from "./metrics_server.ts";
import type { StartFaults } from "./start_faults.ts";

/** Open operator interfaces. */
export interface Steering {
  /** Closes all sockets at once, even during a request. */
  close(): void;
}

/** Opens the control socket; call before the privilege drop. */
export function openControl(path: string, faults: StartFaults): Deno.UnixListener | undefined {
  return faults.attempt("control socket", () => listenForControl(path));
}

/** Opens the socket for a group; call before the privilege drop. */
export function openForGroup(
  group: string,
  path: string,
  faults: StartFaults,
): Deno.UnixListener | undefined {
  return faults.attempt("socket for status-group", () => listenForGroup(path, gidOf(group)));
}

/** Starts serving. An interface that cannot be opened is logged as a warning and shown in the status. */
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
