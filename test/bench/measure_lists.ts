/** Figures that depend on the number of monitored hosts: SM_MON, SM_UNMON, callbacks, storms and memory. */

import { type Report, say } from "./report.ts";
import type { Effort } from "./statd_bench.ts";
import { ADDRESS, type Candidate, StatdHost } from "./statd_host.ts";

/** List length from which few calls are made: each takes Debian's program long. */
const FEW_FROM = 1_000;
const CALLERS = [1, 32];
const NOTICES_AT_ONCE = [1, 32];
const STORM_MAX_MS = 20_000;

const MON_GOALS: Record<number, string> = {
  0: "0.8x",
  1_000: "50x",
  10_000: "500x",
  50_000: "2000x",
};
const NOTIFY_GOALS: Record<number, string> = { 1: "0.67x", 1_000: "100x", 10_000: "500x" };

export async function measureLists(
  candidates: readonly Candidate[],
  effort: Effort,
  report: Report,
): Promise<void> {
  for (const size of effort.sizes) {
    await using stack = new AsyncDisposableStack();
    const measured: Measured[] = [];
    for (const candidate of candidates) {
      const statd = stack.use(await StatdHost.create(candidate, size));
      measured.push(new Measured(candidate.name, statd, size, effort, report));
    }
    for (const one of measured) one.memory("at rest");
    for (let round = 0; round < effort.rounds; round++) {
      for (const atOnce of NOTICES_AT_ONCE) {
        for (const one of measured) await one.notify(atOnce, round);
      }
      for (const callers of CALLERS) {
        for (const one of measured) await one.monitor(callers, round);
      }
    }
    if (size === effort.stormAt) {
      for (const one of measured) await one.storm();
    }
    for (const one of measured) one.memory("after load");
  }
}

class Measured {
  readonly #isSlow: boolean;

  constructor(
    readonly name: string,
    readonly statd: StatdHost,
    readonly size: number,
    readonly effort: Effort,
    readonly report: Report,
  ) {
    this.#isSlow = name === "Debian" && size >= FEW_FROM;
  }

  memory(when: string): void {
    this.#note(`Memory ${when}`, "MB", this.statd.residentMb, false);
  }

  async monitor(callers: number, round: number): Promise<void> {
    if (this.#isSlow && (round > 0 || callers > 1)) return;
    const { statd, size } = this;
    const rounds = this.#isSlow ? 3 : 10_000;
    const ms = this.#isSlow ? 1 : this.effort.ms;
    const figures = await statd
      .generate({ do: "monitor", first: statd.first, hosts: size, callers, rounds, ms });
    statd.first += figures.rounds! * callers;
    const who = callers === 1 ? "1 caller" : `${callers} callers`;
    const goal = callers === 1 ? MON_GOALS[size] : "2x one caller";
    this.#note(`SM_MON, ${who}`, "/s", figures.mon!, true, goal);
    this.#note(`SM_UNMON, ${who}`, "/s", figures.unmon!, true, goal);
  }

  async notify(atOnce: number, round: number): Promise<void> {
    const { statd, size } = this;
    if (size === 0) return;
    if (this.#isSlow && atOnce > 1 && round > 0) return;
    const notices = this.#isSlow ? Math.ceil(4 / atOnce) : 500;
    const { ms } = this.effort;
    let figures;
    try {
      figures = await statd
        .generate({ do: "notify", first: statd.first, hosts: size, notices, atOnce, ms });
    } catch (error) {
      // Debian's program sometimes makes no callback right after a change of its list.
      if (this.name !== "Debian") throw error;
      say(`${size} hosts: ${this.name} made no callback`);
      return;
    }
    const many = atOnce === 1 ? "" : `, ${atOnce} at once`;
    const goal = atOnce === 1 ? NOTIFY_GOALS[size] : "1x";
    this.#note(`SM_NOTIFY to callback${many}`, "ms", figures.medianMs!, false, goal);
  }

  async storm(): Promise<void> {
    const { statd, effort } = this;
    await statd.settle(); // look-ups of the newly monitored hosts are pending
    const figures = await statd.generate({
      do: "storm",
      first: statd.first,
      address: ADDRESS,
      peers: effort.stormPeers,
      waitMs: STORM_MAX_MS,
    });
    const note = (what: string, unit: string, value: number, goal: string) =>
      this.#note(`Storm of ${effort.stormPeers}: ${what}`, unit, value, false, goal);
    note("peers not told of", "peers", effort.stormPeers - figures.told!, "0");
    note("superfluous callbacks", "calls", figures.superfluous!, "0");
    note("last callback", "ms", figures.lastMs!, "3000 ms");
    note("longest wait for a reply", "ms", figures.longestAnswerMs!, "200 ms");
    note("notices without a reply", "calls", figures.unanswered!, "0");
    note("longest SM_NULL meanwhile", "ms", figures.longestProbeMs!, "20 ms");
  }

  #note(what: string, unit: string, value: number, isRate: boolean, goal = ""): void {
    const point = `${this.size} hosts: ${what}`;
    this.report.note({ point, unit, isRate, goal }, this.name, value);
  }
}
