/**
 * How people get at the daemon: the control socket for nsmctl, and the endpoint for Prometheus where one
 * is wanted. Without them it serves all the same.
 */

import type { Log } from "../log.ts";
import { reasonOf } from "../nsm/ports.ts";
import { controlActions, type DaemonFacts, statusReporter } from "./control_actions.ts";
import { listenForControl, serveControl } from "./control_server.ts";
import { METRICS_TYPE, metricsText } from "./metrics.ts";
import type { StatusReport } from "../control/status_report.ts";

/** What was opened. */
export interface Steering {
  close(): Promise<void>;
}

/** Opens the control socket before privileges are dropped; without it `degraded` says so. */
export function openControl(
  path: string,
  degraded: string[],
  log: Log,
): Deno.UnixListener | undefined {
  return attempt("control socket", () => listenForControl(path), degraded, log);
}

/** Begins to answer; what cannot be opened is a warning, and shows in the status. */
export function startSteering(
  facts: DaemonFacts & { readonly degraded: string[] },
  listener: Deno.UnixListener | undefined,
  metricsAddress: string | undefined,
  log: Log,
): Steering {
  const report = statusReporter(facts);
  const parts = { clock: facts.clock, log };
  const control = listener && serveControl(listener, controlActions(facts, report), parts);
  const open = () => metricsAddress && serveMetrics(metricsAddress, report, log);
  const metrics = attempt("metrics endpoint", open, facts.degraded, log);
  return {
    async close() {
      control?.close();
      if (metrics) await metrics.shutdown();
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

function serveMetrics(address: string, report: () => StatusReport, log: Log): Deno.HttpServer {
  const options = {
    onListen: () => log.info(`Metrics at ${address}`),
    onError: (error: unknown) => {
      log.error(`Cannot answer a request for metrics: ${reasonOf(error)}`);
      return new Response("", { status: 500 });
    },
  };
  const handler = (request: Request) => {
    const path = new URL(request.url).pathname;
    if (path !== "/metrics" && path !== "/") return new Response("", { status: 404 });
    return new Response(metricsText(report()), { headers: { "content-type": METRICS_TYPE } });
  };
  if (address.startsWith("/")) {
    removeSocket(address);
    return Deno.serve({ path: address, ...options }, handler);
  }
  const colon = address.lastIndexOf(":");
  const hostname = address.slice(0, colon).replace(/^\[(.*)\]$/, "$1");
  return Deno.serve({ hostname, port: Number(address.slice(colon + 1)), ...options }, handler);
}

/** Removes the socket that an earlier daemon left behind; anything else stays, and is in the way. */
function removeSocket(path: string): void {
  try {
    if (Deno.lstatSync(path).isSocket) Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
