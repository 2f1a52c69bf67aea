/**
 * Whether to believe an SM_NOTIFY. It has no authentication, and makes a lock manager drop a host's
 * locks; what can be checked is that it comes from an address of the host that it concerns, and that
 * its state number is one that the host can have now.
 *
 * The source and the state have a mode each:
 *
 * | mode      | from an unknown address  | not above the last state, or far above it, or not positive |
 * | --------- | ------------------------ | ---------------------------------------------------------- |
 * | `off`     | believed                 | believed, as nfs-utils does                                |
 * | `warn`    | believed, with a warning | believed, with a warning                                   |
 * | `enforce` | refused, with a warning  | believed if the peer says so itself, else refused          |
 *
 * The state that was seen last is never passed on again, in any mode, and neither are those before it for
 * {@link COPY_MS}: the network may deliver a copy of a notice behind a newer one.
 *
 * `warn` is the default: it changes nothing for a site whose clients announce themselves from addresses
 * that the name service does not have, which nfs-utils serves too, and shows its administrator whether
 * `enforce` can be switched on.
 *
 * The state has `warn` even where the source is enforced: a peer that was installed anew begins with 3 again,
 * Pacemaker draws numbers at random, CTDB takes them from the clock, and not each of them can be asked. Who
 * sends from a known address is believed.
 *
 * Source: XNFS chapter 11 (state grows monotonically); CERT CA-99-05 for what forged calls were used
 * for.
 */

/**
 * How far a state may be above the last one: each start of a host adds 2, and no host starts so often between
 * two notices that arrive.
 */
const JUMP_MAX = 65_536;

/** How long a copy of a notice may be on its way, in ms: much longer than a datagram, and no longer than a boot. */
export const COPY_MS = 30_000;

/** How strictly notices are checked. */
export type SourceCheck = "off" | "warn" | "enforce";

/** The modes for the source and for the state. */
export interface NoticeChecks {
  readonly source: SourceCheck;
  readonly state: SourceCheck;
}

/** What is known when a notice is judged, for one registration. */
export interface NoticeFacts {
  /** The state announced, and the last one that was believed; 0 where there was none. */
  readonly state: number;
  readonly lastState: number;
  /** Whether a newer state has taken the place of this one within {@link COPY_MS}. */
  readonly isReplaced?: boolean;
  /** Whether the source is a known address of the peer. */
  readonly isKnownSource: boolean;
  /** Whether the peer was asked, and the state is what it says. */
  readonly isStated?: boolean;
}

/** `repeated`: nothing new, and nothing wrong. */
export type NoticeVerdict =
  | { readonly kind: "believed"; readonly doubt?: string }
  /** `isOfState`: the peer itself can say whether it is right. */
  | { readonly kind: "refused"; readonly doubt: string; readonly isOfState: boolean }
  | { readonly kind: "repeated" };

/** The doubt about a source. */
export const UNKNOWN_SOURCE = "the source is no known address of it";

/** Judges a notice for one registration. */
export function judgeNotice(checks: NoticeChecks, facts: NoticeFacts): NoticeVerdict {
  const isLateCopy = facts.isReplaced === true && !facts.isStated;
  if (isLateCopy || facts.state === facts.lastState) return { kind: "repeated" };
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

function stateDoubt({ state, lastState }: NoticeFacts): string | undefined {
  if (state <= 0) return `state ${state} is none that a host has`;
  const isExpected = state >= lastState && state - lastState <= JUMP_MAX;
  if (lastState !== 0 && !isExpected) return `its state was ${lastState} before`;
  return undefined;
}
