/** Client of the traffic in a host: acknowledged changes so far, and orders. */

import { DENO_RUN } from "./deno_run.ts";
import { BackgroundProgram } from "./background_program.ts";
import { Ledger } from "./ledger.ts";
import { STATE_DIRECTORY, type TestHost } from "./namespace.ts";
import { inTime } from "./patience.ts";
import { STATD_PORT } from "./statd.ts";
import type { TrafficOrder } from "./traffic.ts";

const PROGRAM = new URL("traffic.ts", import.meta.url).pathname;

export class Traffic {
  readonly ledger = new Ledger();
  /** Answered calls of all kinds. */
  answered = 0;
  /** All state numbers in replies. */
  readonly stateNumbers = new Set<number>();
  /** Replies of refusals. */
  readonly refusals = new Set<string>();
  readonly #program: BackgroundProgram;
  #runs = 0;
  #syncs = 0;
  #synced = 0;
  #news = Promise.withResolvers<void>();

  constructor(host: TestHost, order: Partial<TrafficOrder> & { readonly seed: number }) {
    const whole = { port: STATD_PORT, width: 8, peers: 20, isMixed: false, ...order };
    const command = [...DENO_RUN, PROGRAM, JSON.stringify(whole)];
    this.#program = host.follow(new BackgroundProgram(host, command, (line) => this.#take(line)));
  }

  /** Orders calls. */
  async run(calls: number): Promise<void> {
    this.#runs++;
    await this.#program.write(`run ${calls}`);
  }

  /** Sets the number of concurrent calls. */
  async setWidth(width: number): Promise<void> {
    await this.#program.write(`width ${width}`);
  }

  /** Waits for a number of answered calls in all. */
  async reach(answered: number): Promise<void> {
    await this.#until(`answer number ${answered}`, () => this.answered >= answered);
  }

  /** Waits until all ordered calls are answered. */
  async finish(): Promise<void> {
    await this.#until("end of the calls", () => this.#runs === 0);
  }

  /** Waits until all reports sent before this call have arrived. */
  async settle(): Promise<void> {
    const sync = ++this.#syncs;
    await this.#program.write(`sync ${sync}`);
    await this.#until("sync", () => this.#synced >= sync);
  }

  async #until(what: string, isSo: () => boolean): Promise<void> {
    while (!isSo()) {
      await inTime(`${what} after ${this.answered}`, this.#news.promise);
    }
  }

  #take(line: string): void {
    const [word, argument = "", value = ""] = line.split(" ");
    if (word === "begin") this.ledger.begin(argument, value);
    else if (word === "synced") this.#synced = Number(argument);
    else if (word === "done") this.#runs = 0;
    else {
      this.answered++;
      if (word === "end") {
        this.ledger.end(argument);
        this.stateNumbers.add(Number(value));
      } else if (word === "refused") {
        this.ledger.refuse(argument);
        this.refusals.add(line.split(" ").slice(2).join(" "));
      }
    }
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/** Contents of the monitor list's files by name, without dot files. */
export function monitorList(host: TestHost): Map<string, string> {
  const directory = host.path(`${STATE_DIRECTORY}/sm`);
  const files = [...Deno.readDirSync(directory)].filter(({ name }) => !name.startsWith("."));
  return new Map(files.map(({ name }) => [name, Deno.readTextFileSync(`${directory}/${name}`)]));
}
