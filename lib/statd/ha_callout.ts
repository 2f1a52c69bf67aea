/**
 * The administrator's program for high availability: told of each peer that is added or removed, and of
 * each notice that is news. Few of them run at a time, in the order of the calls; beyond a short line
 * a notice is not answered, so that its sender repeats it.
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
 * Programs at one time. Starting one takes the event loop some milliseconds; more at a time would not
 * make anybody's answer come sooner.
 */
const RUNNING_MAX = 4;
/** Programs in line, in number: what a lock manager that starts locks for many peers at once asks for. */
const LINE_MAX = 64;
/** Slots for notices, which hosts send: the rest is kept for the lock managers of this host. */
const NOTICES_MAX = 32;

/** Time that a program may take before it counts as a fault, in ms: those behind it wait. */
const PATIENCE_MS = 10_000;
/** Time for which a failure counts as a fault unless a later run succeeds, in ms: then it is history. */
const FAILURE_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** A run that failed. */
interface Failure {
  readonly program: string;
  readonly fault: string;
  readonly at: number;
  /** The program could not be run at all then; while that is so, it is found anew each time. */
  readonly wasUnusable: boolean;
}

/** Why the program of the settings cannot be run, for a log or a person; undefined where it can. */
export function calloutFault(
  program: string | undefined,
  faultOf = executableFault,
): string | undefined {
  const fault = program === undefined ? undefined : faultOf(program);
  return fault === undefined ? undefined : `HA callout ${quote(program!)} cannot be run: ${fault}`;
}

/** What an administrator is told at a start with such a program. */
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

/** Parts of the callouts. */
export interface HaCalloutParts {
  /** The settings in effect, asked each time. */
  readonly settings: () => Pick<StatdSettings, "haCallout" | "haCalloutTimeout">;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Log, "debug">;
  /** Says which callouts failed, within limits. */
  readonly tell: LimitedLog;
  /** The machine's own, unless a test puts another one in its place. */
  readonly runProgram?: typeof runCallout;
  readonly programFault?: typeof executableFault;
}

/** Makes the function that gives the callout which the settings name now, if they do. */
export function haCallout(
  { settings, clock, log, tell, runProgram = runCallout, programFault = executableFault }:
    HaCalloutParts,
): () => Callout | undefined {
  const slots = new LookupSlots(RUNNING_MAX, LINE_MAX);
  const notices = new Set<string>();
  /** Programs that run, each with the time when it began, the oldest first. */
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
        // nfs-utils leaves a negative state out.
        const args = [monName, address, ...(state < 0 ? [] : [String(state)])];
        return run(program, "sm-notify", ...args).finally(() => notices.delete(notice));
      },
    };
  };
}

/** The last failure, while it counts for the program that is set now. */
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

/** Failure in words; undefined where the program ended with status 0. */
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
