/**
 * Progress reports of a run: a live line on a terminal, summary lines in the log otherwise, and
 * JSON lines.
 */

import type { Log } from "../log.ts";
import { type NotifyCounts, type NotifyReport, reportJson } from "../nsm/notify/notify_outcome.ts";
import { asciiJson, plural } from "../quote.ts";
import { FailureTable } from "./failure_table.ts";
import type { LiveLine } from "./live_line.ts";
import type { Clock } from "../time/clock.ts";

/** Interval of the live line, in ms: about as fast as an eye can follow. */
const LIVE_MS = 200;
/** Share of told peers at which a summary is logged; the end always is. */
const MILESTONE = 0.9;
/** Time of the first summary of an unfinished run, in ms from the start; doubles each time. */
const FIRST_SUMMARY_MS = 60_000;

/** Sources of a report. */
export interface ReportParts {
  readonly counts: () => NotifyCounts;
  readonly clock: Clock;
  readonly log: Log;
  /** Time limit of the run, in ms from its start; Infinity: none. */
  readonly totalMs: number;
  /** Time until the next attempt, in ms. */
  readonly nextTryMs: () => number;
  /** Live line, replacing intermediate summaries on a terminal. */
  readonly line: LiveLine | undefined;
}

/** Reports of one run. */
export class ProgressReport {
  readonly #parts: ReportParts;
  readonly #startedAt: number;
  readonly #failures = new FailureTable();
  #isPastMilestone = false;
  #cancelTimers: (() => void)[] = [];

  constructor(parts: ReportParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  start(stateNumber: number): void {
    const { total } = this.#parts.counts();
    this.#parts.log.notice(`Notifying ${plural(total, "peer")} of state ${stateNumber}`);
    const { line } = this.#parts;
    if (line === undefined) this.#after(FIRST_SUMMARY_MS);
    else this.#every(LIVE_MS, () => line.show(this.#live(), this.#shortLive()));
  }

  /** Counts a settled peer. */
  settled(report: NotifyReport): void {
    if (report.outcome === "gave up") this.#failures.add(report);
    const { told, total } = this.#parts.counts();
    if (this.#isPastMilestone || told < MILESTONE * total || told === total) return;
    this.#isPastMilestone = true;
    if (this.#parts.line === undefined) this.#parts.log.info(this.#summary());
  }

  end(): void {
    for (const cancel of this.#cancelTimers) cancel();
    this.#parts.line?.hide();
    for (const row of this.#failures.lines()) this.#parts.log.notice(row);
    this.#parts.log.notice(this.#summary());
  }

  #every(ms: number, action: () => void): void {
    const again = () => {
      action();
      this.#cancelTimers = [this.#parts.clock.startTimer(ms, again)];
    };
    this.#cancelTimers = [this.#parts.clock.startTimer(ms, again)];
  }

  #after(ms: number): void {
    const { clock, log } = this.#parts;
    this.#cancelTimers = [clock.startTimer(ms, () => {
      log.notice(this.#summary());
      this.#after(this.#elapsedMs);
    })];
  }

  get #elapsedMs(): number {
    return this.#parts.clock.now() - this.#startedAt;
  }

  #live(): string {
    const { counts, totalMs, nextTryMs } = this.#parts;
    const { total, told, failing, forgotten } = counts();
    const seconds = this.#elapsedMs / 1000;
    const rate = told / seconds;
    const waiting = total - told - forgotten - failing;
    const nextMs = nextTryMs();
    // After every peer was tried, the rate is no longer of interest.
    const pace = waiting > 0 || nextMs === Infinity
      ? `${rate.toFixed(rate < 10 ? 1 : 0)}/s`
      : `next try in ${duration(nextMs / 1000)}`;
    const parts = [
      `${told} of ${plural(total, "peer")} told`,
      `${waiting} waiting`,
      `${failing} failing`,
      pace,
    ];
    if (totalMs !== Infinity) parts.push(`${duration(totalMs / 1000 - seconds)} left to try`);
    return parts.join(", ");
  }

  #shortLive(): string {
    const { total, told, failing } = this.#parts.counts();
    return `${told}/${total} told, ${failing} failing`;
  }

  #summary(): string {
    const { total, told, forgotten, gaveUp, failing } = this.#parts.counts();
    const left = total - told - forgotten - gaveUp;
    const more = [
      forgotten > 0 ? `, ${forgotten} forgotten` : "",
      gaveUp > 0 ? `, ${gaveUp} not reached` : "",
      left > 0 ? `, ${left} left${silence(failing, left)}` : "",
    ];
    return `Told ${told} of ${plural(total, "peer")} in ${duration(this.#elapsedMs / 1000)}${
      more.join("")
    }`;
  }
}

/** Part of a summary about the remaining peers that do not answer. */
function silence(failing: number, left: number): string {
  if (failing === 0) return "";
  if (failing < left) return `, ${failing} of them silent or unreachable`;
  return left === 1 ? ", which does not answer" : ", none of which answers";
}

function duration(seconds: number): string {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  return seconds < 120 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60)} min`;
}

/** Result of one peer as a JSON line. */
export function reportLine(report: NotifyReport): string {
  const { record: { fileName, myName }, outcome } = report;
  return `${asciiJson({ name: fileName, my_name: myName, outcome, ...reportJson(report) })}\n`;
}

/** Result of a run as a JSON line. */
export function summaryLine(counts: NotifyCounts, stateNumber: number): string {
  const { total, told, forgotten, gaveUp } = counts;
  return `${asciiJson({ state: stateNumber, total, told, forgotten, gave_up: gaveUp })}\n`;
}
