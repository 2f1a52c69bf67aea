/**
 * Trust in notices: forged, repeated and genuine SM_NOTIFY in each mode of notify-source-check, and
 * the callbacks that follow. The absence of an effect is shown by a later genuine notice that has
 * the next effect.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Agent } from "../support/agent_client.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { type HostOptions, STATE_DIRECTORY, type TestHost } from "../support/namespace.ts";
import { message, mon, notify, nullCall } from "../support/nsm_calls.ts";
import { eventually } from "../support/patience.ts";
import { ask, FOREGROUND, startStatd, STATD_PORT } from "../support/statd.ts";
import { type NewHost, OUR_STATD, systemTest } from "../support/system_test.ts";

const NEEDS = [OUR_STATD];
const MONITORED = "SUCCESS 00000000 00000003";
const PEER = "10.98.0.2";
const FORGER = "10.98.0.66";
const NETWORK = {
  addresses: ["10.99.0.1/32", "fd99::1/128"],
  strangers: ["10.98.0.0/24", "fd98::/64"],
};

/** Three times a source's burst, and less than a socket's buffer holds. */
const FLOOD = 3_000;

/** Host with our statd in one mode, its lock manager, and peers elsewhere. */
class World {
  #statd: BackgroundProgram | undefined;

  private constructor(
    readonly host: TestHost,
    readonly agent: Agent,
    readonly options: readonly string[],
  ) {}

  static async create(
    newHost: NewHost,
    options: readonly string[],
    more: HostOptions = {},
  ): Promise<World> {
    const host = await newHost({ ...NETWORK, ...more });
    const agent = new Agent(host);
    await host.startRpcbind();
    await agent.serve();
    const world = new World(host, agent, [...FOREGROUND, ...options]);
    await world.start();
    return world;
  }

  get statd(): BackgroundProgram {
    return this.#statd!;
  }

  async start(): Promise<void> {
    this.#statd = await startStatd(this.host, this.options);
  }

  async monitor(monName: string): Promise<void> {
    assertEquals(await ask(this.agent, mon({ monName })), MONITORED);
  }

  /** Sends a notice from an address. */
  async notice(monName: string, state: number, from: string): Promise<void> {
    await this.agent.datagram(message(notify(monName, state)), placeFor(from), { address: from });
  }

  /** Waits until the lock manager was told these states in all, and statd has recorded it. */
  async told(states: readonly number[]): Promise<void> {
    await this.agent.called(states.length);
    assertEquals(this.#states(), states);
    const noted = `"passedOn":${states.at(-1)}`;
    await eventually(
      `statd has ${noted}`,
      () => this.remembered().includes(noted),
    );
  }

  /** Ends statd; checks the states that the lock manager was told in all. */
  async end(states: readonly number[]): Promise<void> {
    assertEquals(await this.statd.stop(), 0);
    assertEquals(this.#states(), states);
  }

  /** Sets the state that statd returns when asked as a peer: peers have addresses of this host. */
  setState(state: number): void {
    const path = this.host.path(`${STATE_DIRECTORY}/state`);
    Deno.writeFileSync(path, new Uint8Array([state, 0, 0, 0]));
  }

  /** Pieces of statd's peer memory. */
  remembered(): string[] {
    const path = this.host.path(`${STATE_DIRECTORY}/sm/.peers`);
    return Deno.readTextFileSync(path).split(/[,}\]]/);
  }

  #states(): number[] {
    return this.agent.calls.map((call) => parseInt(call.message.slice(-40, -32), 16) | 0);
  }
}

/** Address of statd for an address. */
function placeFor(from: string) {
  return { address: from.includes(":") ? "fd99::1" : "10.99.0.1", port: STATD_PORT };
}

const ENFORCE = ["--check-notify-source", "enforce"];
const ENFORCE_IN_FILE = { etc: { "nfs.conf": "[statd]\nnotify-source-check = enforce\n" } };

function stateCheck(mode: string) {
  return { etc: { "nfs.conf": `[statd]\nnotify-state-check = ${mode}\n` } };
}

const WAYS = [
  { way: "option", options: ENFORCE, more: {} },
  { way: "nfs.conf", options: [], more: ENFORCE_IN_FILE },
];

for (const { way, options, more } of WAYS) {
  systemTest(`enforce (${way}): a forged notice causes no callback`, NEEDS, async (newHost) => {
    const world = await World.create(newHost, options, more);
    await world.monitor(PEER);
    await world.notice(PEER, 5, FORGER);
    const line = await world.statd.line(/is refused/);
    assertMatch(
      line,
      /from 10\.98\.0\.66 is refused for peer "10\.98\.0\.2": .* not a known address/,
    );
    await world.notice(PEER, 7, PEER);
    await world.told([7]);
    await world.end([7]);
  });
}

systemTest(
  "enforce: it stays in force if SIGHUP finds nfs.conf unreadable or too long",
  NEEDS,
  async (newHost) => {
    const world = await World.create(newHost, [], ENFORCE_IN_FILE);
    await world.monitor(PEER);
    const faults = [
      [() => world.host.output("chmod", "600", "/etc/nfs.conf"), /nfs\.conf: Ignored: Permission/],
      [
        () => world.host.write("/etc/nfs.conf", "#\n".repeat(100_000)),
        /nfs\.conf: Ignored: longer than \d+ bytes/,
      ],
    ] as const;
    for (const [spoil, fault] of faults) {
      await spoil();
      await world.statd.kill("HUP");
      await world.statd.line(fault);
      await world.statd.line(/Settings are unchanged: a file of settings cannot be read/);
      await world.host.output("chmod", "644", "/etc/nfs.conf");
      await world.notice(PEER, 5, FORGER);
      await world.statd.line(/from 10\.98\.0\.66 is refused for peer/);
    }
    await world.end([]);
  },
);

systemTest("enforce: a replay causes no callback, nor after a restart", NEEDS, async (newHost) => {
  const world = await World.create(newHost, ENFORCE, stateCheck("enforce"));
  await world.monitor(PEER);
  await world.notice(PEER, 7, PEER);
  await world.told([7]);
  const states = [7];
  // The last restart follows a kill.
  for (const [next, signal] of [[9, "TERM"], [11, "KILL"], [13, "TERM"]] as const) {
    world.setState(states.at(-1)!);
    for (const old of [...states, -3, 0]) await world.notice(PEER, old, PEER);
    await world.statd.line(/is refused for peer "10\.98\.0\.2": state 0 is not one/);
    if (states.length > 1) {
      await world.statd.line(
        /is refused .*: state \d+ is implausible, and the peer itself says/,
      );
    }
    await world.notice(PEER, next, PEER);
    states.push(next);
    await world.told(states);
    await world.statd.stop(signal);
    await world.start();
  }
  await world.end(states);
});

systemTest(
  "enforce: a flood causes no callback, and delays no local caller",
  NEEDS,
  async (newHost) => {
    const world = await World.create(newHost, ENFORCE);
    await world.monitor(PEER);
    const forged = Array.from({ length: FLOOD }, (_, i) => message(notify(PEER, 2 * i + 101)));
    const flood = new Agent(world.host).flood(forged, placeFor(FORGER), { address: FORGER });
    for (let times = 0; times < 20; times++) {
      assertEquals(await ask(world.agent, nullCall), "SUCCESS");
      await world.monitor(`10.98.0.${100 + times}`);
    }
    await flood;
    assertMatch(await world.statd.line(/too many/), /from 10\.98\.0\.66: too many from there/);
    await world.statd.line(/from 10\.98\.0\.66 is refused for peer/);
    assertEquals(await ask(world.agent, nullCall), "SUCCESS");
    await world.notice(PEER, 7, PEER);
    await world.told([7]);
    await world.end([7]);
  },
);

/** Peers by monitored name, and their possible addresses. */
const PEERS: Readonly<Record<string, readonly string[]>> = {
  "10.98.0.2": ["10.98.0.2"],
  "fd98::2": ["fd98::2"],
  "many.example": ["10.98.0.3", "10.98.0.4", "fd98::3"],
  // Address whose name also has another address.
  "10.98.0.5": ["10.98.0.5", "10.98.0.6", "fd98::5"],
};
const NAMES = [
  ...PEERS["many.example"]!.map((address) => `${address} many.example`),
  ...PEERS["10.98.0.5"]!.map((address) => `${address} five.example`),
];

systemTest(
  "enforce: a genuine notice from each address causes one callback",
  NEEDS,
  async (newHost) => {
    const etc = { "host.conf": "multi on\n" };
    const world = await World.create(newHost, ENFORCE, { hosts: NAMES, etc });
    for (const monName of Object.keys(PEERS)) await world.monitor(monName);
    const states: number[] = [];
    const noticeFromEach = async () => {
      for (const [monName, addresses] of Object.entries(PEERS)) {
        for (const address of addresses) {
          const state = 2 * states.length + 5;
          await world.notice(monName, state, address);
          states.push(state);
          await world.told(states);
        }
      }
    };
    await noticeFromEach();
    await eventually("all addresses are remembered", () => {
      const remembered = world.remembered().join();
      return Object.values(PEERS).flat().every((address) => remembered.includes(`"${address}"`));
    });
    // From here on the names have no address.
    await world.host.write("/etc/hosts", "127.0.0.1 localhost\n");
    await noticeFromEach();
    for (const signal of ["TERM", "KILL"]) {
      await world.statd.stop(signal);
      await world.start();
      await noticeFromEach();
    }
    await world.end(states);
    assert(!world.statd.lines.some((line) => line.includes("refused")));
  },
);

systemTest(
  "trust 15: enforce believes a known source with any state, and is not silenced by a high one",
  NEEDS,
  async (newHost) => {
    const world = await World.create(newHost, ENFORCE);
    await world.monitor(PEER);
    await world.notice(PEER, 0x7fffffff, PEER);
    await world.told([0x7fffffff]);
    await world.notice(PEER, 3, FORGER);
    await world.statd.line(/state 3 from 10\.98\.0\.66 is refused/);
    assertEquals(await world.statd.stop("KILL"), 137);
    await world.start();
    const states = [0x7fffffff];
    for (const state of [3, -1_234_567, 5]) {
      await world.notice(PEER, state, PEER);
      states.push(state);
      await world.told(states);
    }
    await world.end(states);
  },
);

for (const mode of ["warn", "off"]) {
  systemTest(
    `${mode}: a doubtful notice is passed on, but for the last state`,
    NEEDS,
    async (newHost) => {
      const options = ["--check-notify-source", mode];
      const world = await World.create(newHost, options, stateCheck(mode));
      await world.monitor(PEER);
      await world.notice(PEER, 7, FORGER);
      await world.told([7]);
      await world.notice(PEER, 5, PEER);
      await world.told([7, 5]);
      await world.notice(PEER, 5, FORGER);
      await world.notice(PEER, 9, PEER);
      await world.told([7, 5, 9]);
      if (mode === "warn") {
        await world.statd.line(/state 7 from 10\.98\.0\.66 is doubtful .*: .* not a known address/);
        await world.statd.line(/state 5 from 10\.98\.0\.2 is doubtful .*: its state was 7 before/);
      }
      assertEquals(await world.statd.stop("KILL"), 137);
      const said = world.statd.lines.filter((line) => /doubtful|refused/.test(line));
      await world.start();
      await world.notice(PEER, 9, FORGER);
      await world.notice(PEER, 11, PEER);
      await world.told([7, 5, 9, 11]);
      await world.end([7, 5, 9, 11]);
      if (mode === "off") assertEquals(said, []);
    },
  );
}
