/** A test's side of bsd_peer.ts. */

import { BackgroundProgram } from "./background_program.ts";
import type { Seen } from "./bsd_peer.ts";
import type { TestHost } from "./namespace.ts";

const PEER = new URL("bsd_peer.ts", import.meta.url).pathname;
const RUN = ["run", "--quiet", "--no-check", "--no-lock", "--unstable-net", "-A"];

/** A peer as FreeBSD would be, in a host of its own. */
export class BsdPeer {
  readonly #program: BackgroundProgram;

  private constructor(program: BackgroundProgram) {
    this.#program = program;
  }

  /** Starts it over these transports, and waits until it answers. */
  static async start(host: TestHost, ...transports: Seen["transport"][]): Promise<BsdPeer> {
    const program = host.start(Deno.execPath(), ...RUN, PEER, ...transports);
    await program.line(/^ready$/);
    return new BsdPeer(program);
  }

  /** The calls that it got, in order; those that were answered long ago are among them. */
  async seen(count: number): Promise<Seen[]> {
    const calls = () => this.#program.lines.filter((line) => line.startsWith("{"));
    while (calls().length < count) await this.#program.line(/^{/, this.#program.lines.length);
    return calls().map((line) => JSON.parse(line));
  }
}
