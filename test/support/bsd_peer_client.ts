/** Client of bsd_peer.ts. */

import { DENO_RUN } from "./deno_run.ts";
import { BackgroundProgram } from "./background_program.ts";
import type { Seen } from "./bsd_peer.ts";
import type { TestHost } from "./namespace.ts";

const PEER = new URL("bsd_peer.ts", import.meta.url).pathname;

/** Peer like FreeBSD, in a host of its own. */
export class BsdPeer {
  readonly #program: BackgroundProgram;

  private constructor(program: BackgroundProgram) {
    this.#program = program;
  }

  /** Starts the peer over these transports; waits until it answers. */
  static async start(host: TestHost, ...transports: Seen["transport"][]): Promise<BsdPeer> {
    const program = host.start(...DENO_RUN, PEER, ...transports);
    await program.line(/^ready$/);
    return new BsdPeer(program);
  }

  /** All calls received, in order; waits for at least `count`. */
  async seen(count: number): Promise<Seen[]> {
    const calls = () => this.#program.lines.filter((line) => line.startsWith("{"));
    while (calls().length < count) await this.#program.line(/^{/, this.#program.lines.length);
    return calls().map((line) => JSON.parse(line));
  }
}
