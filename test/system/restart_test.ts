/**
 * Restarts of statd and rpcbind in every order while a lock manager makes calls: callers see a
 * pause, and peers nothing at all. sm-notify runs at each start, as in production.
 */

import { assertEquals } from "@std/assert";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { eventually } from "../support/patience.ts";
import { FOREGROUND, registrations, startStatd } from "../support/statd.ts";
import { OUR_STATD, systemTest } from "../support/system_test.ts";
import { monitorList, Traffic } from "../support/traffic_client.ts";

const NEEDS = [OUR_STATD, "/usr/sbin/rpcinfo"];
/** Minimum number of calls between two restarts. */
const CALLS = 60;

/** Both programs, each stopped and started on request. */
class Services {
  readonly #host: TestHost;
  #statd!: BackgroundProgram;
  #rpcbind!: BackgroundProgram;

  constructor(host: TestHost) {
    this.#host = host;
  }

  async startRpcbind(): Promise<void> {
    this.#rpcbind = await this.#host.startRpcbind();
  }

  async startStatd(): Promise<void> {
    const options = FOREGROUND.filter((option) => option !== "--no-notify");
    this.#statd = await startStatd(this.#host, options);
  }

  async stopRpcbind(signal: string): Promise<void> {
    await this.#rpcbind.stop(signal);
  }

  async stopStatd(signal: string): Promise<void> {
    await this.#statd.stop(signal);
  }
}

/** Every order in which two programs can stop and start. */
const ORDERS: Record<string, (on: Services, signal: string) => Promise<unknown>> = {
  "statd alone": async (on, signal) => {
    await on.stopStatd(signal);
    await on.startStatd();
  },
  "rpcbind alone": async (on, signal) => {
    await on.stopRpcbind(signal);
    await on.startRpcbind();
  },
  "statd, then rpcbind": async (on, signal) => {
    await on.stopStatd(signal);
    await on.startStatd();
    await on.stopRpcbind(signal);
    await on.startRpcbind();
  },
  "rpcbind, then statd": async (on, signal) => {
    await on.stopRpcbind(signal);
    await on.startRpcbind();
    await on.stopStatd(signal);
    await on.startStatd();
  },
  "statd first down, last up": async (on, signal) => {
    await on.stopStatd(signal);
    await on.stopRpcbind(signal);
    await on.startRpcbind();
    await on.startStatd();
  },
  "statd first down, first up": async (on, signal) => {
    await on.stopStatd(signal);
    await on.stopRpcbind(signal);
    await on.startStatd();
    await on.startRpcbind();
  },
  "rpcbind first down, first up": async (on, signal) => {
    await on.stopRpcbind(signal);
    await on.stopStatd(signal);
    await on.startRpcbind();
    await on.startStatd();
  },
  "rpcbind first down, last up": async (on, signal) => {
    await on.stopRpcbind(signal);
    await on.stopStatd(signal);
    await on.startStatd();
    await on.startRpcbind();
  },
  "both at the same moment": async (on, signal) => {
    await Promise.all([on.stopStatd(signal), on.stopRpcbind(signal)]);
    await Promise.all([on.startStatd(), on.startRpcbind()]);
  },
};

for (const signal of ["TERM", "KILL"]) {
  systemTest(
    `restarts by SIG${signal} in every order look like no reboot and lose no call`,
    NEEDS,
    async (newHost) => {
      const host = await newHost();
      const on = new Services(host);
      await on.startRpcbind();
      await on.startStatd();
      const before = await registrations(host);
      assertEquals(before.length, 4);
      const traffic = new Traffic(host, { seed: 1, width: 4 });
      for (const [order, restart] of Object.entries(ORDERS)) {
        const answered = traffic.answered;
        await traffic.run(CALLS);
        await traffic.reach(answered + CALLS / 4);
        await restart(on, signal);
        await eventually(`statd is registered after ${order}`, async () => {
          return (await registrations(host)).join() === before.join();
        });
        await traffic.finish();
        assertEquals(traffic.answered, answered + CALLS, order);
        assertNoReboot(host, traffic, order);
      }
      await on.stopStatd(signal);
      assertNoReboot(host, traffic, "the end");
    },
  );
}

/** Checks that the notify list is empty, the state number is the first one, and nothing is lost. */
function assertNoReboot(host: TestHost, traffic: Traffic, when: string): void {
  const { ledger, stateNumbers } = traffic;
  const notifyList = [...Deno.readDirSync(host.path(`${STATE_DIRECTORY}/sm.bak`))]
    .map(({ name }) => name).filter((name) => !name.startsWith("."));
  assertEquals(notifyList, [], when);
  assertEquals([...stateNumbers], [3], when);
  assertEquals([...Deno.readFileSync(host.path(`${STATE_DIRECTORY}/state`))], [3, 0, 0, 0], when);
  assertEquals(ledger.refused, 0, when);
  const clean = { lost: [], resurrected: [], torn: [] };
  assertEquals(ledger.compare(monitorList(host)), clean, when);
}
