/**
 * What follows an SM_NOTIFY: finding the registrations that it speaks of, and having their lock
 * managers told. Known names and addresses decide at once; the name service is asked only where they
 * do not, after the reply, and within a limit.
 *
 * A registration is concerned when its last known state differs from the new one and its peer is
 * known by the notice's mon_name or by its source address.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils' matching of notices.
 */

import type { LimitedLog } from "../log_limits.ts";
import type { StatChge } from "../protocol/nsm.ts";
import { quote } from "../quote.ts";
import type { Caller } from "../rpc/transport.ts";
import type { MonitorList } from "./monitor_list.ts";
import type { Monitored } from "./monitor_list.ts";
import type { PeerDirectory } from "./peer_directory.ts";

/**
 * Notices that may wait for the name service at one time. A stranger can send any number of names;
 * beyond this many the notice stays unanswered, so that a genuine sender repeats it.
 */
const UNDECIDED_MAX = 256;

/** What notices are handled with. */
export interface NoticeParts {
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  /** Has the requester of one registration told. */
  readonly callBack: (monitored: Monitored, state: number) => void;
  /** Says what strangers cause, within limits. */
  readonly tell: LimitedLog;
}

export class Notices {
  #undecided = 0;

  constructor(readonly parts: NoticeParts) {}

  /** Handles one notice; false when there is no room for it now and it should be sent again. */
  take(notice: StatChge, caller: Caller): boolean {
    const { list, directory, tell } = this.parts;
    const what = () =>
      `SM_NOTIFY of ${quote(notice.mon_name)} state ${notice.state} from ${caller.address}`;
    if (list.size === 0) {
      const key = "SM_NOTIFY while not monitoring any hosts";
      tell("warning", key, () => `${what()} while not monitoring any hosts`);
      return true;
    }
    const found = this.#callBack(directory.known(notice.mon_name, caller.address), notice.state);
    if (found > 0) tell("info", "SM_NOTIFY", () => `${what()} concerns ${found} registrations`);
    if (found > 0 && directory.isComplete) return true;
    if (this.#undecided >= UNDECIDED_MAX) return found > 0;
    this.#undecided++;
    directory.lookUp(notice.mon_name, caller.address).then((peers) => {
      this.#undecided--;
      const more = this.#callBack(peers, notice.state);
      if (more > found) {
        tell("info", "SM_NOTIFY", () => `${what()} concerns ${more} registrations, by look-up`);
      } else if (more === 0) {
        tell("info", "SM_NOTIFY of strangers", () => `${what()} concerns nobody monitored here`);
      }
    });
    return true;
  }

  /** Has everybody told who asked about these peers and does not know the state; returns how many. */
  #callBack(peers: Set<string>, state: number): number {
    let concerned = 0;
    for (const peer of peers) {
      for (const monitored of this.parts.list.about(peer)) {
        concerned++;
        if (monitored.lastState === state) continue;
        monitored.lastState = state;
        this.parts.callBack(monitored, state);
      }
    }
    return concerned;
  }
}
