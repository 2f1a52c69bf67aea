/**
 * Whether to believe an SM_NOTIFY. It has no authentication, and makes a lock manager drop a host's
 * locks; what can be checked is that it comes from an address of the host that it concerns, and that
 * its state number is one that the host can have now.
 *
 * The source and the state have a mode each:
 *
 * | mode      | from an unknown address  | not above the last state, or not positive |
 * | --------- | ------------------------ | ----------------------------------------- |
 * | `off`     | believed                 | believed, as nfs-utils does               |
 * | `warn`    | believed, with a warning | believed, with a warning                  |
 * | `enforce` | refused, with a warning  | refused, with a warning                   |
 *
 * The state that was seen last is never passed on again, in any mode.
 *
 * `warn` is the default: it changes nothing for a site whose clients announce themselves from addresses
 * that the name service does not have, which nfs-utils serves too, and shows its administrator whether
 * `enforce` can be switched on.
 *
 * The state has `warn` even where the source is enforced: a peer that was installed anew begins with 3 again,
 * Pacemaker draws numbers at random, CTDB takes them from the clock; and a forged high number would silence
 * its peer for ever. Who sends from a known address is believed.
 *
 * Source: XNFS chapter 11 (state grows monotonically); CERT CA-99-05 for what forged calls were used
 * for.
 */

/** How strictly notices are checked. */
export const SOURCE_CHECKS = ["off", "warn", "enforce"] as const;
export type SourceCheck = typeof SOURCE_CHECKS[number];

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
  /** Whether the source is a known address of the peer. */
  readonly isKnownSource: boolean;
}

/** `repeated`: nothing new, and nothing wrong. */
export type NoticeVerdict =
  | { readonly kind: "believed"; readonly doubt?: string }
  | { readonly kind: "refused"; readonly doubt: string }
  | { readonly kind: "repeated" };

/** The doubt about a source. */
export const UNKNOWN_SOURCE = "the source is no known address of it";

/** Judges a notice for one registration. */
export function judgeNotice(checks: NoticeChecks, facts: NoticeFacts): NoticeVerdict {
  if (facts.state === facts.lastState) return { kind: "repeated" };
  const ofSource = facts.isKnownSource || checks.source === "off" ? undefined : UNKNOWN_SOURCE;
  const ofState = checks.state === "off" ? undefined : stateDoubt(facts);
  const doubt = ofSource ?? ofState;
  if (doubt === undefined) return { kind: "believed" };
  const isRefused = ofSource !== undefined && checks.source === "enforce" ||
    ofState !== undefined && checks.state === "enforce";
  return { kind: isRefused ? "refused" : "believed", doubt };
}

function stateDoubt({ state, lastState }: NoticeFacts): string | undefined {
  if (state <= 0) return `state ${state} is none that a host has`;
  if (lastState !== 0 && state < lastState) return `its state was ${lastState} before`;
  return undefined;
}
