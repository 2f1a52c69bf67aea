/**
 * SM_NOTIFY handling: finds the registrations concerned and announces the state to their lock
 * managers. Known names and addresses are matched at once. The name service is asked after the
 * reply, only where they do not decide, and within a limit.
 *
 * A registration is concerned when its last known state differs from the new one and its peer is
 * known by the notice's mon_name or by its source address.
 *
 * Source: XNFS chapter 11 (SM_NOTIFY); nfs-utils' matching of notices.
 */

import type { StatChge } from "../protocol/nsm.ts";
import { sourceNetwork } from "../rpc/address.ts";
import type { Caller } from "../rpc/transport.ts";
import { nameKey } from "./host_name.ts";
import { type Heard, what } from "./kept_notices.ts";
import type { Monitored } from "./monitor_list.ts";
import { registrationKey } from "./registration_key.ts";
import { type Found, NoticeJudge } from "./notice_judge.ts";
import type { NoticeParts } from "./notice_parts.ts";
import type { NoticesRead } from "./ports.ts";
import { SourceLimits } from "./source_limits.ts";
import { UndecidedNotices } from "./undecided_notices.ts";

/** Charge for a notice that makes us ask peers, in ms of work: equals 64 notices. */
const INQUIRY_MS = 32;

/** Outcome of a notice's first judging: nothing more can be learned, it is kept, or it is not taken. */
type Passing = "over" | "kept" | "no room";

function isTaken(passing: Passing): boolean {
  return passing !== "no room";
}

export class Notices {
  readonly #sources: SourceLimits;
  readonly #judge: NoticeJudge;
  readonly #undecided: UndecidedNotices;
  #taken = 0;
  /** Ordinals up to which notices do not concern registrations, from earlier runs, by key. */
  #remembered: NoticesRead["overtaken"] = new Map();
  /** Highest ordinal that some registration is younger than. */
  #lastOvertaken = 0;
  /** The write that is due for the notices of this turn. */
  #writing: Promise<void> | undefined;

  constructor(readonly parts: NoticeParts) {
    this.#sources = new SourceLimits(parts.clock);
    this.#judge = new NoticeJudge(parts);
    this.#undecided = new UndecidedNotices(parts, this.#judge, this.arrived);
  }

  /** Ordinal of the latest notice or declaration. A registration made now ignores notices up to it. */
  get taken(): number {
    return this.#taken;
  }

  /** Draws the ordinal of a notice or declaration; call before the first await. */
  readonly arrived = (): number => ++this.#taken;

  /** Number of kept notices. */
  get kept(): number {
    return this.#undecided.size;
  }

  /** Number of kept notices that wait for the name service. */
  get unanswered(): number {
    return this.#undecided.unanswered;
  }

  /**
   * Marks a registration as younger than the notices up to an ordinal, durably if any are kept. A
   * tentative mark is in memory only, until another call confirms it.
   */
  overtaken(monitored: Monitored, ordinal: number, isTentative = false): void {
    monitored.behind = Math.max(monitored.behind, ordinal);
    if (isTentative || monitored.isTentative) monitored.isTentative = isTentative;
    if (isTentative) return;
    this.#lastOvertaken = Math.max(this.#lastOvertaken, ordinal);
    this.#undecided.overtake(monitored);
  }

  /** Resumes the notices kept by an earlier run; call when the monitor list is complete. */
  restore(): void {
    const { isWhole, notices, overtaken } = this.#undecided.takeRemembered();
    this.#taken = Math.max(this.#taken, this.parts.directory.news.latestNotice);
    // Behind every ordinal of notices that only a later start can read: those began with 1.
    if (!isWhole) this.#taken = Math.max(this.#taken, this.parts.clock.wallClock());
    for (const ordinal of overtaken.values()) this.#taken = Math.max(this.#taken, ordinal);
    this.#remembered = overtaken;
    for (const monitored of overtaken.size > 0 ? this.parts.list.all() : []) {
      this.#recall(monitored);
    }
    // New notices get higher ordinals, whichever is judged first.
    for (const { ordinal } of notices) this.#taken = Math.max(this.#taken, ordinal);
    // Notices are in the file in the order in which their callouts ended.
    const inOrder = notices.toSorted((a, b) => a.ordinal - b.ordinal);
    const heard = inOrder.map(({ name, address, ...of }): Heard => {
      return { mon_name: name, caller: { address }, ...of };
    });
    this.#restore(heard).catch((error) => this.#judge.failed(error));
  }

  /**
   * Takes in a registration from disk, perhaps of a file that could not be read at the start, or one
   * that comes back because its removal has failed.
   */
  loaded(monitored: Monitored): void {
    this.#recall(monitored);
    // Before the first notice nothing is to be caught up with, which takes time in proportion to the
    // registrations of the peer.
    if (this.#taken === 0) return;
    const { directory, sourceCheck, catchUp } = this.parts;
    catchUp(monitored);
    const peer = nameKey(monitored.record.monName);
    // `enforce` has to wait for the peer's addresses.
    const isToBeLearned = sourceCheck() === "enforce" && directory.isUnresolved(peer);
    this.#undecided.reopen(peer);
    if (!isToBeLearned) this.#undecided.learned(peer);
  }

  #recall(monitored: Monitored): void {
    if (this.#remembered.size === 0) return; // nearly always: a key costs time
    const ordinal = this.#remembered.get(registrationKey(monitored.record)) ?? 0;
    monitored.behind = Math.max(monitored.behind, ordinal);
  }

  async #restore(heard: readonly Heard[]): Promise<void> {
    for (const it of heard) {
      await this.#judge.turn();
      if (this.#judge.isStopped) return;
      if (await this.#pass(it) !== "over") continue;
      this.parts.flush(); // it is announced, and on disk, before it is forgotten
      this.#undecided.drop(it);
    }
  }

  /** Stops processing; kept notices are resumed by the next run. */
  stop(): void {
    this.#judge.stop();
    this.#undecided.stop();
  }

  /** Checks and counts a notice against its source's limit; call first. */
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
   * {@link take} for an admitted notice, charging its source for the time. `wasCalledOut`: the
   * callout was run for it.
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
   * Whether a notice would be announced, as far as known without the name service. A notice from
   * this host always counts as news.
   */
  isNews(notice: StatChge, caller: Caller, ordinal: number): boolean | Promise<boolean> {
    if (caller.isLocal) return true;
    const heard = { ...notice, caller, ordinal, at: 0 };
    return this.#judge.isNews(this.parts.directory.known(...this.#wordsOf(heard)), heard);
  }

  /** Time of the last doubtful notice announced, on the monotonic clock. */
  get doubtedAt(): number | undefined {
    return this.#judge.doubtedAt;
  }

  /**
   * Handles a notice; false when there is no room and the sender should repeat it. It is to be answered
   * after {@link written}.
   */
  take(
    notice: StatChge,
    caller: Caller,
    ordinal = this.arrived(),
    wasCalledOut = false,
  ): boolean | Promise<boolean> {
    const { list, directory, tell, clock } = this.parts;
    const mayConcern = () => list.mayComeBack(directory.known(notice.mon_name, caller.address));
    if (list.size === 0 && directory.isComplete && !mayConcern()) {
      const key = "SM_NOTIFY while not monitoring any hosts";
      tell("warning", key, () => `${what({ ...notice, caller })} while not monitoring any hosts`);
      return true;
    }
    const passing = this.#pass({ ...notice, caller, ordinal, at: clock.wallClock(), wasCalledOut });
    return passing instanceof Promise ? passing.then(isTaken) : isTaken(passing);
  }

  /**
   * Settles when everything about the notices taken so far is on disk, as it has to be before they
   * are answered. One write serves all notices of a turn of the event loop, and delays no callback.
   */
  written(): Promise<void> {
    return this.#writing ??= Promise.resolve().then(() => {
      this.#writing = undefined;
      this.parts.flush();
      this.#undecided.flush();
    });
  }

  /**
   * Names and addresses for which a notice is known to stand. A host may be monitored under several
   * names that share only its addresses, so those of a peer that the notice names are included.
   */
  #wordsOf({ mon_name, caller: { address } }: Heard): string[] {
    const { directory } = this.parts;
    const [, named = mon_name] = directory.known(mon_name);
    const words = [mon_name, address];
    for (const host of [mon_name, address, named]) {
      // Few, so that a search takes less time than a set.
      for (const alias of directory.aliasesOf(host)) if (!words.includes(alias)) words.push(alias);
    }
    return words;
  }

  /** Judges a notice as far as possible, and keeps it if it is undecided. */
  #pass(heard: Heard): Passing | Promise<Passing> {
    const { list, directory, counters } = this.parts;
    const words = this.#wordsOf(heard);
    const found: Found = { judged: new Set(), unverified: [], unconfirmed: new Set() };
    const wasComplete = directory.isComplete;
    const spent = (ms: number) => this.#sources.charge(heard.caller.address, ms);
    const judging = this.#judge.judgeNew(words, heard, found, spent);
    if (judging === "too many") {
      counters.notices_undecided++;
      return "no room";
    }
    // Limits how many kept notices one source can cause by implausible states.
    if (found.unconfirmed.size > 0) spent(INQUIRY_MS);
    const isDecided = () => {
      const isOpen = found.unverified.length + found.unconfirmed.size > 0;
      return wasComplete && found.judged.size > 0 && !isOpen;
    };
    // A host with several addresses may be monitored by others than the source's: its name tells which.
    const isOver = () =>
      isDecided() && this.#isKnown(heard.mon_name) && !list.mayComeBack(directory.known(...words));
    const keep = () => {
      const passing = this.#keep(heard, found);
      return passing === "no room" && isDecided() ? "over" : passing;
    };
    if (judging === "done") return isOver() ? "over" : keep();
    // While something can be learned, the notice has to be kept before the first await.
    const isKept = wasComplete ? undefined : this.#keep(heard, found, judging);
    return judging.then(() => {
      if (this.#judge.isStopped) return "no room";
      return isKept ?? (isOver() ? "over" : keep());
    });
  }

  /** Whether a name or address belongs to a monitored peer, whose addresses are all known then. */
  #isKnown(name: string): boolean {
    const { directory, list } = this.parts;
    for (const peer of directory.known(name)) {
      if (!list.has(peer)) continue;
      // A registration is on the list before its peer is queued for a look-up.
      if (directory.aliasesOf(peer).length > 0 || directory.isAbsent(peer)) return true;
    }
    return false;
  }

  #keep(heard: Heard, found: Found, judging?: Promise<void>): Passing {
    const isOvertaken = heard.ordinal <= this.#lastOvertaken;
    const younger = [...isOvertaken ? this.parts.list.all() : []]
      .filter(({ behind, isTentative }) => behind >= heard.ordinal && isTentative !== true);
    const isKept = this.#undecided.keep(heard, { ...found, younger }, judging);
    return isKept ? "kept" : "no room";
  }
}
