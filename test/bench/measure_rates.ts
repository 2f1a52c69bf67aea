/** Rates of NULL and STAT over both transports, and the maximum rate of the generator. */

import { type Report, say } from "./report.ts";
import type { Effort } from "./statd_bench.ts";
import { type Candidate, PORT, StatdHost } from "./statd_host.ts";

const OUTSTANDING = [1, 32];

export async function measureRates(
  candidates: readonly Candidate[],
  { rounds, ms }: Effort,
  report: Report,
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const hosts: { name: string; statd: StatdHost }[] = [];
  for (const candidate of candidates) {
    const statd = stack.use(await StatdHost.create(candidate, 0));
    hosts.push({ name: candidate.name, statd });
  }
  const most = await generatorRate(hosts[0]!.statd, ms);
  say(`The generator can ask for ${most.join(" and ")} calls/s with 1 and 32 outstanding`);
  for (let round = 0; round < rounds; round++) {
    for (const procedure of ["SM_NULL", "SM_STAT"] as const) {
      for (const transport of ["udp", "tcp"] as const) {
        for (const outstanding of OUTSTANDING) {
          const point = `${procedure} ${transport}, ${outstanding} outstanding`;
          for (const { name, statd } of hosts) {
            const before = statd.processorMs;
            const figures = await statd
              .generate({ do: "calls", transport, procedure, outstanding, ms });
            const used = statd.processorMs - before;
            report.note({ point, unit: "/s", isRate: true, goal: "0.7x" }, name, figures.rate!);
            report.note(
              { point: `${point}, processor`, unit: "/s", isRate: true, goal: "" },
              name,
              figures.calls! / used * 1000,
            );
          }
        }
      }
    }
  }
}

/** Rate of the generator with a minimal responder. */
async function generatorRate(statd: StatdHost, ms: number): Promise<number[]> {
  const port = PORT + 1;
  const responder = statd.startResponder(port);
  await statd.generate({ do: "wait", port });
  const rates: number[] = [];
  for (const outstanding of OUTSTANDING) {
    const figures = await statd
      .generate({ do: "calls", transport: "udp", procedure: "SM_NULL", outstanding, ms, port });
    rates.push(Math.round(figures.rate!));
  }
  await responder.stop("KILL");
  return rates;
}
