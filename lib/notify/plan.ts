/** Interpretation of sm-notify's settings. Pure. */

import type { SmNotifySettings } from "../config/settings.ts";
import type { Log } from "../log.ts";
import { nameKey } from "../nsm/host_name.ts";
import type { NotifyRecord } from "../nsm/ports.ts";
import { quote } from "../quote.ts";
import {
  MINUTE_MS,
  readRetrySchedule,
  RETRY_SCHEDULES,
  type RetrySchedule,
  SECOND_MS,
} from "../nsm/notify/retry_schedule.ts";

export function scheduleOf({ retrySchedule }: SmNotifySettings): RetrySchedule {
  return readRetrySchedule(retrySchedule) ?? RETRY_SCHEDULES["linux"]!;
}

/**
 * Time limit of a run, in ms from its start; Infinity: none. A schedule has its own total time,
 * which a configured retry time overrides; the deadline applies in any case.
 */
export function totalMsOf(settings: SmNotifySettings, isRetryTimeSet: boolean): number {
  const { retryTime, deadline } = settings;
  const retryMs = retryTime === 0 ? Infinity : retryTime * MINUTE_MS;
  const totalMs = isRetryTimeSet ? retryMs : scheduleOf(settings).totalMs;
  return Math.min(totalMs, deadline === undefined ? Infinity : deadline * SECOND_MS);
}

/**
 * Warns about peers of `--only` that are not on the list.
 *
 * @throws {Error} When no peer of it is.
 */
export function requireOnly(
  settings: SmNotifySettings,
  records: readonly NotifyRecord[],
  log: Log,
): void {
  const isKnown = (peer: string) =>
    records.some((record) => isSelected({ ...settings, only: [peer] }, record));
  const unknown = settings.only.filter((peer) => !isKnown(peer));
  if (unknown.length === 0) return;
  const names = unknown.map(quote).join(", ");
  const what = `No peer to notify is named ${names}; --dry-run lists all`;
  if (unknown.length === settings.only.length) throw new Error(what);
  log.warning(what);
}

/** Whether a record is selected: all are, unless peers were chosen. */
export function isSelected(
  { only }: SmNotifySettings,
  { fileName, monName }: NotifyRecord,
): boolean {
  if (only.length === 0) return true;
  const wanted = only.map(nameKey);
  return wanted.includes(nameKey(fileName)) || wanted.includes(nameKey(monName));
}

/** Identity of a life of the host: the kernel's boot id, and a container's instance id. */
export function lifeOf({ instanceId }: SmNotifySettings, bootId: string | undefined): string {
  // deno-lint-ignore no-control-regex -- it is written as a line of a file
  return [bootId ?? "", instanceId].join(" ").replaceAll(/[\x00-\x1f\x7f]/g, "_").trim();
}
