/**
 * Plausibility check of an SM_NOTIFY, which has no authentication and makes a lock manager drop a
 * host's locks. Two things can be checked: that the source is an address of the host concerned, and
 * that the host can have the state number now.
 *
 * Source and state have a mode each:
 *
 * | mode      | from an unknown address  | not above the last state, or far above it, or not positive |
 * | --------- | ------------------------ | ---------------------------------------------------------- |
 * | `off`     | believed                 | believed, as nfs-utils does                                |
 * | `warn`    | believed, with a warning | believed, with a warning                                   |
 * | `enforce` | refused, with a warning  | believed if the peer says so itself, else refused          |
 *
 * In any mode, the last state is never announced again, nor are the states before it for
 * {@link COPY_MS}: the network may deliver a copy of a notice behind a newer one, and a peer that an
 * administrator declared rebooted says its earlier state when it is asked. This holds for
 * states that were heard here, whether or not the registration is still the same. A lower state that
 * was not heard before is news in `off` and `warn`, however soon it comes: a reinstalled peer begins
 * low, and Pacemaker, which draws a random number for each move of a service, may move it back
 * within seconds. Clients would not reclaim their locks if that notice were taken for a copy. Only
 * where the peer itself has told us a state since the notice arrived, it is asked again, as with
 * `enforce`: the notice may be from before its answer.
 *
 * `warn` is the default. It still serves clients whose source addresses are not in the name
 * service, as nfs-utils does, and shows the administrator whether `enforce` is possible.
 *
 * `warn` stays the default for the state even where the source is enforced: a reinstalled peer
 * begins with 3 again, Pacemaker draws random numbers, CTDB uses the clock, and not all of them
 * answer SM_STAT.
 *
 * Source: XNFS chapter 11 (state grows monotonically); CERT CA-99-05 for what forged calls were
 * used for.
 */

/**
 * Largest plausible increase of a state. Each start of a host adds 2, and no host starts so often
 * between two notices that arrive.
 */
const JUMP_MAX = 65_536;

/** Longest delay of a duplicate in the network, in ms; shorter than any boot takes. */
export const COPY_MS = 30_000;

/** Strictness of a check. */
export type SourceCheck = "off" | "warn" | "enforce";

/** Strictness of the source check and of the state check. */
export interface NoticeChecks {
  readonly source: SourceCheck;
  readonly state: SourceCheck;
}

/** Facts for judging a notice for one registration. */
export interface NoticeFacts {
  /** State announced, and the last state believed for the registration (0 if none). */
  readonly state: number;
  readonly lastState: number;
  /** Last state of the peer, believed for another registration; absent if it is `lastState`. */
  readonly peerState?: number;
  /** Whether a newer state has replaced this one within {@link COPY_MS}. */
  readonly isReplaced?: boolean;
  /** Whether the source is a known address of the peer. */
  readonly isKnownSource: boolean;
  /** Whether the peer itself has confirmed the state when asked. */
  readonly isStated?: boolean;
}

/** `repeated`: neither new nor wrong. */
export type NoticeVerdict =
  | { readonly kind: "believed"; readonly doubt?: string }
  /** `isOfState`: asking the peer can settle the doubt. */
  | { readonly kind: "refused"; readonly doubt: string; readonly isOfState: boolean }
  | { readonly kind: "repeated" };

/** Text of the doubt about a source. */
export const UNKNOWN_SOURCE = "the source is not a known address of the peer";

/** Judges a notice for one registration. */
export function judgeNotice(checks: NoticeChecks, facts: NoticeFacts): NoticeVerdict {
  if (facts.isReplaced || facts.state === facts.lastState) return { kind: "repeated" };
  const ofSource = facts.isKnownSource || checks.source === "off" ? undefined : UNKNOWN_SOURCE;
  const ofState = checks.state === "off" || facts.isStated ? undefined : stateDoubt(facts);
  const doubt = ofSource ?? ofState;
  if (doubt === undefined) return { kind: "believed" };
  if (ofSource !== undefined && checks.source === "enforce") {
    return { kind: "refused", doubt, isOfState: false };
  }
  if (ofState === undefined || checks.state !== "enforce") return { kind: "believed", doubt };
  return { kind: "refused", doubt: ofState, isOfState: facts.state > 0 };
}

function stateDoubt(
  { state, lastState, peerState = lastState }: NoticeFacts,
): string | undefined {
  if (state <= 0) return `state ${state} is not one that a host can have`;
  const isExpected = state >= peerState && state - peerState <= JUMP_MAX;
  if (peerState !== 0 && !isExpected) return `its state was ${peerState} before`;
  return undefined;
}
