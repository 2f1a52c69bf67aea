/**
 * Jumps of the wall clock by hours while the program waits. A jump may show in displayed times
 * only; pauses and timeouts use the monotonic clock.
 */

import { assert, assertEquals } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import { FAKE_TIME_NEEDS, FakeTime } from "../support/fake_time.ts";
import { listed, ManyPeers, monitor } from "../support/many_peers_client.ts";
import type { TestHost } from "../support/namespace.ts";
import { type Call, describe, message, mon, notify, text, word } from "../support/nsm_calls.ts";
import { eventually, inTime } from "../support/patience.ts";
import { FOREGROUND, READY, STATD_PORT } from "../support/statd.ts";
import { OUR_NSMCTL, OUR_SM_NOTIFY, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD, OUR_SM_NOTIFY, OUR_NSMCTL, ...FAKE_TIME_NEEDS];
const ENFORCING = [...FOREGROUND, "--check-notify-source", "enforce"];
const PEERS = "10.98.0.0/24";
const HOUR = 3600;
/** The shortest pause between two attempts at a callback, in s. */
const CALLBACK_PAUSE = 1;
/** Rounding error of the library. */
const ROUNDING_MS = 1;
/** Jumps: error of the clock after the jump, in s. */
const JUMPS = { "forward": 5 * HOUR, "backward": -7 * HOUR, "by a year": 366 * 24 * HOUR };

/** Daemon with its own clock, its peers, and its lock manager. */
class World {
  private constructor(
    readonly host: TestHost,
    readonly clock: FakeTime,
    readonly agent: Agent,
  ) {}

  static async create(host: TestHost): Promise<World> {
    await host.startRpcbind();
    return new World(host, await FakeTime.create(host), new Agent(host));
  }

  async startStatd() {
    const statd = this.host.start(...this.clock.command(OUR_STATD, ...ENFORCING));
    await statd.line(READY);
    return statd;
  }

  /** Makes a call from an address, which must succeed. */
  async ask(call: Call, address = "127.0.0.1"): Promise<void> {
    const to = { address: "127.0.0.1", port: STATD_PORT };
    const reply = describe((await this.agent.datagram(message(call), to, { address })).message);
    assert(/^SUCCESS( 00000000 00000003)?$/.test(reply), reply);
  }

  /** Registers a peer, and sends its notice. */
  async reboots(peer: string, state: number): Promise<void> {
    await this.ask(mon({ monName: peer }));
    await this.ask(notify(peer, state), peer);
  }

  /** Number of callbacks about a peer, or about one of its states. */
  calls(peer: string, state?: number): number {
    const like = text(peer) + (state === undefined ? "" : word(state));
    return this.agent.calls.filter((call) => call.message.includes(like)).length;
  }

  async json<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.host.output(OUR_NSMCTL, ...args, "--json"));
  }
}

interface Listed {
  readonly name: string;
  readonly since: string;
  readonly heardAt: string;
}

for (const [jump, offset] of Object.entries(JUMPS)) {
  systemTest(`a jump ${jump} neither delays nor hastens a callback`, NEEDS, async (newHost) => {
    const world = await World.create(await newHost({ strangers: [PEERS] }));
    const { clock, agent } = world;
    const statd = await world.startStatd();
    const [early, late] = ["10.98.0.1", "10.98.0.2"] as const;
    await agent.serve({ conduct: "system error" });
    await world.reboots(early, 5);
    await statd.line(new RegExp(`Cannot tell lock manager .*"${early}"`));
    await clock.set(offset);
    const before = clock.now() - ROUNDING_MS;
    await world.reboots(late, 5);
    await statd.line(new RegExp(`Cannot tell lock manager .*"${late}"`));
    await agent.serve();
    for (const peer of [early, late]) {
      await statd.line(new RegExp(`Told lock manager .*"${peer}"`));
    }
    const { uptimeSeconds } = await world.json<{ uptimeSeconds: number }>("status");
    assert(uptimeSeconds < HOUR, `up for ${uptimeSeconds} s`);
    const attempts = world.calls(early);
    assert(attempts <= 2 + uptimeSeconds / CALLBACK_PAUSE, `${attempts} in ${uptimeSeconds} s`);

    // Old states are not taken for new ones, nor new ones for old.
    const known = world.calls(late);
    await world.ask(notify(late, 5), late);
    await world.ask(notify(late, 7), late);
    await eventually("the new state is passed on", () => world.calls(late, 7) === 1);
    assertEquals(world.calls(late), known + 1);

    const { peers } = await world.json<{ peers: Listed[] }>("list", late);
    for (const time of [peers[0]!.since, peers[0]!.heardAt]) {
      assert(before <= Date.parse(time) && Date.parse(time) <= clock.now(), time);
    }
    assertEquals(await statd.stop(), 0);
  });
}

systemTest(
  "a pending callback is made by the next statd, whatever its clock",
  NEEDS,
  async (newHost) => {
    const world = await World.create(await newHost({ strangers: [PEERS] }));
    const { clock, agent } = world;
    await clock.set(JUMPS["by a year"]);
    const first = await world.startStatd();
    await world.reboots("10.98.0.1", 5);
    await first.line(/Cannot tell lock manager/);
    await first.stop("KILL");
    await clock.set(JUMPS.backward);
    await agent.serve();
    const second = await world.startStatd();
    await second.line(/Told lock manager/);
    await world.reboots("10.98.0.1", 7);
    await eventually("the new state is passed on", () => world.calls("10.98.0.1", 7) === 1);
    assertEquals(world.calls("10.98.0.1"), 2);
    assertEquals(await second.stop(), 0);
  },
);

systemTest("a jump makes sm-notify give up neither early nor late", NEEDS, async (newHost) => {
  const host = await newHost();
  const clock = await FakeTime.create(host);
  const peers = new ManyPeers(host);
  await peers.ready();
  const silent = "127.2.0.1";
  monitor(host, [silent]);
  const options = ["-d", "--json", "--retry-schedule", "1,1,1,1,1,1"];
  const run = host.start(...clock.command(OUR_SM_NOTIFY, ...options));
  /** Waits for one more question to the peer. */
  const oneMore = async () => {
    const queries = async () => (await peers.report()).get(silent)?.queries ?? 0;
    const before = await queries();
    await eventually("the peer is asked again", async () => await queries() > before);
  };
  await oneMore();
  await clock.set(JUMPS.forward);
  await oneMore();
  await oneMore();
  await clock.set(JUMPS.backward);
  await oneMore();
  assertEquals(await inTime("end of sm-notify", run.ended), 1);
  assertEquals(listed(host, "sm.bak"), [silent]);
  const result = JSON.parse(await run.line(/^\{"name"/));
  assertEquals(result.outcome, "gave up");
  assert(result.elapsed_ms >= 6_000 && result.elapsed_ms < HOUR * 1000, `${result.elapsed_ms} ms`);
});
