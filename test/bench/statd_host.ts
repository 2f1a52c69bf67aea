/**
 * Status monitor in a throw-away host, ready to be measured, with rpcbind, a name server, monitored
 * hosts, and a state directory on disk. The monitor has one processor, the generator the other.
 *
 * By default the monitored hosts are addresses without names, which is what kernels register. That
 * favours nfs-utils: it needs one query for such a host, and three for a host with a name. On request
 * the hosts have names, and are registered by them.
 */

import { formatRecord } from "../../lib/store/record_format.ts";
import type { BackgroundProgram } from "../support/background_program.ts";
import { STATE_DIRECTORY, TestHost } from "../support/namespace.ts";
import { type Figures, hostName, naming, type Order } from "./generator_orders.ts";

export const PORT = 4000;
export const STATD_ARGUMENTS = ["-F", "--no-notify", "-p", String(PORT)];
/** Address other than loopback, for callers from other hosts. */
export const ADDRESS = "10.99.0.1";

/** Addresses of all monitored hosts, routed to the generator. */
const PEERS = "10.64.0.0/10";

/** Parent of the state directory: on a disk, not in memory, since durable writes are measured. */
const STATE_PARENT = "/var/tmp";
const STATD_PROCESSOR = "1";
export const GENERATOR_PROCESSOR = "0";
/**
 * Processor of the name server: that of the monitor, which is idle while nfs-utils waits for an
 * answer. The answer comes within 15 µs. From the other processor, which would have to be woken up,
 * it takes 53 µs.
 */
const NAME_SERVER_PROCESSOR = STATD_PROCESSOR;
const NAME_SERVICE = {
  "resolv.conf": "nameserver 127.0.0.1\n",
  "nsswitch.conf": "hosts: files dns\n",
};
const GENERATOR = new URL("generator.ts", import.meta.url).pathname;

/**
 * CPU time below which a monitor counts as idle, in ms per `SETTLE_MS`. Ours gives back memory
 * about 0.4 s after much work.
 */
const REST_MS = 2;
const SETTLE_MS = 600;
const SETTLE_MAX_MS = 180_000;

/** Command that runs on a processor of its own. */
export function onItsProcessor(command: readonly string[]): string[] {
  return ["taskset", "--cpu-list", STATD_PROCESSOR, ...command];
}

/** Program to be measured, with its arguments. */
export interface Candidate {
  readonly name: string;
  readonly command: readonly string[];
}

/** Order about the monitor, unless it names another port. */
type OrderToMonitor<O = Order> = O extends Order ? Omit<O, "port"> & { port?: number } : never;

export class StatdHost implements AsyncDisposable {
  /** Number of the oldest monitored host, the first of {@link hosts}. */
  first = 0;

  private constructor(
    readonly host: TestHost,
    readonly hosts: number,
    readonly directory: string,
    readonly pid: number,
  ) {}

  /**
   * Starts a monitor with a number of monitored hosts, and waits until it is idle. Without a
   * candidate, only its surroundings are started.
   */
  static async create(candidate: Candidate | undefined, hosts: number): Promise<StatdHost> {
    const host = await TestHost.create({ addresses: [`${ADDRESS}/32`], etc: NAME_SERVICE });
    await host.output("ip", "route", "add", "local", PEERS, "dev", "lo");
    const directory = makeStateDirectory(hosts);
    await host.output("mount", "--bind", directory, STATE_DIRECTORY);
    await host.startRpcbind();
    await host.start(...generator({ do: "serve names" }, NAME_SERVER_PROCESSOR)).line(/^ready$/);
    if (candidate === undefined) return new StatdHost(host, hosts, directory, 0);
    const program = host.start(...onItsProcessor(candidate.command));
    const statd = new StatdHost(host, hosts, directory, await program.pid);
    await statd.generate({ do: "wait" });
    await statd.settle();
    return statd;
  }

  /** Makes the generator execute an order. */
  async generate(order: OrderToMonitor, processor = GENERATOR_PROCESSOR): Promise<Figures> {
    const command = generator({ port: PORT, ...order } as Order, processor);
    return JSON.parse(await this.host.output(...command)) as Figures;
  }

  /** Mean latency of the name server as the monitor sees it, in µs, measured for `ms`. */
  async nameServerUs(ms: number): Promise<number> {
    const { medianMs } = await this.generate({ do: "look up", ms }, STATD_PROCESSOR);
    return medianMs! * 1000;
  }

  /** Starts a responder in place of a monitor, on the monitor's processor. */
  startResponder(port: number): BackgroundProgram {
    return this.host.start(...generator({ do: "respond", port }, STATD_PROCESSOR));
  }

  /** CPU time that the monitor has used, in ms. */
  get processorMs(): number {
    return Number(this.#status("schedstat").split(" ")[0]) / 1e6;
  }

  /** Resident memory of the monitor, in MB. */
  get residentMb(): number {
    return Number(/VmRSS:\s+(\d+)/.exec(this.#status("status"))?.[1]) / 1024;
  }

  /** Number of context switches of the monitor's threads. */
  get switches(): number {
    const tasks = this.host.path(`/proc/${this.pid}/task`);
    let switches = 0;
    for (const { name } of Deno.readDirSync(tasks)) {
      const status = Deno.readTextFileSync(`${tasks}/${name}/status`);
      for (const [, count] of status.matchAll(/ctxt_switches:\s+(\d+)/g)) switches += Number(count);
    }
    return switches;
  }

  /** Waits until the monitor is idle. */
  async settle(): Promise<void> {
    for (let waited = 0; waited < SETTLE_MAX_MS; waited += SETTLE_MS) {
      const before = this.processorMs;
      await pause(SETTLE_MS);
      if (this.processorMs - before < REST_MS) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.host[Symbol.asyncDispose]();
    Deno.removeSync(this.directory, { recursive: true });
  }

  #status(file: string): string {
    return Deno.readTextFileSync(this.host.path(`/proc/${this.pid}/${file}`));
  }
}

function generator(order: Order, processor: string): string[] {
  const program = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", GENERATOR];
  return ["taskset", "--cpu-list", processor, ...program, JSON.stringify({ ...order, ...naming })];
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** State directory as shipped by Debian, with records of a number of hosts. */
function makeStateDirectory(hosts: number): string {
  const directory = Deno.makeTempDirSync({ dir: STATE_PARENT, prefix: "nsm-bench-" });
  Deno.chmodSync(directory, 0o755);
  const { uid, gid } = ownerOfRecords();
  for (const name of ["sm", "sm.bak"]) {
    Deno.mkdirSync(`${directory}/${name}`);
    Deno.chownSync(`${directory}/${name}`, uid, gid);
  }
  Deno.writeFileSync(`${directory}/state`, new Uint8Array([3, 0, 0, 0]));
  Deno.chownSync(`${directory}/state`, uid, 0);
  const registration = { myName: "bench", myProg: 100021, myVers: 3, myProc: 16 };
  for (let number = 0; number < hosts; number++) {
    const monName = hostName(number);
    const priv = number.toString(16).padStart(8, "0").padEnd(32, "0");
    const path = `${directory}/sm/${monName}`;
    Deno.writeTextFileSync(path, formatRecord({ ...registration, monName, priv }));
    Deno.chownSync(path, uid, gid);
  }
  return directory;
}

function ownerOfRecords(): { uid: number; gid: number } {
  try {
    const { uid, gid } = Deno.statSync(`${STATE_DIRECTORY}/sm`);
    return { uid: uid ?? 0, gid: gid ?? 0 };
  } catch {
    return { uid: 65534, gid: 65534 }; // nfs-common is not installed
  }
}
