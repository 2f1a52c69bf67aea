/**
 * A wall clock of one program's own that a test moves, by libfaketime (package libfaketime). A kernel has
 * one wall clock for all, also in namespaces; and the clock that only goes forward stays as it is here.
 */

import type { TestHost } from "./namespace.ts";

const LIBRARY = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
/** Where the library reads by how much the clock is wrong. */
const FILE = "/run/clock";

/** What a test needs that moves the clock. */
export const FAKE_TIME_NEEDS = [LIBRARY];

export class FakeTime {
  readonly #host: TestHost;
  /** By how much the clock is wrong, in seconds. */
  #offset = 0;

  private constructor(host: TestHost) {
    this.#host = host;
  }

  /** Makes a clock that is right as yet. */
  static async create(host: TestHost): Promise<FakeTime> {
    const clock = new FakeTime(host);
    await clock.set(0);
    return clock;
  }

  /** The command that runs a program by this clock. */
  command(...command: readonly string[]): string[] {
    const settings = {
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: FILE,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
      NO_FAKE_STAT: "1",
    };
    return [
      "env",
      ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
      ...command,
    ];
  }

  /** Lets the clock jump, so that it is wrong by so many seconds. */
  async set(offset: number): Promise<void> {
    const path = this.#host.path(FILE);
    await Deno.writeTextFile(`${path}.new`, `${offset < 0 ? "-" : "+"}${Math.abs(offset)}\n`);
    await Deno.rename(`${path}.new`, path);
    this.#offset = offset;
  }

  /** What the clock shows, in ms since 1970. */
  now(): number {
    return Date.now() + this.#offset * 1000;
  }
}
