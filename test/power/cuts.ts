/**
 * Power cuts inside a throw-away host. statd keeps its state on our disk while lock managers call it.
 * Then the disk is brought to a state that power cuts may leave, and mounted, and its contents are
 * compared with the changes acknowledged by then.
 *
 * statd continues from the state after one of the cuts, so that cuts follow one another.
 */

import { Ledger } from "../support/ledger.ts";
import { seededRandom } from "../support/seeded_random.ts";
import { Traffic } from "../support/traffic.ts";
import { Disk, type Logged } from "./disk.ts";
import { serveDisk } from "./fuse_file.ts";

/** Order of a run, as the only argument. */
export interface Order {
  /** Type of the file system, as in mount(8). */
  readonly type: string;
  /** Image of an empty file system. */
  readonly image: string;
  readonly cuts: number;
  readonly seed: number;
  readonly statd: readonly string[];
  readonly ready: string;
  readonly port: number;
}

/** Findings of a run. */
export interface Findings {
  readonly cuts: number;
  readonly acknowledged: number;
  readonly flushes: number;
  /** Reasons why the file system could not be mounted after further cuts. */
  readonly unmountable: string[];
  /** Number of files without a record after a cut; none of them was acknowledged. */
  readonly blank: number;
  readonly lost: string[];
  /** Records that were removed a second ago or more, or never existed. */
  readonly resurrected: string[];
  readonly torn: string[];
}

const CUTS_OF_A_ROUND = 20;
const CALLS_OF_A_ROUND = 600;
const WIDTH = 8;
/** Time after the last call in which removals become durable, in ms. */
const REST_MS = 1200;
/** Time after which an acknowledged removal is durable, in ms: SM_UNMON promises it. */
const GRACE_MS = 1000;
const PEERS = 64;
const STATE_DIRECTORY = "/var/lib/nfs";
const FOLDER = "/run/power";
/**
 * Copy of the state after a cut, since the program that serves the disk cannot wait for that disk.
 */
const FOUND = `${FOLDER}/found`;
/**
 * Blocks of a file system that has no remedy for one that is half of before and half of after: btrfs,
 * F2FS, and XFS, whose recovery passes over a block of a directory that says that it is newer than the
 * log, and then finds its checksum wrong. ext4 has whole blocks in its journal.
 */
const PIECE_BYTES: Readonly<Record<string, number>> = { xfs: 4096, btrfs: 4096, f2fs: 4096 };
const SECTOR_BYTES = 512;

async function run(...command: string[]): Promise<void> {
  const [program, ...args] = command;
  const { success, stderr } = await new Deno.Command(program!, { args, stdin: "null" }).output();
  if (!success) {
    throw new Error(`"${command.join(" ")}" failed: ${new TextDecoder().decode(stderr)}`);
  }
}

class Rounds {
  readonly #order: Order;
  readonly #random: (below: number) => number;
  readonly findings: { -readonly [Key in keyof Findings]: Findings[Key] } = {
    cuts: 0,
    acknowledged: 0,
    flushes: 0,
    unmountable: [],
    blank: 0,
    lost: [],
    resurrected: [],
    torn: [],
  };
  #mounts = 0;

  constructor(order: Order) {
    this.#order = order;
    this.#random = seededRandom(order.seed).random;
  }

  async run(): Promise<void> {
    let disk = await Disk.load(this.#order.image);
    await this.#prepare(disk);
    let registered = new Map<string, string>();
    for (let round = 0; this.findings.cuts < this.#order.cuts; round++) {
      const before = disk.copy();
      const known = new Ledger();
      for (const [key, value] of registered) {
        known.begin(key, value);
        known.end(key, -Infinity);
      }
      await this.#live(disk, registered, round);
      const { log } = disk;
      for (let cut = 0; cut < CUTS_OF_A_ROUND; cut++) {
        const left = await this.#cut(before, log, known);
        if (left !== undefined) [disk, registered] = [left.disk, left.registered];
        if (this.findings.cuts >= this.#order.cuts) break;
      }
    }
  }

  /** Makes the directories of a package on the disk. */
  async #prepare(disk: Disk): Promise<void> {
    await this.#mounted(disk, "/mnt", () => run("cp", "-a", `${STATE_DIRECTORY}/.`, "/mnt"));
  }

  /** Runs statd on the disk, and logs. */
  async #live(disk: Disk, registered: ReadonlyMap<string, string>, round: number): Promise<void> {
    disk.isLogged = true;
    await this.#mounted(disk, STATE_DIRECTORY, async () => {
      const statd = new Statd(this.#order);
      await statd.ready;
      await this.#call(disk, registered);
      disk.happen({ kind: "rest" });
      await statd.stop(round % 2 === 0 ? "SIGTERM" : "SIGKILL");
      disk.isLogged = false;
    });
    this.findings.flushes += disk.log.filter(({ kind }) => kind === "flushed").length;
    this.findings.acknowledged += disk.log.filter(({ kind }) => kind === "end").length;
  }

  async #call(disk: Disk, registered: ReadonlyMap<string, string>): Promise<void> {
    const { port } = this.#order;
    let done = Promise.withResolvers<void>();
    const order = { port, seed: this.#random(2 ** 32), width: WIDTH, peers: PEERS, isMixed: false };
    const traffic = new Traffic(order, (word, ...words) => {
      const [key = "", value = ""] = words.map(String);
      if (word === "done") done.resolve();
      else if (word === "begin") disk.happen({ kind: "begin", key, value });
      else if (word === "end") disk.happen({ kind: "end", key });
      else if (word === "refused") disk.happen({ kind: "refused", key, reply: value });
    }, registered.keys());
    // Concurrent calls and single calls take different paths to the disk.
    for (const width of [WIDTH, 1, WIDTH]) {
      traffic.obey("width", String(width));
      traffic.obey("run", String(Math.ceil(CALLS_OF_A_ROUND / (width === 1 ? 6 : 2))));
      await done.promise;
      done = Promise.withResolvers();
    }
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    disk.happen({ kind: "rest" });
    traffic.close();
  }

  /** Cuts the power at some point; returns the findings if the disk could be mounted. */
  async #cut(before: Disk, log: readonly Logged[], known: Ledger) {
    const events = this.#moment(log);
    const chance = this.#random(5);
    const isKept = () => this.#random(4) < chance;
    const pieceBytes = PIECE_BYTES[this.#order.type] ?? SECTOR_BYTES;
    const disk = before.after(log, events, { isKept, pieceBytes });
    this.findings.cuts++;
    const files = new Map<string, string>();
    await run("rm", "-rf", FOUND);
    try {
      await this.#mounted(disk.copy(), "/mnt", async () => {
        await run("cp", "-r", "/mnt/sm", FOUND);
      });
    } catch (error) {
      this.findings.unmountable.push(String(error));
      return undefined;
    }
    for (const { name, isFile } of Deno.readDirSync(FOUND)) {
      if (!isFile || name.startsWith(".")) continue;
      const text = Deno.readTextFileSync(`${FOUND}/${name}`);
      const records = text.replace(/\0+$/, "");
      if (records === "" && text !== "") this.findings.blank++;
      else files.set(name, records);
    }
    const ledger = ledgerAt(log, events, known);
    // The cut may have come just before the next event.
    const now = log[events]?.at ?? log.at(-1)!.at;
    const damage = ledger.compare(files, { now, graceMs: GRACE_MS });
    for (const kind of ["lost", "resurrected", "torn"] as const) {
      this.findings[kind].push(...damage[kind].map((text) => `cut ${this.findings.cuts}: ${text}`));
    }
    return { disk, registered: recordsIn(files) };
  }

  /** Moment right after an acknowledgement, or any moment, as the number of events before it. */
  #moment(log: readonly Logged[]): number {
    const ends = log.flatMap(({ kind }, index) => kind === "end" ? [index + 1] : []);
    if (this.#random(2) === 0) return ends[this.#random(ends.length)]!;
    return this.#random(log.length + 1);
  }

  /** Runs an action while the disk is mounted. */
  async #mounted(disk: Disk, directory: string, work: () => Promise<void>): Promise<void> {
    const file = `${FOLDER}/disk${++this.#mounts}`;
    await Deno.mkdir(FOLDER, { recursive: true });
    await Deno.writeFile(file, new Uint8Array(0));
    serveDisk(disk, file);
    try {
      await run("mount", "-t", this.#order.type, "-o", "loop", file, directory);
      try {
        await work();
      } finally {
        await run("umount", directory);
      }
    } finally {
      await run("umount", "-l", file);
    }
  }
}

/** Requested and acknowledged changes before a number of events of the log. */
function ledgerAt(log: readonly Logged[], events: number, known: Ledger): Ledger {
  const ledger = known.copy();
  for (const event of log.slice(0, events)) {
    if (event.kind === "begin") ledger.begin(event.key, event.value);
    else if (event.kind === "end") ledger.end(event.key, event.at);
    else if (event.kind === "refused") {
      throw new Error(`${event.key} was refused: ${event.reply}`);
    }
  }
  return ledger;
}

/** Values of the records in files, by key. */
function recordsIn(files: ReadonlyMap<string, string>): Map<string, string> {
  const found = new Map<string, string>();
  for (const line of [...files.values()].flatMap((text) => text.split("\n"))) {
    const [, , , , value, monName, myName] = line.split(" ");
    if (myName !== undefined) found.set(`${monName}/${myName}`, value!);
  }
  return found;
}

class Statd {
  readonly ready: Promise<void>;
  readonly #process: Deno.ChildProcess;

  constructor({ statd, ready }: Order) {
    const [program, ...args] = statd;
    this.#process = new Deno.Command(program!, {
      args,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    })
      .spawn();
    this.ready = this.#follow(new RegExp(ready));
  }

  async stop(signal: Deno.Signal): Promise<void> {
    this.#process.kill(signal);
    await this.#process.status;
  }

  #follow(ready: RegExp): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let text = "";
    (async () => {
      for await (const part of this.#process.stderr.pipeThrough(new TextDecoderStream())) {
        text += part;
        if (ready.test(text)) resolve();
      }
      reject(new Error(`statd ended:\n${text}`));
    })();
    return promise;
  }
}

if (import.meta.main) {
  const rounds = new Rounds(JSON.parse(Deno.args[0]!) as Order);
  try {
    await rounds.run();
    // deno-lint-ignore no-console -- the answer
    console.log(JSON.stringify(rounds.findings));
    Deno.exit(0);
  } catch (error) {
    // deno-lint-ignore no-console -- and an end at once: a disk that is still served would keep it
    console.error(error);
    Deno.exit(1);
  }
}
