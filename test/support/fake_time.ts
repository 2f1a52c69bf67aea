/**
 * Per-program wall clock moved by a test, with libfaketime (package libfaketime). Namespaces share
 * the kernel's wall clock, hence the library. The monotonic clock is not faked.
 */

import type { TestHost } from "./namespace.ts";

const LIBRARY = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketimeMT.so.1`;
/** File from which the library reads the clock's offset. */
const FILE = "/run/clock";

/** Files that a test needs to move the clock. */
export const FAKE_TIME_NEEDS = [LIBRARY];

export class FakeTime {
  readonly #host: TestHost;
  /** Offset of the clock in seconds. */
  #offset = 0;

  private constructor(host: TestHost) {
    this.#host = host;
  }

  /** Creates a clock without offset. */
  static async create(host: TestHost): Promise<FakeTime> {
    const clock = new FakeTime(host);
    await clock.set(0);
    return clock;
  }

  /** Command that runs a program by this clock. */
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

  /** Lets the clock jump to an offset in seconds. */
  async set(offset: number): Promise<void> {
    const path = this.#host.path(FILE);
    await Deno.writeTextFile(`${path}.new`, `${offset < 0 ? "-" : "+"}${Math.abs(offset)}\n`);
    await Deno.rename(`${path}.new`, path);
    this.#offset = offset;
  }

  /** Time of the clock, in ms since 1970. */
  now(): number {
    return Date.now() + this.#offset * 1000;
  }
}
