/** Runs histories and reports their outcomes. */

import { setImmediate } from "node:timers";
import { type History, shorten, tell } from "./history.ts";
import { Violation } from "./violation.ts";
import { World } from "./world.ts";

/** Maximum number of trace lines printed. */
const TRACE_MAX = 120;

/** Outcome of a history. */
export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  readonly steps: number;
}

/** Runs a history to its end or its first violation. */
export async function play(history: History, isTraced = false): Promise<Outcome> {
  const world = new World(history, isTraced);
  const keep = (event: ErrorEvent | PromiseRejectionEvent) => {
    event.preventDefault();
    world.uncaught("reason" in event ? event.reason : event.error);
  };
  addEventListener("unhandledrejection", keep);
  addEventListener("error", keep);
  let violation: Violation | undefined;
  try {
    await world.run();
    // Unhandled rejections are reported after the microtasks.
    await new Promise((resolve) => setImmediate(resolve));
    violation = world.failure;
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  } finally {
    removeEventListener("unhandledrejection", keep);
    removeEventListener("error", keep);
  }
  return { violation, trace: world.trace.lines, steps: world.agenda.steps };
}

/** Report of a failure: the shortened history, and its trace. */
export async function explain(history: History, violation: Violation): Promise<string> {
  const short = await shorten(history, async (tried) => {
    const outcome = await play(tried);
    return outcome.violation?.invariant === violation.invariant;
  });
  const { violation: last = violation, trace } = await play(short, true);
  return [
    last.message,
    "",
    ...tell(short),
    "",
    "What happens:",
    ...trace.slice(-TRACE_MAX),
    "",
    `As a named test: ${JSON.stringify(short)}`,
  ].join("\n");
}
