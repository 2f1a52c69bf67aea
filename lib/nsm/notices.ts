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
import { isLoopback, sourceNetwork } from "../rpc/address.ts";
import type { Caller } from "../rpc/transport.ts";
import type { Counters } from "./counters.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import { judgeNotice, type SourceCheck, UNKNOWN_SOURCE } from "./notice_gate.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import { SourceLimits } from "./source_limits.ts";
import type { Clock } from "../time/clock.ts";

/**
 * Notices that may wait for the name service at one time. A stranger can send any number of names;
 * beyond this many the notice stays unanswered, so that a genuine sender repeats it.
 */
const UNDECIDED_MAX = 256;

/** What notices are handled with. */
export interface NoticeParts {
  readonly list: MonitorList;
  readonly directory: PeerDirectory;
  /** Has the requester of one registration told, and remembers the state. */
  readonly announce: (monitored: Monitored, state: number, heardAt: number) => void;
  /** Makes lasting what was announced. */
  readonly flush: () => void;
  /** How strictly notices are checked, asked each time. */
  readonly sourceCheck: () => SourceCheck;
  readonly clock: Pick<Clock, "now" | "wallClock">;
  readonly counters: Pick<Counters, "notices_doubted" | "notices_refused" | "notices_undecided">;
  /** Says what strangers cause, within limits. */
  readonly tell: LimitedLog;
}

/** A notice on its way through; later ones have higher ordinals. */
interface Heard extends StatChge {
  readonly caller: Caller;
  readonly ordinal: number;
}

export class Notices {
  readonly #sources: SourceLimits;
  #undecided = 0;
  #taken = 0;

  constructor(readonly parts: NoticeParts) {
    this.#sources = new SourceLimits(parts.clock);
  }

  /** How many notices have come: those that a registration made now is not concerned by. */
  get taken(): number {
    return this.#taken;
  }

  /** Whether a notice is within the limit of its source; it counts if so. To be asked before anything else. */
  admits(notice: StatChge, caller: Caller): boolean {
    if (isLoopback(caller.address) || this.#sources.admits(caller.address)) return true;
    this.parts.tell(
      "warning",
      `too many SM_NOTIFY from ${sourceNetwork(caller.address)}`,
      () => `${what({ ...notice, caller })}: too many from there, left unanswered`,
    );
    return false;
  }

  /**
   * Whether somebody would be told of a notice, as far as that is known without the name service. A
   * notice from this host always counts.
   */
  isNews({ mon_name, state }: StatChge, { address }: Caller): boolean {
    if (isLoopback(address)) return true;
    const { list, directory, sourceCheck } = this.parts;
    for (const peer of directory.known(mon_name, address)) {
      const isKnownSource = directory.isAddressOf(peer, address);
      for (const { lastState } of list.about(peer)) {
        const verdict = judgeNotice(sourceCheck(), { state, lastState, isKnownSource });
        if (verdict.kind === "believed") return true;
      }
    }
    return false;
  }

  /** Handles one notice; false when there is no room for it now and it should be sent again. */
  take(notice: StatChge, caller: Caller): boolean {
    const { list, directory, sourceCheck, tell, counters } = this.parts;
    if (list.size === 0) {
      const key = "SM_NOTIFY while not monitoring any hosts";
      tell("warning", key, () => `${what({ ...notice, caller })} while not monitoring any hosts`);
      return true;
    }
    const heard: Heard = { ...notice, caller, ordinal: ++this.#taken };
    const peers = directory.known(notice.mon_name, caller.address);
    const unverified = this.#unverified(peers, caller);
    // Only to enforce is worth waiting for the name service; a warning can come later.
    if (sourceCheck() === "enforce") { for (const peer of unverified) peers.delete(peer); }
    const concerned = this.#believe(peers, heard, unverified);
    if (concerned > 0 && unverified.length === 0 && directory.isComplete) return true;
    if (this.#undecided >= UNDECIDED_MAX) {
      counters.notices_undecided++;
      return concerned > 0;
    }
    this.#undecided++;
    this.#askNameService(heard, unverified, peers).finally(() => this.#undecided--);
    return true;
  }

  /** Decides with the help of the name service what could not be decided at once, of others than these. */
  async #askNameService(
    heard: Heard,
    unverified: readonly string[],
    decided: ReadonlySet<string>,
  ): Promise<void> {
    const { list, directory, sourceCheck, counters, tell } = this.parts;
    await Promise.all(unverified.map((peer) => directory.refresh(peer)));
    const peers = await directory.lookUp(heard.mon_name, heard.caller.address);
    for (const peer of decided) peers.delete(peer);
    const concerned = this.#believe(peers, heard);
    if (sourceCheck() === "warn") {
      for (const peer of this.#unverified(unverified, heard.caller)) {
        counters.notices_doubted++;
        this.#tellDoubt(heard, peer, UNKNOWN_SOURCE, "doubtful");
      }
    }
    if (concerned === 0 && ![...decided].some((peer) => list.has(peer))) {
      const key = "SM_NOTIFY of strangers";
      tell("info", key, () => `${what(heard)} concerns nobody monitored here`);
    }
  }

  /** Those of these peers that are monitored and not known to have the caller's address. */
  #unverified(peers: Iterable<string>, { address }: Caller): string[] {
    const { list, directory, sourceCheck } = this.parts;
    if (sourceCheck() === "off") return [];
    return [...peers].filter((peer) => list.has(peer) && !directory.isAddressOf(peer, address));
  }

  /**
   * Has everybody told who asked about these peers, as far as the notice is believed; returns how many
   * registrations it concerns. The source of `assumed` peers is not held against them yet.
   */
  #believe(
    peers: Iterable<string>,
    heard: Heard,
    assumed: readonly string[] = [],
  ): number {
    const { list, directory, sourceCheck, announce, flush, counters, tell } = this.parts;
    const { state, caller, ordinal } = heard;
    let concerned = 0;
    let told = 0;
    for (const peer of peers) {
      const isKnownSource = assumed.includes(peer) || directory.isAddressOf(peer, caller.address);
      for (const monitored of list.about(peer)) {
        concerned++;
        const { lastState, lastNotice } = monitored;
        // A newer notice was quicker to decide, or the registration is younger than the notice: then
        // the peer has rebooted before, and has its locks of afterwards.
        if (lastNotice >= ordinal) continue;
        const verdict = judgeNotice(sourceCheck(), { state, lastState, isKnownSource });
        if (verdict.kind === "repeated") continue;
        if (verdict.kind === "refused") {
          counters.notices_refused++;
          this.#tellDoubt(heard, peer, verdict.doubt, "refused");
          continue;
        }
        if (verdict.doubt !== undefined) {
          counters.notices_doubted++;
          this.#tellDoubt(heard, peer, verdict.doubt, "doubtful");
        }
        monitored.lastNotice = ordinal;
        announce(monitored, state, this.parts.clock.wallClock());
        told++;
        tell("info", "SM_NOTIFY", () => `${what(heard)} is passed on`);
      }
    }
    if (told > 0) flush();
    return concerned;
  }

  #tellDoubt(
    heard: Heard,
    peer: string,
    doubt: string,
    outcome: "refused" | "doubtful",
  ): void {
    const message = () => `${what(heard)} is ${outcome} for peer ${quote(peer)}: ${doubt}`;
    this.parts.tell("warning", `doubtful SM_NOTIFY from ${heard.caller.address}`, message);
  }
}

function what({ mon_name, state, caller }: StatChge & { caller: Caller }): string {
  return `SM_NOTIFY of ${quote(mon_name)} state ${state} from ${caller.address}`;
}
