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

import type { StatChge } from "../protocol/nsm.ts";
import { sourceNetwork } from "../rpc/address.ts";
import type { Caller } from "../rpc/transport.ts";
import { type Heard, what } from "./kept_notices.ts";
import { type Monitored, registrationKey } from "./monitor_list.ts";
import { type Found, NoticeJudge } from "./notice_judge.ts";
import type { NoticeParts } from "./notice_parts.ts";
import { SourceLimits } from "./source_limits.ts";
import { UndecidedNotices } from "./undecided_notices.ts";

/** What a source is charged for having peers asked, as if it had taken so long, in ms: 64 notices' worth. */
const INQUIRY_MS = 32;

export class Notices {
  readonly #sources: SourceLimits;
  readonly #judge: NoticeJudge;
  readonly #undecided: UndecidedNotices;
  #taken = 0;
  /** Ordinal of the last notice that a registration was made behind. */
  #lastOvertaken = 0;

  constructor(readonly parts: NoticeParts) {
    this.#sources = new SourceLimits(parts.clock);
    this.#judge = new NoticeJudge(parts);
    this.#undecided = new UndecidedNotices(parts, this.#judge);
  }

  /** How many notices and declarations have come: those that a registration made now is not concerned by. */
  get taken(): number {
    return this.#taken;
  }

  /** The ordinal of a notice or declaration that comes now; to be asked before anything is waited for. */
  readonly arrived = (): number => ++this.#taken;

  /** Notices that were answered and are not judged yet, in number. */
  get kept(): number {
    return this.#undecided.size;
  }

  /** Those among them that wait for the name service to answer, in number. */
  get unanswered(): number {
    return this.#undecided.unanswered;
  }

  /** Notices up to an ordinal do not concern a registration, in later lives neither: it came behind them. */
  overtaken(monitored: Monitored, ordinal: number): void {
    monitored.lastNotice = Math.max(monitored.lastNotice, ordinal);
    this.#lastOvertaken = Math.max(this.#lastOvertaken, ordinal);
    this.#undecided.overtake(monitored);
  }

  /** Takes up what an earlier life has answered and not judged. To be called when the list is whole. */
  restore(): void {
    const { notices, overtaken } = this.#undecided.takeRemembered();
    this.#taken = Math.max(this.#taken, this.parts.directory.news.latestNotice);
    for (const ordinal of overtaken.values()) this.#taken = Math.max(this.#taken, ordinal);
    for (const monitored of overtaken.size > 0 ? this.parts.list.all() : []) {
      const ordinal = overtaken.get(registrationKey(monitored.record)) ?? 0;
      monitored.lastNotice = Math.max(monitored.lastNotice, ordinal);
    }
    // What comes from now on is newer, whichever is judged first.
    for (const { ordinal } of notices) this.#taken = Math.max(this.#taken, ordinal);
    const heard = notices.map(({ name, address, state, at, ordinal }): Heard => {
      return { mon_name: name, state, caller: { address }, ordinal, at };
    });
    this.#restore(heard).catch((error) => this.#judge.failed(error));
  }

  async #restore(heard: readonly Heard[]): Promise<void> {
    for (const it of heard) {
      await this.#judge.turn();
      if (this.#judge.isStopped) return;
      await this.#pass(it);
    }
  }

  /** Ends all activity; what is kept is taken up by the next life. */
  stop(): void {
    this.#judge.stop();
    this.#undecided.stop();
  }

  /** Whether a notice is within the limit of its source; it counts if so. To be asked before anything else. */
  admits(notice: StatChge, caller: Caller): boolean {
    if (caller.isLocal || this.#sources.admits(caller.address)) return true;
    this.parts.tell(
      "warning",
      `too many SM_NOTIFY from ${sourceNetwork(caller.address)}`,
      () => `${what({ ...notice, caller })}: too many from there, left unanswered`,
    );
    return false;
  }

  /**
   * {@link take} for a notice that was admitted; its source is charged for the time. `wasCalledOut` says
   * that the administrator's program was told of it.
   */
  handle(
    notice: StatChge,
    caller: Caller,
    ordinal = this.arrived(),
    wasCalledOut = false,
  ): boolean | Promise<boolean> {
    const take = () => this.take(notice, caller, ordinal, wasCalledOut);
    return caller.isLocal ? take() : this.#sources.work(caller.address, take);
  }

  /**
   * Whether somebody would be told of a notice, as far as that is known without the name service. A
   * notice from this host always counts.
   */
  isNews(notice: StatChge, caller: Caller, ordinal: number): boolean | Promise<boolean> {
    if (caller.isLocal) return true;
    const known = this.parts.directory.known(notice.mon_name, caller.address);
    return this.#judge.isNews(known, { ...notice, caller, ordinal, at: 0 });
  }

  /** When a doubtful notice was passed on last, on the clock that only goes forward. */
  get doubtedAt(): number | undefined {
    return this.#judge.doubtedAt;
  }

  /** Handles one notice; false when there is no room for it now and it should be sent again. */
  take(
    notice: StatChge,
    caller: Caller,
    ordinal = this.arrived(),
    wasCalledOut = false,
  ): boolean | Promise<boolean> {
    const { list, directory, tell, clock } = this.parts;
    if (list.size === 0 && directory.isComplete) {
      const key = "SM_NOTIFY while not monitoring any hosts";
      tell("warning", key, () => `${what({ ...notice, caller })} while not monitoring any hosts`);
      return true;
    }
    return this.#pass({ ...notice, caller, ordinal, at: clock.wallClock(), wasCalledOut });
  }

  /** Judges a notice as far as possible, and keeps it where that is not the end of it; false if it cannot. */
  #pass(heard: Heard): boolean | Promise<boolean> {
    const { directory, counters } = this.parts;
    // One host may be monitored under several names that only its addresses have in common.
    const words = [heard.mon_name, heard.caller.address];
    words.push(...words.flatMap((word) => directory.aliasesOf(word)));
    const found: Found = { judged: new Set(), unverified: [], unconfirmed: new Set() };
    const wasComplete = directory.isComplete;
    const spent = (ms: number) => this.#sources.charge(heard.caller.address, ms);
    const judging = this.#judge.judgeNew(words, heard, found, spent);
    if (judging === "too many") {
      counters.notices_undecided++;
      return false;
    }
    // A source can have few peers asked because of it, and so fill little of what can be kept.
    if (found.unconfirmed.size > 0) spent(INQUIRY_MS);
    const isOver = () => {
      const isOpen = found.unverified.length + found.unconfirmed.size > 0;
      return wasComplete && found.judged.size > 0 && !isOpen;
    };
    const keep = () => this.#keep(heard, found);
    if (judging === "done") return isOver() ? this.#undecided.drop(heard) : keep();
    // While there is something to be learned, it has to be kept before the first wait.
    const isKept = wasComplete ? undefined : this.#keep(heard, found, judging);
    return judging.then(() => {
      if (this.#judge.isStopped) return false;
      return isKept ?? (isOver() ? this.#undecided.drop(heard) : keep());
    });
  }

  #keep(heard: Heard, found: Found, judging?: Promise<void>): boolean {
    const isKept = this.#undecided.keep(heard, found, judging);
    // It may have waited for its callout longer than registrations behind it.
    if (isKept && heard.ordinal <= this.#lastOvertaken) {
      for (const monitored of this.parts.list.all()) {
        if (monitored.lastNotice >= heard.ordinal) this.#undecided.overtake(monitored);
      }
    }
    return isKept;
  }
}
