/**
 * Differential scenarios and their player: runs one step after the other on a host, and records the
 * observable state after each.
 */

import { Agent } from "./agent_client.ts";
import type { Source } from "./agent_orders.ts";
import type { BackgroundProgram } from "./background_program.ts";
import type { HostOptions, TestHost } from "./namespace.ts";
import { addOtherHosts, countOtherHosts, isOfOtherHost } from "./other_hosts.ts";
import { type Call, describe, fence, FENCE_XID, message, record, word } from "./nsm_calls.ts";
import { changes, type Snapshot, takeSnapshot } from "./state_snapshot.ts";
import {
  DEBIAN_SM_NOTIFY,
  DEBIAN_STATD,
  type NewHost,
  OUR_SM_NOTIFY,
  OUR_STATD,
} from "./system_test.ts";

/** Port of statd on all transports. */
export const STATD_PORT = 4050;

/** An implementation: its programs, and statd's log line when ready. */
export interface Implementation {
  readonly statd: string;
  readonly ready: RegExp;
  readonly smNotify: string;
}
export const DEBIAN: Implementation = {
  statd: DEBIAN_STATD,
  ready: /Waiting for client connections/,
  smNotify: DEBIAN_SM_NOTIFY,
};
export const OURS: Implementation = {
  statd: OUR_STATD,
  ready: /Ready\./,
  smNotify: OUR_SM_NOTIFY,
};

/** Hosts known to the scenarios; the addresses are those of the test host. */
export const NETWORK = {
  addresses: ["10.99.0.1/32", "10.99.0.3/32", "fd99::1/128", "fd99::3/128"],
  hosts: [
    "10.99.0.3 peer.example peer",
    "fd99::3 peer6.example peer6",
    "10.99.0.4 MixedCase.Example",
    "10.99.0.5 twin.example",
    "10.99.0.6 twin.example",
    "10.99.0.7 multi.example multi",
    "10.99.0.8 other.example other",
  ],
} as const;

export type Step =
  /** A call, by default to the loopback address of its transport. */
  | {
    readonly does: string;
    readonly call: Call | Uint8Array<ArrayBuffer>;
    readonly over?: "udp" | "tcp";
    readonly to?: string;
    readonly from?: Source;
    /** Whether the call may stay without a reply. */
    readonly maybeSilent?: boolean;
    /** Expected number of callbacks: with both, or with Debian's statd and with ours. */
    readonly callbacks?: number | readonly [number, number];
  }
  /** Stops statd; starts the next implementation. */
  | { readonly does: string; readonly isRestart: true }
  /** Stops statd; sm-notify notifies a peer at one of the host's own addresses. */
  | { readonly does: string; readonly notifies: string }
  /** Changes the state directory. */
  | { readonly does: string; readonly act: (host: TestHost) => Promise<void> };

export interface Scenario {
  readonly name: string;
  readonly host?: HostOptions;
  /** Whether statd runs with an HA callout, whose runs are recorded. */
  readonly hasCallout?: boolean;
  /** Prepares the state directory before statd starts. */
  readonly before?: (host: TestHost) => Promise<void>;
  readonly steps: readonly Step[];
}

/** Callout that records its arguments, user, umask and working directory. */
const CALLOUT = "/run/callout";
const CALLOUTS = "/run/callouts";
const CALLOUT_TEXT = `#!/bin/sh
{ printf '<%s>' "$@"; echo " by $(id -un):$(id -gn) umask $(umask) in $(pwd)"; } >>${CALLOUTS}
`;

/** Observations, by `step: aspect`. */
export type Seen = ReadonlyMap<string, string>;

class Player {
  readonly #cast: readonly Implementation[];
  readonly #host: TestHost;
  readonly #agent: Agent;
  readonly #others: number;
  readonly #seen = new Map<string, string>();
  #starts = 0;
  #statd: BackgroundProgram | undefined;
  #snapshot: Snapshot = new Map();
  #calls = 0;
  #callouts = 0;
  #options: readonly string[] = [];

  constructor(cast: readonly Implementation[], host: TestHost, others: number) {
    this.#cast = cast;
    this.#host = host;
    this.#others = others;
    this.#agent = new Agent(host);
  }

  async play({ before, steps, hasCallout = false }: Scenario): Promise<Seen> {
    if (hasCallout) await this.#makeCallout();
    await this.#host.startRpcbind();
    await this.#agent.serve();
    await addOtherHosts(this.#host, this.#others);
    await before?.(this.#host);
    await this.#start();
    this.#lookAt("start");
    for (const step of steps) {
      if (this.#seen.has(`${step.does}: files`)) throw new Error(`Twice: ${step.does}`);
      await this.#take(step);
      this.#lookAt(step.does);
    }
    await this.#stop("end");
    this.#lookAt("end");
    const left = countOtherHosts(this.#host);
    if (left !== this.#others) throw new Error(`Of ${this.#others} other hosts ${left} are left`);
    return this.#seen;
  }

  /** Implementation that runs now, or next. */
  get #actor(): Implementation {
    return this.#cast[Math.min(Math.max(this.#starts - 1, 0), this.#cast.length - 1)]!;
  }

  async #start(): Promise<void> {
    this.#starts++;
    const { statd, ready } = this.#actor;
    const options = ["-F", "-d", "--no-notify", "-p", String(STATD_PORT)];
    this.#statd = this.#host.start(statd, ...options, ...this.#options);
    await this.#statd.line(ready);
  }

  async #makeCallout(): Promise<void> {
    await this.#host.write(CALLOUT, CALLOUT_TEXT);
    await this.#host.write(CALLOUTS, "");
    await Deno.chmod(this.#host.path(CALLOUT), 0o755);
    await Deno.chmod(this.#host.path(CALLOUTS), 0o666);
    this.#options = ["-H", CALLOUT];
  }

  async #stop(step: string): Promise<void> {
    const status = await this.#statd?.stop();
    this.#statd = undefined;
    if (status !== undefined) this.#seen.set(`${step}: statd's exit status`, String(status));
  }

  async #take(step: Step): Promise<void> {
    if ("act" in step) await step.act(this.#host);
    else if ("isRestart" in step) {
      await this.#stop(step.does);
      await this.#start();
    } else if ("notifies" in step) {
      await this.#stop(step.does);
      this.#starts++;
      await this.#notify(step.does, step.notifies);
    } else {
      this.#seen.set(`${step.does}: reply`, await this.#call(step));
      const { callbacks = 0 } = step;
      const index = this.#actor === DEBIAN ? 0 : 1;
      const expected = typeof callbacks === "number" ? callbacks : callbacks[index];
      await this.#agent.called(this.#calls + expected);
    }
  }

  /** Runs sm-notify in the foreground for at most a minute; a stand-in plays the peer's NSM. */
  async #notify(step: string, peer: string): Promise<void> {
    await this.#agent.serve({ program: 100024, versions: [1], address: peer });
    const smNotify = this.#host.start(this.#actor.smNotify, "-d", "-m", "1");
    this.#seen.set(`${step}: sm-notify's exit status`, String(await smNotify.ended));
  }

  async #call({ call, over = "udp", ...step }: Extract<Step, { call: unknown }>): Promise<string> {
    const bytes = call instanceof Uint8Array ? call : message(call);
    const to = { address: step.to ?? "127.0.0.1", port: STATD_PORT };
    if (over === "tcp") {
      const calls = step.maybeSilent ? [bytes, message(fence)] : [bytes];
      const { records, isClosed } = await this.#agent.stream(calls.map(record), 1, to, step.from);
      if (isClosed) return "connection closed";
      return isFenceReply(records[0]!) ? "no reply" : describe(records[0]!);
    }
    const reply = step.maybeSilent
      ? await this.#agent.datagramUnlessSilent(bytes, message(fence), to, step.from)
      : await this.#agent.datagram(bytes, to, step.from);
    if (reply === undefined) return "no reply";
    const { address } = reply.from;
    return describe(reply.message) + (address === to.address ? "" : ` from ${address}`);
  }

  /** Records the changes since the last call. */
  #lookAt(step: string): void {
    const snapshot = takeSnapshot(this.#host, isOfOtherHost);
    this.#seen.set(`${step}: files`, changes(this.#snapshot, snapshot));
    this.#snapshot = snapshot;
    const calls = this.#agent.calls.slice(this.#calls);
    this.#calls += calls.length;
    const lines = calls.map(({ from, message }) => {
      const port = from.port < 1024 ? "a reserved port" : `port ${from.port}`;
      return `from ${from.address} ${port} ${message.slice(8)}`;
    });
    // Sorted, since their order is not guaranteed.
    this.#seen.set(`${step}: calls`, lines.sort().join("\n"));
    if (this.#options.length === 0) return;
    const callouts = Deno.readTextFileSync(this.#host.path(CALLOUTS)).split("\n").slice(0, -1);
    const added = callouts.slice(this.#callouts);
    this.#callouts = callouts.length;
    this.#seen.set(`${step}: callouts`, added.sort().join("\n"));
  }
}

function isFenceReply(reply: Uint8Array): boolean {
  return reply.toHex().startsWith(word(FENCE_XID));
}

/**
 * Plays a scenario with one implementation, or with the next one after each restart, beside
 * `others` other monitored hosts.
 */
export async function play(
  cast: readonly Implementation[],
  scenario: Scenario,
  newHost: NewHost,
  others = 0,
): Promise<Seen> {
  return await new Player(cast, await newHost(scenario.host), others).play(scenario);
}

/** Differences between two plays of a scenario, by place. */
export function differing(one: Seen, other: Seen): Record<string, readonly [string, string]> {
  const nothing = "nothing";
  const pairs = [...new Set([...one.keys(), ...other.keys()])]
    .map((place) => [place, [one.get(place) ?? nothing, other.get(place) ?? nothing]] as const);
  return Object.fromEntries(pairs.filter(([, [first, second]]) => first !== second));
}
