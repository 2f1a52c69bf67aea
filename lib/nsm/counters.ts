/**
 * Counters since the start. Their names are an interface: `nsmctl status --json` and the metrics
 * endpoint show them unchanged.
 */

import type { Service } from "../rpc/dispatch.ts";
import { NO_REPLY } from "../rpc/program.ts";
import { nsmV1, Res } from "../protocol/nsm.ts";

/** Counters and their descriptions. */
export const COUNTERS = {
  calls_null: "SM_NULL calls.",
  calls_stat: "SM_STAT calls.",
  calls_mon: "SM_MON calls that were allowed.",
  calls_unmon: "SM_UNMON calls that were allowed.",
  calls_unmon_all: "SM_UNMON_ALL calls that were allowed.",
  calls_simu_crash: "SM_SIMU_CRASH calls that were allowed.",
  calls_notify: "SM_NOTIFY calls.",
  mon_failed: "SM_MON calls that were answered with STAT_FAIL.",
  calls_refused: "Calls that the access rule refused.",
  calls_denied: "Calls of hosts that hosts.allow and hosts.deny keep out.",
  calls_malformed: "Calls whose arguments did not decode.",
  calls_failed: "Calls that were answered with SYSTEM_ERR.",
  notices_dropped: "SM_NOTIFY calls left unanswered because too many were under way.",
  notices_undecided: "SM_NOTIFY calls left unanswered because the name service is behind.",
  notices_doubted: "Registrations for which a doubtful SM_NOTIFY was believed.",
  notices_refused: "Registrations for which a doubtful SM_NOTIFY was refused.",
  callbacks_queued: "Callbacks that lock managers had to get.",
  callbacks_done: "Callbacks that a lock manager has answered.",
  callbacks_failed: "Attempts of callbacks that failed.",
  callbacks_given_up: "Callbacks that were given up.",
  control_requests: "Requests on the control socket.",
  datagrams_dropped:
    "Datagrams that the kernel dropped: a socket's buffer was full, or they were broadcast.",
  events_dropped: "Events that events-program did not get.",
  calls_dropped: "Calls over UDP left unanswered because too many were under way.",
  connections_refused: "TCP connections of other hosts closed at once: there were too many.",
  connections_refused_source: "TCP connections closed at once: their source had too many.",
  connections_refused_local: "TCP connections of this host closed: it had too many.",
  connections_idle: "TCP connections closed because no call came for too long.",
  connections_unfinished: "TCP connections closed because a record was not completed in time.",
  connections_unread: "TCP connections closed because replies were not read in time.",
  records_refused: "TCP connections closed because of a record that was too long or badly cut.",
} as const;

export type CounterName = keyof typeof COUNTERS;
export type Counters = Record<CounterName, number>;

/** Counters of limits that were hit, as words that follow a number. */
export const LIMITS = {
  datagrams_dropped: "datagrams dropped by the kernel",
  calls_dropped: "UDP calls dropped",
  connections_refused: "TCP connections refused",
  connections_refused_source: "TCP connections of one source refused",
  connections_refused_local: "TCP connections of this host closed",
  connections_idle: "idle TCP connections closed",
  connections_unfinished: "unfinished TCP calls given up",
  connections_unread: "unread TCP replies given up",
  records_refused: "overlong TCP calls refused",
} as const satisfies { readonly [name in CounterName]?: string };

export function makeCounters(): Counters {
  const names = Object.keys(COUNTERS) as CounterName[];
  return Object.fromEntries(names.map((name) => [name, 0])) as Counters;
}

/** Counter of each procedure. */
export const CALL_COUNTERS = {
  SM_NULL: "calls_null",
  SM_STAT: "calls_stat",
  SM_MON: "calls_mon",
  SM_UNMON: "calls_unmon",
  SM_UNMON_ALL: "calls_unmon_all",
  SM_SIMU_CRASH: "calls_simu_crash",
  SM_NOTIFY: "calls_notify",
} as const satisfies { readonly [name in keyof typeof nsmV1.procedures]: CounterName };

/** Wraps the handlers of program 100024 to count calls and results. */
export function counted(service: Service, counters: Counters): Service {
  const entries = Array.from(service.entries, ([number, entry]) => {
    const counter = CALL_COUNTERS[entry.name as keyof typeof CALL_COUNTERS];
    const settled = (result: unknown) => {
      if (result === NO_REPLY) counters.notices_dropped++;
      else if (counter === "calls_mon" && isFailure(result)) counters.mon_failed++;
      return result;
    };
    const handler: typeof entry.handler = (args, caller) => {
      counters[counter]++;
      const result = entry.handler(args, caller);
      return result instanceof Promise ? result.then(settled) : settled(result);
    };
    return [number, { ...entry, handler }] as const;
  });
  return { program: service.program, entries: new Map(entries) };
}

function isFailure(result: unknown): boolean {
  return (result as { res_stat?: number } | undefined)?.res_stat === Res.STAT_FAIL;
}
