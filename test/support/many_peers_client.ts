/** Client of many_peers.ts: fills the lists of a host, and queries what the peers received. */

import { DENO_RUN } from "./deno_run.ts";
import { BackgroundProgram } from "./background_program.ts";
import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";
import { inTime } from "./patience.ts";

const RESPONDER = new URL("many_peers.ts", import.meta.url).pathname;

/** Name under which every peer knows the host. */
export const MY_NAME = "nodeb.example.net";

/** Messages received by one peer. */
export interface Received {
  readonly queries: number;
  /** `NAME STATE` of each notice. */
  readonly notices: readonly string[];
  /** Source address of each notice. */
  readonly sources: readonly string[];
}

/** Address number `index` in a /16 network of peers; `127.1` is healthy, see many_peers.ts. */
export function peerAddress(network: string, index: number): string {
  return `${network}.${index >> 8}.${index & 0xff}`;
}

/** First `count` addresses of a network. */
export function peerAddresses(network: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => peerAddress(network, index + 1));
}

/** Puts peers on the monitor list, as before a reboot. */
export function monitor(host: TestHost, names: readonly string[]): void {
  const directory = host.path(`${STATE_DIRECTORY}/sm`);
  const { uid, gid } = Deno.statSync(directory);
  for (const name of names) {
    const numbers = "0100007f 000186b5 00000003 00000010 000102030405060708090a0b0c0d0e0f";
    const path = `${directory}/${name}`;
    Deno.writeTextFileSync(path, `${numbers} ${name} ${MY_NAME}\n`, { mode: 0o600 });
    Deno.chownSync(path, uid, gid);
  }
}

/** Names on a list: `sm` or `sm.bak`. */
export function listed(host: TestHost, list: "sm" | "sm.bak"): string[] {
  return [...Deno.readDirSync(host.path(`${STATE_DIRECTORY}/${list}`))]
    .map(({ name }) => name).filter((name) => !name.startsWith("."));
}

/** Number in the file `state`; undefined if empty. */
export function stateNumber(host: TestHost): number | undefined {
  const bytes = Deno.readFileSync(host.path(`${STATE_DIRECTORY}/state`));
  return bytes.length < 4 ? undefined : new Int32Array(bytes.buffer, 0, 1)[0];
}

/** Peers in a host. */
export class ManyPeers {
  readonly #program: BackgroundProgram;
  readonly #waiting: ((line: string) => void)[] = [];
  readonly #ready: Promise<string>;

  constructor(host: TestHost) {
    this.#ready = new Promise((resolve) => this.#waiting.push(resolve));
    const command = [...DENO_RUN, RESPONDER];
    const take = (line: string) => this.#waiting.shift()?.(line);
    this.#program = host.follow(new BackgroundProgram(host, command, take));
  }

  async ready(): Promise<void> {
    await inTime("peers", this.#ready);
  }

  /**
   * Number of peers told all forms of the name, and times of the last notice and of the first
   * query, in ms since 1970.
   */
  async count(): Promise<{ told: number; at: number; since: number }> {
    const [told, at, since] = (await this.#ask("count")).split(" ").map(Number);
    return { told: told!, at: at!, since: since! };
  }

  /** Messages received, by address. */
  async report(): Promise<Map<string, Received>> {
    return new Map(JSON.parse(await this.#ask("report")));
  }

  async forget(): Promise<void> {
    await this.#ask("forget");
  }

  async #ask(command: string): Promise<string> {
    const answer = new Promise<string>((resolve) => this.#waiting.push(resolve));
    await this.#program.write(command);
    return await inTime(`answer to "${command}"`, answer);
  }
}
