/**
 * What an administrator may do to the monitor list by hand: forget peers, and have a peer that will never
 * come back treated as one that has rebooted, so that its locks are dropped.
 */

import type { Log } from "../log.ts";
import { quote } from "../quote.ts";
import type { Monitored } from "./monitor_list.ts";
import { type RemovalParts, removeRegistrations } from "./removal.ts";

/** Largest state number on the wire. */
const STATE_MAX = 0x7fffffff;

export interface AdministrationParts extends RemovalParts {
  readonly log: Log;
  /** Has the requester of one registration told. */
  readonly announce: (monitored: Monitored, state: number) => void;
  /** The ordinal of what comes now, notices and declarations together. */
  readonly arrived: () => number;
}

export class Administration {
  constructor(readonly parts: AdministrationParts) {}

  /**
   * Removes everything asked about the named peers; returns how many registrations that were. One that an
   * SM_UNMON is removing counts, and is waited for: its record may still be on disk, and may stay there.
   *
   * @throws {StoreError} (as a rejection) When the disk refuses; the peers are monitored still.
   */
  async forget(monNames: readonly string[], by: string): Promise<number> {
    const { list, log } = this.parts;
    const removed = monNames.flatMap((monName) => [...list.about(monName)]);
    const leaving = list.leavingAbout(monNames);
    const count = removed.length + leaving.length;
    if (count === 0) return 0;
    await Promise.all([removeRegistrations(this.parts, removed), ...leaving]);
    const names = monNames.map(quote).join(" ");
    log.notice(`Forgot ${count} registrations, as ${quote(by)} wanted: ${names}`);
    return count;
  }

  /** Has everybody told that a peer has rebooted who asked about it; returns whom that concerns. */
  declareRebooted(monName: string, by: string): Monitored[] {
    const { list, log, announce, arrived } = this.parts;
    const ordinal = arrived();
    const concerned = [...list.about(monName)];
    for (const monitored of concerned) {
      // A notice that came before and is judged later is older news.
      monitored.lastNotice = ordinal;
      announce(monitored, declaredState(monitored.lastState));
      const what = `peer ${quote(monitored.record.monName)} is declared rebooted`;
      log.notice(`${what}, state ${monitored.lastState}, as ${quote(by)} wanted`);
    }
    return concerned;
  }
}

/**
 * A state that lock managers take for a reboot, as they look for a difference only. It is even, which
 * says that the host is down, and no NSM announces that when it comes up: the genuine notice of a peer
 * that does come back differs from it and counts.
 *
 * Source: XNFS chapter 11 (state numbers).
 */
export function declaredState(lastState: number): number {
  const next = lastState % 2 === 0 ? lastState + 2 : lastState + 1;
  return next > 0 && next <= STATE_MAX ? next : 2;
}
