/**
 * Last state of a peer: that of its registration with the latest news. Others know an earlier one
 * while a notice is judged in slices.
 */

import { nameKey } from "./host_name.ts";
import type { Heard } from "./kept_notices.ts";
import type { Monitored, MonitorList } from "./monitor_list.ts";
import type { Clock } from "../time/clock.ts";

/** Registration with the latest news, the oldest one of several; undefined if there is none. */
export function latestOf(registrations: Iterable<Monitored>): Monitored | undefined {
  let last: Monitored | undefined;
  for (const one of registrations) {
    if (last === undefined || one.lastNotice > last.lastNotice) last = one;
  }
  return last;
}

/** Returns 0 if no registration has heard of a state. */
export function lastStateOf(registrations: Iterable<Monitored>): number {
  return latestOf(registrations)?.lastState ?? 0;
}

/** Gives a registration the state of a notice from before it: its peer has rebooted before it took these locks. */
export function learnState(
  monitored: Monitored,
  heard: Pick<Heard, "state" | "ordinal" | "asked" | "answered" | "at">,
  { list, clock }: { readonly list: MonitorList; readonly clock: Pick<Clock, "now"> },
): void {
  list.replacedStates.note(
    nameKey(monitored.record.monName),
    monitored.lastState,
    heard.state,
    clock.now(),
  );
  Object.assign(monitored, { lastState: heard.state, heardAt: heard.at });
  noteOrdinals(monitored, heard);
}

/**
 * Notes the place of a believed notice in the order of news. An answer is newer than all notices from
 * before the question. Those between question and answer may be newer or older.
 */
export function noteOrdinals(
  monitored: Monitored,
  { ordinal, asked, answered }: Pick<Heard, "ordinal" | "asked" | "answered">,
): void {
  monitored.lastNotice = asked ?? ordinal;
  monitored.lastAnswer = answered ?? monitored.lastAnswer;
}
