/**
 * Everything at once: calls of all kinds, nonsense, connections, restarts of other programs, a full
 * disk, silent lock managers. Afterwards nothing is lost, and the daemon uses as much memory, and
 * as many descriptors and threads, as after its warm-up.
 *
 * SOAK_ROUNDS in the environment is the number of rounds of all faults after the first; some
 * hundreds by hand.
 */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import type { Conduct } from "../support/agent_orders.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { FOREGROUND, registrations, startStatd } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { LEAVER } from "../support/traffic.ts";
import { monitorList, Traffic } from "../support/traffic_client.ts";

const NEEDS = [OUR_STATD, "/usr/sbin/rpcinfo"];
const GIVEN_ROUNDS = Deno.env.get("SOAK_ROUNDS");
const ROUNDS = Number(GIVEN_ROUNDS ?? 2);
/** Number of calls during one fault. */
const CALLS = 400;
/** Tolerated growth of memory after the warm-up, in KiB: V8 sizes its heap by past use. */
const GROWTH_MAX_KIB = 65_536;
/** Maximum number of threads: those of the runtime, and those that sync files. */
const THREADS_MAX = 24;

/** Resources of the daemon. */
interface Use {
  readonly rssKib: number;
  readonly threads: number;
  readonly descriptors: number;
}

function useOf(host: TestHost, pid: number): Use {
  const status = Deno.readTextFileSync(host.path(`/proc/${pid}/status`));
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(status)![1]);
  const descriptors = [...Deno.readDirSync(host.path(`/proc/${pid}/fd`))].length;
  return { rssKib: field("VmRSS"), threads: field("Threads"), descriptors };
}

/** Other programs, and their faults; each recovers. */
class Surroundings {
  readonly #host: TestHost;
  readonly #agent: Agent;
  #rpcbind!: BackgroundProgram;

  constructor(host: TestHost, agent: Agent) {
    this.#host = host;
    this.#agent = agent;
  }

  async start(): Promise<void> {
    this.#rpcbind = await this.#host.startRpcbind();
    await this.#agent.serve();
  }

  readonly faults: Readonly<Record<string, (whileItLasts: () => Promise<void>) => Promise<void>>> =
    {
      none: (whileItLasts) => whileItLasts(),
      "rpcbind away": async (whileItLasts) => {
        await this.#rpcbind.stop("KILL");
        await whileItLasts();
        await this.start();
        await eventually("statd is registered", async () => {
          return (await registrations(this.#host)).length === 4;
        });
      },
      "full disk": async (whileItLasts) => {
        await this.#shell("mount -o remount,size=32m . && ! dd if=/dev/zero of=fill bs=4k");
        await whileItLasts();
        await this.#shell("rm fill && mount -o remount,size=64m .");
      },
      "read-only disk": async (whileItLasts) => {
        await this.#shell("mount -o remount,ro .");
        await whileItLasts();
        await this.#shell("mount -o remount,rw .");
      },
      "silent lock manager": (whileItLasts) => this.#conduct("silent", whileItLasts),
      "failing lock manager": (whileItLasts) => this.#conduct("system error", whileItLasts),
      "an address more": async (whileItLasts) => {
        await this.#host.output("ip", "address", "add", "10.99.0.9/32", "dev", "lo");
        await whileItLasts();
        await this.#host.output("ip", "address", "del", "10.99.0.9/32", "dev", "lo");
      },
    };

  async #conduct(conduct: Conduct, whileItLasts: () => Promise<void>): Promise<void> {
    await this.#agent.serve({ conduct });
    await whileItLasts();
    await this.#agent.serve();
  }

  async #shell(command: string): Promise<void> {
    await this.#host.output("sh", "-c", `cd ${STATE_DIRECTORY} && ${command}`);
  }
}

systemTest(
  "a mixed load with faults loses nothing, and leaks no resources",
  NEEDS,
  async (newHost) => {
    const host = await newHost();
    const agent = new Agent(host);
    const surroundings = new Surroundings(host, agent);
    await surroundings.start();
    const statd = await startStatd(host, [...FOREGROUND, "--check-notify-source", "off"]);
    const { seed } = seededRandom();
    const traffic = new Traffic(host, { seed, isMixed: true });
    const round = async () => {
      for (const [name, fault] of Object.entries(surroundings.faults)) {
        await fault(async () => {
          const answered = traffic.answered;
          await traffic.run(CALLS);
          await traffic.finish();
          assertEquals(traffic.answered, answered + CALLS, name);
        });
      }
      // Without a fault all calls are accepted again, and pending work is done.
      const { refused } = traffic.ledger;
      await traffic.run(CALLS);
      await traffic.finish();
      assertEquals(traffic.ledger.refused, refused, `TEST_SEED=${seed}`);
      agent.calls.length = 0;
      const found = traffic.ledger.compare(monitorList(host), { others: LEAVER });
      assertEquals(found, { lost: [], resurrected: [], torn: [] }, `TEST_SEED=${seed}`);
    };
    await round();
    const pid = await statd.pid;
    const before = useOf(host, pid);
    report(`after the warm-up of ${traffic.answered} calls`, before);
    for (let rounds = 0; rounds < ROUNDS; rounds++) {
      await round();
      if (rounds % 20 === 19) report(`after ${traffic.answered} calls`, useOf(host, pid));
    }
    await eventually("descriptors are given back", () => {
      return useOf(host, pid).descriptors <= before.descriptors;
    });
    const after = useOf(host, pid);
    report(`after ${traffic.answered} calls, ${traffic.ledger.refused} of them refused`, after);
    assert(after.threads <= THREADS_MAX, `${after.threads} threads`);
    const growth = after.rssKib - before.rssKib;
    assert(growth <= GROWTH_MAX_KIB, `memory grew by ${growth} KiB`);
    assertEquals([...traffic.stateNumbers], [3]);
    assertEquals(await statd.stop(), 0);
  },
);

function report(when: string, { rssKib, threads, descriptors }: Use): void {
  if (GIVEN_ROUNDS === undefined) return;
  const figures = `${rssKib} KiB, ${threads} threads, ${descriptors} descriptors`;
  // deno-lint-ignore no-console -- the figures are what a long run is for
  console.log(`${when}: ${figures}`);
}
