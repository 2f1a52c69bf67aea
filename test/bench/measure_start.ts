/** Time from the start of a program to its first answer, beside that of the bare runtime. */

import { BareProgram } from "./bare.ts";
import type { Report } from "./report.ts";
import type { Effort } from "./statd_bench.ts";
import { type Candidate, onItsProcessor, PORT, StatdHost } from "./statd_host.ts";

const GOALS: Record<number, string> = { 0: "bare + 60 ms", 50_000: "bare + 400 ms" };

export async function measureStart(
  candidates: readonly Candidate[],
  { rounds, sizes }: Effort,
  report: Report,
): Promise<void> {
  using bare = new BareProgram();
  for (const size of [0, sizes.at(-1)!]) {
    await using host = await StatdHost.create(undefined, size);
    const programs = [...candidates, { name: "bare", command: [bare.path, String(PORT)] }];
    for (let round = 0; round < rounds; round++) {
      for (const { name, command } of programs) {
        const { medianMs } = await host
          .generate({ do: "start", command: onItsProcessor(command), times: 3 });
        const isBare = name === "bare";
        const point = isBare ? "Start of a bare program" : `Start with ${size} hosts`;
        const goal = isBare ? "" : GOALS[size] ?? "";
        report.note({ point, unit: "ms", isRate: false, goal }, name, medianMs!);
      }
    }
  }
}
