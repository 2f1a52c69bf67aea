/**
 * HA callout: the administrator's program, run for each peer added or removed and for each notice
 * that is news. Runs are limited by a semaphore with a short FIFO queue. A notice beyond it is not
 * answered, so that its sender repeats it.
 *
 * Source: rpc.statd(8), ha-callout; the arguments and their order are those of nfs-utils.
 */

import type { StatdSettings } from "../config/settings.ts";
import type { LimitedLog } from "../log_limits.ts";
import type { Log } from "../log.ts";
import type { Clock } from "../time/clock.ts";
import { LookupSlots } from "../net/lookup_slots.ts";
import type { Callout } from "../nsm/ports.ts";
import { type CalloutResult, runCallout } from "../platform/callout.ts";
import { executableFault } from "../platform/executable.ts";
import { quote } from "../quote.ts";

/**
 * Limit of concurrent runs. Starting one blocks the event loop for some milliseconds, so more would
 * speed up no answer.
 */
const RUNNING_MAX = 4;
/** Queue length: covers a lock manager that starts locks for many peers at once. */
const LINE_MAX = 64;
/** Limit of runs for notices, which remote hosts cause; the rest is reserved for local lock managers. */
const NOTICES_MAX = 32;

/** Run time after which a run counts as a fault, in ms: queued runs wait for it. */
const PATIENCE_MS = 10_000;
/** Time for which a failure counts as a fault, unless a later run succeeds, in ms. */
const FAILURE_MS = 3_600_000;
const MINUTE_MS = 60_000;

interface Failure {
  readonly program: string;
  readonly fault: string;
  readonly at: number;
  /** The program could not be executed at all. That fault is detected again on each query. */
  readonly wasUnusable: boolean;
}

/** Why the configured program cannot be run, as text; undefined if it can. */
export function calloutFault(
  program: string | undefined,
  faultOf = executableFault,
): string | undefined {
  const fault = program === undefined ? undefined : faultOf(program);
  return fault === undefined ? undefined : `HA callout ${quote(program!)} cannot be run: ${fault}`;
}

/** Advice for an administrator at start; undefined if the program can be run. */
export function calloutAdvice(
  program: string | undefined,
  faultOf = executableFault,
): string | undefined {
  const fault = calloutFault(program, faultOf);
  return fault === undefined
    ? undefined
    : `${fault}. Peers are monitored, and the cluster is not told of them: install it, or correct ` +
      "ha-callout (-H)";
}

/** Dependencies of the callout. */
export interface HaCalloutParts {
  /** Settings in effect; called for each run. */
  readonly settings: () => Pick<StatdSettings, "haCallout" | "haCalloutTimeout">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "debug">;
  /** Rate-limited log of failed runs. */
  readonly tell: LimitedLog;
  /** Process functions; replaced by tests. */
  readonly runProgram?: typeof runCallout;
  readonly programFault?: typeof executableFault;
}

/** Makes the function that returns the callout configured now, if any. */
export function haCallout(
  { settings, clock, log, tell, runProgram = runCallout, programFault = executableFault }:
    HaCalloutParts,
): () => Callout | undefined {
  const slots = new LookupSlots(RUNNING_MAX, LINE_MAX);
  const notices = new Set<string>();
  /** Start times of the runs in progress, oldest first. */
  const begun = new Map<symbol, number>();
  let failure: Failure | undefined;
  const advice = calloutAdvice(settings().haCallout, programFault);
  if (advice !== undefined) tell("warning", "HA callout cannot be run", () => advice);
  const runTimed = async (program: string, args: readonly string[], timeoutMs: number) => {
    const key = Symbol();
    begun.set(key, clock.now());
    try {
      return await runProgram(program, args, timeoutMs);
    } finally {
      begun.delete(key);
    }
  };
  const run = async (program: string, ...args: string[]): Promise<void> => {
    const timeoutMs = 1000 * settings().haCalloutTimeout;
    const slotted = await slots.run(() => runTimed(program, args, timeoutMs), () => true);
    if (!slotted.isRun) return;
    const fault = faultOf(slotted.value);
    failure = fault === undefined
      ? undefined
      : { program, fault, at: clock.now(), wasUnusable: programFault(program) !== undefined };
    const what = () => `HA callout ${quote(program)} ${args.map(quote).join(" ")}`;
    if (fault === undefined) log.debug(() => `${what()} ended with status 0`);
    else tell("warning", `HA callout ${quote(program)} failed`, () => `${what()} ${fault}`);
  };
  return () => {
    const { haCallout: program } = settings();
    if (program === undefined) return undefined;
    return {
      get isFull() {
        return slots.isFull;
      },
      get fault() {
        const [since = Infinity] = begun.values();
        const ms = clock.now() - since;
        if (ms >= PATIENCE_MS) {
          return `HA callout ${quote(program)} has run for ${Math.round(ms / 1000)} s`;
        }
        return calloutFault(program, programFault) ?? failureText(failure, program, clock.now());
      },
      monitored: (monName, myName) => run(program, "add-client", monName, myName),
      unmonitored: (monName, myName) => run(program, "del-client", monName, myName),
      notified(monName, address, state) {
        const notice = `${state} ${address} ${monName}`;
        if (notices.size >= NOTICES_MAX || slots.isFull || notices.has(notice)) return undefined;
        notices.add(notice);
        // nfs-utils omits a negative state.
        const args = [monName, address, ...(state < 0 ? [] : [String(state)])];
        return run(program, "sm-notify", ...args).finally(() => notices.delete(notice));
      },
    };
  };
}

/** Text of the last failure, while it counts for the configured program. */
function failureText(
  failure: Failure | undefined,
  program: string,
  now: number,
): string | undefined {
  if (failure === undefined || failure.program !== program || failure.wasUnusable) return undefined;
  const ms = now - failure.at;
  if (ms >= FAILURE_MS) return undefined;
  const ago = ms < MINUTE_MS ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / MINUTE_MS)} min`;
  return `HA callout ${quote(program)} ${failure.fault}, ${ago} ago`;
}

/** Text of a failure; undefined if the program exited with status 0. */
function faultOf(result: CalloutResult): string | undefined {
  switch (result.outcome) {
    case "exited": {
      if (result.status === 0) return undefined;
      const words = result.lastLine === undefined ? "" : `, saying ${quote(result.lastLine)}`;
      return `ended with status ${result.status}${words}`;
    }
    case "killed":
      return `was ended by ${result.signal}`;
    case "timeLimit":
      return `was killed, it took more than ${result.timeoutMs / 1000} s`;
    case "notStarted":
      return `was not started: ${result.reason}`;
  }
}
