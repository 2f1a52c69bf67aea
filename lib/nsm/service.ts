/**
 * Handlers of program 100024. A reply waits for the disk if it promises something, and for a
 * callout if one is configured; it never waits for the name service.
 *
 * Source: XNFS chapter 11; rpc.statd(8) for what is refused and how.
 */

import type { Log } from "../log.ts";
import type { LimitedLog } from "../log_limits.ts";
import { isCallbackProcedure } from "../protocol/nlm.ts";
import {
  type Mon,
  type MyId,
  nsmV1,
  Res,
  SM_MAXSTRLEN,
  type SmStatRes,
  type StatChge,
} from "../protocol/nsm.ts";
import { quote } from "../quote.ts";
import { reasonOf } from "../reason.ts";
import { type Service, service as serve } from "../rpc/dispatch.ts";
import { NO_REPLY } from "../rpc/program.ts";
import type { Caller } from "../rpc/transport.ts";
import { Enrolment } from "./enrolment.ts";
import { hostNameFault, looksLikePath, storableMyName } from "./host_name.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { Notices } from "./notices.ts";
import type { PeerDirectory } from "./peer_directory.ts";
import type { Callout, MonitorRecord, MonitorStore } from "./ports.ts";
import type { Registration, Requester } from "./registration_key.ts";
import { limitFault, type RegistrationLimits } from "./registration_limits.ts";
import { removeRegistrations } from "./removal.ts";
import type { Clock } from "../time/clock.ts";

/** `state` in a STAT_FAIL reply, as in nfs-utils. */
const FAILED_STATE = -1;

/** Dependencies of the service. */
export interface ServiceParts {
  readonly list: MonitorList;
  readonly store: MonitorStore;
  readonly directory: PeerDirectory;
  readonly notices: Notices;
  /** Callout configured now. */
  readonly callout: () => Callout | undefined;
  /** Notifies the peers again, after SM_SIMU_CRASH. */
  readonly simulateCrash: () => void;
  /** Logs a call that was refused because of the store. */
  readonly refused: (message: string, error: unknown) => void;
  /** Limits of the monitor list; set by tests. */
  readonly limits?: RegistrationLimits;
  /** State number at start, used until the disk gives another one. */
  readonly stateNumber?: number;
  /** Called for each new registration. */
  readonly registered?: (record: MonitorRecord) => void;
  /** Drops the waiting callback of a registration that leaves the list, until the result is called. */
  readonly suspend?: (monitored: Monitored) => () => void;
  /** Called for each registration removed permanently. */
  readonly removed?: (monitored: Monitored) => void;
  readonly clock: Pick<Clock, "wallClock">;
  readonly log: Pick<Log, "error">;
  /** Rate-limited log, for lines that callers can cause. */
  readonly tell: LimitedLog;
}

export function nsmService(parts: ServiceParts): Service {
  const nsm = new Nsm(parts);
  return serve(nsmV1, {
    SM_NULL: () => {},
    SM_STAT: ({ mon_name }) => nsm.stat(mon_name),
    SM_MON: (args) => nsm.mon(args),
    SM_UNMON: ({ mon_name, my_id }) => nsm.unmon({ monName: mon_name, ...requester(my_id) }),
    SM_UNMON_ALL: (args) => nsm.unmonAll(requester(args)),
    SM_SIMU_CRASH: () => nsm.simuCrash(),
    SM_NOTIFY: (args, caller) => nsm.notify(args, caller),
  }, {
    SM_MON: () => ({ res_stat: Res.STAT_FAIL, state: FAILED_STATE }),
    // Refused callers must not cause disk reads.
    SM_UNMON: () => ({ state: nsm.lastStateNumber }),
    SM_UNMON_ALL: () => ({ state: nsm.lastStateNumber }),
    SM_SIMU_CRASH: () => {},
  });
}

function requester({ my_name, my_prog, my_vers, my_proc }: MyId): Requester {
  return { myName: storableMyName(my_name), myProg: my_prog, myVers: my_vers, myProc: my_proc };
}

/** Reply without a result, or no reply. */
type Silence = undefined | typeof NO_REPLY;

class Nsm {
  #lastStateNumber: number;
  #stateFault = "";
  readonly #enrolment: Enrolment;

  constructor(readonly parts: ServiceParts) {
    this.#lastStateNumber = parts.stateNumber ?? FAILED_STATE;
    this.#enrolment = new Enrolment(parts);
  }

  /** Local state number, as of the last read. */
  get lastStateNumber(): number {
    return this.#lastStateNumber;
  }

  /** SM_STAT: whether we would monitor a host, with our own state number in either case. */
  stat(monName: string): SmStatRes {
    const res_stat = hostNameFault(monName) === undefined ? Res.STAT_SUCC : Res.STAT_FAIL;
    return { res_stat, state: this.stateNumber() };
  }

  /**
   * SM_NOTIFY. The callout runs first, as in nfs-utils, but only for news: remote hosts can send
   * any number of other notices.
   */
  notify(notice: StatChge, caller: Caller): Silence | Promise<Silence> {
    const { notices, callout } = this.parts;
    if (!notices.admits(notice, caller)) return NO_REPLY;
    // Drawn before the callout, which may take longer than that of a newer notice.
    const ordinal = notices.arrived();
    const take = async (wasCalledOut: boolean): Promise<Silence> => {
      const isTaken = notices.handle(notice, caller, ordinal, wasCalledOut);
      if (!(typeof isTaken === "boolean" ? isTaken : await isTaken)) return NO_REPLY;
      await notices.written();
      return undefined;
    };
    const program = callout();
    if (program === undefined) return take(false);
    const callOut = (isNews: boolean) => {
      if (!isNews) return take(false);
      const running = program.notified(notice.mon_name, caller.address, notice.state);
      return running?.then(() => take(true)) ?? NO_REPLY;
    };
    const isNews = notices.isNews(notice, caller, ordinal);
    return typeof isNews === "boolean" ? callOut(isNews) : isNews.then(callOut);
  }

  async mon({ mon_id: { mon_name, my_id }, priv }: Mon): Promise<SmStatRes | typeof NO_REPLY> {
    if (this.parts.callout()?.isFull === true) return NO_REPLY;
    const { list, limits, tell } = this.parts;
    const failed: SmStatRes = { res_stat: Res.STAT_FAIL, state: FAILED_STATE };
    const failure = (reason: string) =>
      `STAT_FAIL to ${quote(my_id.my_name)} for SM_MON of ${quote(mon_name)}: ${reason}`;
    const record: MonitorRecord = { monName: mon_name, ...requester(my_id), priv: priv.toHex() };
    const fault = registrationFault(record);
    if (fault !== undefined) {
      const attack = "POSSIBLE SPOOF/ATTACK ATTEMPT!";
      if (looksLikePath(mon_name)) tell("error", attack, () => attack);
      tell("warning", "refused SM_MON", () => failure(fault));
      return failed;
    }
    const excess = list.find(record) === undefined ? limitFault(list, record, limits) : undefined;
    if (excess !== undefined) {
      tell("warning", "SM_MON beyond the limits", () => failure(excess));
      return failed;
    }
    try {
      await this.#enrolment.enrol(record);
    } catch (error) {
      this.parts.refused(failure(reasonOf(error)), error);
      return failed;
    }
    return { res_stat: Res.STAT_SUCC, state: this.stateNumber() };
  }

  async unmon(registration: Registration): Promise<{ state: number } | typeof NO_REPLY> {
    if (this.parts.callout()?.isFull === true) return NO_REPLY;
    const { list, store } = this.parts;
    const monitored = list.find(registration);
    const leaving = list.leaving(registration);
    const { monName, myName } = registration;
    if (monitored !== undefined) await this.#remove([monitored], myName);
    else if (leaving !== undefined) await leaving;
    else if (store.isUnread(monName)) await this.#remove([unlisted(registration)], myName);
    else {
      const who = `SM_UNMON request from ${quote(registration.myName)}`;
      const why = list.size === 0 ? "while not monitoring any hosts" : "it is not monitored";
      const what = quote(registration.monName);
      const message = () => `Received erroneous ${who} for ${what}: ${why}`;
      this.parts.tell("warning", "erroneous SM_UNMON", message);
    }
    return { state: this.stateNumber() };
  }

  async unmonAll(requester: Requester): Promise<{ state: number } | typeof NO_REPLY> {
    if (this.parts.callout()?.isFull === true) return NO_REPLY;
    const { list } = this.parts;
    const leaving = list.leavingOf(requester);
    await Promise.all([this.#remove(list.of(requester), requester.myName), ...leaving]);
    return { state: this.stateNumber() };
  }

  /** SM_SIMU_CRASH: clears the list in memory; the records stay on disk for notifying. */
  simuCrash(): void {
    const what = "SM_SIMU_CRASH";
    const message = `${what}: forgetting all monitored hosts and notifying them`;
    this.parts.tell("notice", what, () => message);
    for (const monitored of this.parts.list.all()) this.parts.removed?.(monitored);
    this.#enrolment.forgetAll();
    this.parts.simulateCrash();
  }

  /** State number on disk; the last known one if the disk cannot be read. */
  stateNumber(): number {
    try {
      this.#lastStateNumber = this.parts.store.stateNumber();
      this.#stateFault = "";
    } catch (error) {
      const fault = reasonOf(error);
      // Logged once, not for each call.
      if (fault !== this.#stateFault) this.parts.log.error(fault);
      this.#stateFault = fault;
    }
    return this.#lastStateNumber;
  }

  /** Rejects when the disk refuses, which the caller gets as SYSTEM_ERR. */
  #remove(removed: readonly Monitored[], myName: string): Promise<void> {
    return removeRegistrations(this.parts, removed, myName);
  }
}

/** Entry for the removal of a registration that may be on disk, in a file not read yet. */
function unlisted(registration: Registration): Monitored {
  const record = { ...registration, priv: "" };
  const news = { heardAt: undefined, lastState: 0, lastNotice: 0, behind: 0 };
  return { record, stored: undefined, since: undefined, ...news };
}

/** Reason why a registration is not acceptable; undefined if it is. */
function registrationFault(record: MonitorRecord): string | undefined {
  const { monName, myName, myProg, myVers, myProc } = record;
  if (!isCallbackProcedure(myProg, myVers, myProc)) {
    return `Attempt to register callback to ${myProg}/${myProc}, which no lock manager uses`;
  }
  const fault = hostNameFault(monName);
  if (fault !== undefined) return `the mon_name is refused, ${fault}`;
  if (monName.length + myName.length > SM_MAXSTRLEN) {
    return `mon_name and my_name together are longer than ${SM_MAXSTRLEN} bytes`;
  }
  return undefined;
}
