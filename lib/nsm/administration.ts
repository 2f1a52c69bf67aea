/**
 * Manual changes of the monitor list: forgetting peers, and declaring that a peer has rebooted when
 * it will never come back to say so, which makes lock managers drop its locks.
 */

import type { Log } from "../log.ts";
import { quote } from "../quote.ts";
import { nameKey } from "./host_name.ts";
import { lastStateOf } from "./last_state.ts";
import type { Monitored } from "./monitor_list.ts";
import { type RemovalParts, removeRegistrations } from "./removal.ts";

/** Largest state number on the wire. */
const STATE_MAX = 0x7fffffff;

export interface AdministrationParts extends RemovalParts {
  readonly log: Log;
  /** Announces a state to the requester of one registration. */
  readonly announce: (monitored: Monitored, state: number) => void;
  /** Draws the next ordinal; notices and declarations share one sequence. */
  readonly arrived: () => number;
}

export class Administration {
  constructor(readonly parts: AdministrationParts) {}

  /**
   * Removes all registrations of the named peers and returns their number. Registrations that an
   * SM_UNMON is removing are counted and awaited: their records may still be on disk, and may stay
   * there.
   *
   * @throws {StoreError} (as a rejection) When the disk refuses; the peers are still monitored.
   */
  async forget(monNames: readonly string[], by: string): Promise<number> {
    const { list, log } = this.parts;
    // A peer may be named in several letter cases, and a removal never ends that waits for itself.
    const peers = new Set(monNames.map(nameKey));
    const removed = [...peers].flatMap((peer) => [...list.about(peer)]);
    const leaving = list.leavingAbout(monNames);
    const count = removed.length + leaving.length;
    if (count === 0) return 0;
    await Promise.all([removeRegistrations(this.parts, removed), ...leaving]);
    const names = monNames.map(quote).join(" ");
    log.notice(`Forgot ${count} registrations, as ${quote(by)} asked: ${names}`);
    return count;
  }

  /** Announces a reboot of a peer to all its requesters; returns the registrations concerned. */
  declareRebooted(monName: string, by: string): Monitored[] {
    const { list, log, announce, arrived } = this.parts;
    const ordinal = arrived();
    const concerned = [...list.about(monName)];
    const state = declaredState(lastStateOf(concerned));
    for (const monitored of concerned) {
      // Overtakes kept notices: one received earlier and judged later is older news.
      monitored.lastNotice = ordinal;
      announce(monitored, state);
      const what = `peer ${quote(monitored.record.monName)} is declared rebooted`;
      log.notice(`${what}, state ${monitored.lastState}, as ${quote(by)} asked`);
    }
    return concerned;
  }
}

/**
 * State number that a lock manager takes for a reboot: it only compares for a difference. An even
 * number means "down", which no NSM announces at start. So the genuine notice of a peer that does
 * come back differs, and counts.
 *
 * Source: XNFS chapter 11 (state numbers).
 */
export function declaredState(lastState: number): number {
  const next = lastState % 2 === 0 ? lastState + 2 : lastState + 1;
  return next > 0 && next <= STATE_MAX ? next : 2;
}
