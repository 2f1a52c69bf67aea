/**
 * Health verdict of the daemon, with its reasons; used for text, JSON, metrics, `nsmctl check` and
 * exit statuses.
 */

import { plural } from "../quote.ts";
/** `failed`: locks are being lost or refused now. `degraded`: they may be. */
export type Health = "good" | "degraded" | "failed";

/** Age at which a waiting callback counts, in ms: first attempts fail while lockd restarts. */
const CALLBACK_PATIENCE_MS = 10_000;
/** Time for which a past event counts, in ms. */
const RECENT_MS = 3_600_000;

/** Facts for the health verdict. Times are durations in ms; undefined: never. */
export interface HealthFacts {
  /** Why peers cannot find us through rpcbind. */
  readonly registrationFault: string | undefined;
  /** Why records or the state number cannot be read or written. */
  readonly storeFaults: readonly string[];
  /** Why calls over loopback do not reach us. */
  readonly ownFault: string | undefined;
  /** Why a lock manager with registrations does not answer. */
  readonly lockManagerFault: string | undefined;
  /** Faults of the start that reduce the service. */
  readonly degraded: readonly string[];
  /** Pending callbacks: number, longest wait, and the fault of the last attempt. */
  readonly callbacks: {
    readonly pending: number;
    readonly waitingMs: number | undefined;
    readonly fault: string;
  };
  readonly keptNotices: number;
  /** Peers to be told of our reboot while no sm-notify runs. */
  readonly peersNotTold: number;
  /** Peers from before the boot were not told of it, and no sm-notify has run in it. */
  readonly isBootUntold: boolean;
  /** Why it is not known who has to be told. */
  readonly notifyListFault: string | undefined;
  /** Doubtful notices announced: number, and age of the last one. */
  readonly doubted: { readonly count: number; readonly agoMs: number | undefined };
  /** Calls denied by hosts.allow and hosts.deny: number, and age of the last one. */
  readonly denied: { readonly count: number; readonly agoMs: number | undefined };
}

/** Verdict with its reasons, worst first. */
export function judgeHealth(
  facts: HealthFacts,
): { readonly health: Health; readonly faults: readonly string[] } {
  const failures = failuresOf(facts);
  const faults = [...failures, ...weaknessesOf(facts)];
  const health = failures.length > 0 ? "failed" : faults.length > 0 ? "degraded" : "good";
  return { health, faults };
}

function failuresOf(facts: HealthFacts): string[] {
  const { registrationFault, ownFault, storeFaults, lockManagerFault } = facts;
  return [
    ...(registrationFault === undefined ? [] : [`not registered: ${registrationFault}`]),
    // Without rpcbind no lock manager is looked for.
    ...(ownFault === undefined || registrationFault !== undefined
      ? []
      : [`lock managers cannot reach us: ${ownFault}`]),
    ...storeFaults,
    ...(lockManagerFault === undefined ? [] : [`no lock manager: ${lockManagerFault}`]),
  ];
}

function weaknessesOf(facts: HealthFacts): string[] {
  const { callbacks, keptNotices, peersNotTold, notifyListFault, doubted, denied } = facts;
  const faults = [...facts.degraded];
  const waitingMs = callbacks.waitingMs ?? 0;
  if (callbacks.pending > 0 && waitingMs > CALLBACK_PATIENCE_MS) {
    const seconds = Math.round(waitingMs / 1000);
    const why = callbacks.fault === "" ? "" : `: ${callbacks.fault}`;
    faults.push(`${plural(callbacks.pending, "callback")} waiting for ${seconds} s${why}`);
  }
  if (peersNotTold > 0) {
    faults.push(
      `${plural(peersNotTold, "peer")} not told of our reboot, and no sm-notify is running`,
    );
  }
  if (facts.isBootUntold) {
    faults.push("peers from before this boot were not told of it: sm-notify has not run");
  }
  if (notifyListFault !== undefined) {
    faults.push(`who has to be told of our reboot cannot be read: ${notifyListFault}`);
  }
  if (isRecent(doubted)) {
    faults.push(`${plural(doubted.count, "doubtful notice")} passed on, the last within an hour`);
  }
  if (isRecent(denied)) {
    const calls = plural(denied.count, "call");
    faults.push(`${calls} denied by hosts.allow and hosts.deny, the last within an hour`);
  }
  if (keptNotices > 0) {
    faults.push(`${plural(keptNotices, "notice")} kept until names of peers are known`);
  }
  return faults;
}

function isRecent({ count, agoMs }: HealthFacts["doubted"]): boolean {
  return count > 0 && agoMs !== undefined && agoMs < RECENT_MS;
}
