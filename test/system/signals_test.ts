/**
 * Signals at any moment, for each compiled program. Signals that request an action are handled
 * later or ignored. Signals that request a stop end the program with its own status or by the
 * signal, never by a crash. SIGNAL_TEST=100 in the environment sets the number of starts of each
 * program.
 */

import { assert, assertEquals } from "@std/assert";
import { STATE_DIRECTORY } from "../support/namespace.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { FOREGROUND, READY } from "../support/statd.ts";
import { DIST, OUR_RPCBIND, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const STARTS = Number(Deno.env.get("SIGNAL_TEST") ?? 4);
/** Maximum delay of a signal, in ms; a start takes less. */
const LATEST_MS = 300;
const SIGNAL_BASE = 128;
const NUMBERS: Readonly<Record<string, number>> = { HUP: 1, INT: 2, USR1: 10, USR2: 12, TERM: 15 };
const STOPS = ["TERM", "INT"];

/**
 * Program, its first line, which shows that signals are held, and its ready line if it runs until
 * stopped.
 */
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
    `signals at any moment end ${name} cleanly, or not at all`,
    [command[0]!],
    async (make) => {
      const { seed, random } = seededRandom();
      const host = await make();
      await host.write(`${STATE_DIRECTORY}/sm/127.9.0.1`, "x\n"); // sm-notify needs a peer
      if (ready === undefined) await host.startRpcbind();
      for (let start = 0; start < STARTS; start++) {
        const signal = Object.keys(NUMBERS)[random(5)]!;
        const program = host.start(...command);
        if (first !== undefined) await program.line(first);
        await new Promise((resolve) => setTimeout(resolve, random(LATEST_MS))); // the moment is what is tested
        const what = `${name}, SIG${signal}, TEST_SEED=${seed}`;
        if (!program.hasEnded) await program.kill(signal).catch(() => {}); // the program may have ended
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
