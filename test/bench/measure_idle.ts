/** Cost of an idle monitor, at its start and after many calls. */

import { BareProgram } from "./bare.ts";
import type { Report } from "./report.ts";
import type { Effort } from "./statd_bench.ts";
import { type Candidate, pause, PORT, StatdHost } from "./statd_host.ts";

const LOADS = 4;
/** Time after which all timers of the start have run, in ms. */
const START_MS = 8_000;

export async function measureIdle(
  candidates: readonly Candidate[],
  { idleMs, ms }: Effort,
  report: Report,
): Promise<void> {
  using bare = new BareProgram();
  for (const { name, command } of [...candidates, bare.candidate(PORT)]) {
    await using statd = await StatdHost.create({ name, command }, 0);
    const what = name === "bare" ? "Bare program" : "Idle";
    const note = (point: string, unit: string, value: number, goal: string) =>
      report.note({ point: `${what}: ${point}`, unit, isRate: false, goal }, name, value);
    note("memory", "MB", statd.residentMb, "bare + 8 MB");
    await pause(START_MS);
    const before = statd.switches;
    await pause(idleMs);
    note(`context switches in ${idleMs / 1000} s`, "times", statd.switches - before, "0");
    for (let load = 1; load <= LOADS; load++) {
      await statd.generate({
        do: "calls",
        transport: "udp",
        procedure: "SM_STAT",
        outstanding: 32,
        ms: 2 * ms,
      });
      note(`memory after load ${load}`, "MB", statd.residentMb, "flat");
    }
  }
}
