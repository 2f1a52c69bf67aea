/**
 * Signals at any moment of a life, for each program as it is compiled: whatever asks for something is done
 * later or not at all, and whatever asks to stop ends it with a status of its own or by that signal, never
 * by a crash. With SIGNAL_TEST=100 in the environment it is so many starts of each.
 */

import { assert, assertEquals } from "@std/assert";
import { STATE_DIRECTORY } from "../support/namespace.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { FOREGROUND, READY } from "../support/statd.ts";
import { DIST, OUR_RPCBIND, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const STARTS = Number(Deno.env.get("SIGNAL_TEST") ?? 4);
/** Latest moment of a signal, in ms: a start takes less. */
const LATEST_MS = 300;
const SIGNAL_BASE = 128;
const NUMBERS: Readonly<Record<string, number>> = { HUP: 1, INT: 2, USR1: 10, USR2: 12, TERM: 15 };
const STOPS = ["TERM", "INT"];

/** A program, its first line, which says that signals are held, and whether it goes on until it is stopped. */
const PROGRAMS: readonly {
  readonly command: readonly string[];
  readonly first?: RegExp;
  readonly ready?: RegExp;
}[] = [
  { command: [OUR_STATD, ...FOREGROUND], first: /Version .* starting/, ready: READY },
  { command: [OUR_RPCBIND, "-f", "-d"], first: /./, ready: /./ },
  { command: [OUR_SM_NOTIFY, "-d", "-f"], first: /./ },
  { command: [`${DIST}/start-statd`] },
  { command: [`${DIST}/nsmctl`, "status"] },
];

for (const { command, first, ready } of PROGRAMS) {
  const name = command[0]!.split("/").at(-1)!;
  systemTest(
    `signals at any moment end ${name} in order, or not at all`,
    [command[0]!],
    async (make) => {
      const { seed, random } = seededRandom();
      const host = await make();
      await host.write(`${STATE_DIRECTORY}/sm/127.9.0.1`, "x\n"); // sm-notify has somebody to tell
      if (ready === undefined) await host.startRpcbind();
      for (let start = 0; start < STARTS; start++) {
        const signal = Object.keys(NUMBERS)[random(5)]!;
        const program = host.start(...command);
        if (first !== undefined) await program.line(first);
        await new Promise((resolve) => setTimeout(resolve, random(LATEST_MS))); // the moment is what is tried
        const what = `${name}, SIG${signal}, TEST_SEED=${seed}`;
        if (!program.hasEnded) await program.kill(signal).catch(() => {}); // it may have ended
        if (ready !== undefined && !STOPS.includes(signal)) {
          await program.line(ready);
          assertEquals(await program.stop(), 0, what);
          continue;
        }
        if (!STOPS.includes(signal) && !program.hasEnded) await program.stop().catch(() => {});
        const status = await program.stop("TERM").catch(() => program.ended);
        const allowed = [0, 1, 3, ...Object.values(NUMBERS).map((number) => SIGNAL_BASE + number)];
        assert(allowed.includes(status), `${what}: status ${status}\n${program.report()}`);
        if (ready !== undefined) assertEquals(status, 0, what);
        assert(!/Uncaught|panick|fatal error/i.test(program.report()), program.report());
      }
    },
  );
}
