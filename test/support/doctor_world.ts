/**
 * Host of the tests of doctor: three monitored peers at addresses of one other host, a lock manager,
 * a system log, and stand-ins of what a service manager does.
 */

import { assertEquals } from "@std/assert";
import { Agent } from "./agent_client.ts";
import { DatagramListener } from "./datagram_listener.ts";
import { TestHost } from "./namespace.ts";
import { type Call, message, mon, type Registered, unmon } from "./nsm_calls.ts";
import { NsmctlHost, OUR_FOLDER, OUR_NSMCTL } from "./nsmctl_host.ts";
import { DEBIAN_STATD, type NewHost, OUR_STATD } from "./system_test.ts";

export const NEEDS = [OUR_NSMCTL, OUR_STATD, DEBIAN_STATD, "/usr/bin/prlimit", "/usr/bin/python3"];
export const STATE = "/var/lib/nfs";
export const FAKES = "/run/fakes";
export const DROP_INS = "/etc/nfs.conf.d";
/** Peers at addresses of one other host, whose statd answers for all. */
export const PEERS = ["10.99.9.1", "10.99.9.2", "10.99.9.3"];
/** Address without a host. */
export const NOBODY = "10.99.9.77";
export const NAME = Deno.hostname();
export const FULL_NAME = `${NAME}.example.net`;
export const HOSTS = [...PEERS.map((address, at) => `${address} client${at + 1}.example.net`)];

/** Stand-in of systemctl: only the effects of the units. */
const SYSTEMCTL = `#!/bin/sh
verb=$1; shift
for unit; do
  case "$verb $unit" in
  "start rpc-statd") cd / && rpc.statd --no-notify ;;
  "stop rpc-statd")
    pid=$(cat /run/rpc.statd.pid); kill "$pid" 2>/dev/null
    tail --pid="$pid" -f /dev/null ;;
  "restart rpc-statd") "$0" stop rpc-statd; "$0" start rpc-statd ;;
  "reload rpc-statd") kill -HUP "$(cat /run/rpc.statd.pid)" ;;
  "start rpcbind") rpcbind -w ;;
  "start rpc-statd-notify") sm-notify ;;
  "unmask "*) rm -f "/etc/systemd/system/$unit" ;;
  *) echo "no such unit: $verb $unit" >&2; exit 5 ;;
  esac || exit
done
`;

/** Lock manager in the background that answers every call. */
export class World {
  readonly #more: Agent[] = [];
  syslog: DatagramListener | undefined;

  constructor(readonly it: NsmctlHost, readonly resources: AsyncDisposableStack) {}

  get host(): TestHost {
    return this.it.host;
  }

  /** Runs a script that must succeed. */
  sh = (script: string): Promise<string> =>
    this.host.output("sh", "-ec", `PATH=${FAKES}:$PATH\nexport PATH\n${script}`);

  pid(): Promise<string> {
    return this.sh("cat /run/rpc.statd.pid").then((text) => text.trim());
  }

  startStatd = (...args: string[]) => this.host.output(OUR_STATD, "--no-notify", ...args);

  stopStatd = () =>
    this.sh("pid=$(cat /run/rpc.statd.pid); kill $pid; tail --pid=$pid -f /dev/null");

  async restartStatd(...args: string[]) {
    await this.stopStatd();
    await this.startStatd(...args);
  }

  async call(call: Call, from = {}) {
    const to = { address: "127.0.0.1", port: await this.port() };
    await this.it.agent.datagram(message(call), to, from);
  }

  monitor = (monName: string, more: Partial<Registered> = {}) =>
    this.call(mon({ monName, myName: FULL_NAME, version: 4, ...more }));
  release = (monName: string, more: Partial<Registered> = {}) =>
    this.call(unmon({ monName, myName: FULL_NAME, version: 4, ...more }));

  async port(): Promise<number> {
    const { stdout } = await this.it.run("status", "--json");
    return (JSON.parse(stdout) as { transports: { port: number }[] }).transports[0]!.port;
  }

  /** Further process that plays servers. */
  another(): Agent {
    const agent = new Agent(this.host);
    this.#more.push(agent);
    return agent;
  }

  startLog() {
    this.syslog = new DatagramListener(this.host, "/dev/log");
  }

  async stopLog() {
    this.syslog?.[Symbol.dispose]();
    await this.sh("rm -f /dev/log");
  }

  monitoredOnDisk(): number {
    try {
      return [...Deno.readDirSync(this.host.path(`${STATE}/sm`))]
        .filter(({ name, isFile }) => isFile && !name.startsWith(".")).length;
    } catch {
      return 0; // that is the fault
    }
  }

  async doctor(...args: string[]): Promise<{ code: number; findings: Found[] }> {
    const { code, stdout, stderr } = await this.it.run("doctor", "--json", ...args);
    assertEquals(stderr, "");
    return { code, ...JSON.parse(stdout) as { findings: Found[] } };
  }
}

export interface Found {
  readonly name: string;
  readonly evidence: string;
  readonly commands: readonly string[];
}

export type Step = (world: World) => Promise<unknown> | unknown;

export const edit = (path: string, text: string | Uint8Array): Step => ({ host }) =>
  host.write(path, text);
export const statdConf = (text: string) => `[statd]\nport=4050\n${text}`;
export const hostsFile = (own: string, more = HOSTS) =>
  ["127.0.0.1 localhost", "::1 localhost", own, ...more, ""].join("\n");
export const OWN = `10.99.0.1 ${FULL_NAME} ${NAME}`;
export const healthyHosts = edit("/etc/hosts", hostsFile(OWN));

/** Moves the state directory to a file system in memory, with its contents. */
export const onMemory = (size: string): Step => async (world) => {
  await world.stopStatd();
  await world.sh(
    `mkdir -p /run/copy && cp -a ${STATE}/. /run/copy && mount -t tmpfs -o size=${size} none ${STATE}` +
      ` && cp -a /run/copy/. ${STATE}`,
  );
  await world.startStatd();
};
export const offMemory: Step = async (world) => {
  await world.stopStatd();
  await world.sh(`umount ${STATE}`);
  await world.startStatd();
};

/** Healthy host with three monitored peers. */
export async function makeWorld(newHost: NewHost, resources: AsyncDisposableStack): Promise<World> {
  const it = await NsmctlHost.create(newHost, resources, { hosts: HOSTS });
  const clients = await newHost();
  await TestHost.join(
    { host: it.host, addresses: ["10.99.9.254/24", "fd00:99::1/64"] },
    { host: clients, addresses: PEERS.map((address) => `${address}/24`) },
  );
  await clients.startRpcbind();
  await clients.output(OUR_STATD, "--no-notify");
  const world = new World(it, resources);
  await it.host.hideDevices();
  await world.sh(
    "for d in 'zero 1 5' 'random 1 8' 'urandom 1 9'; do\n" +
      "set -- $d; mknod -m 666 /dev/$1 c $2 $3; done\n" +
      `mkdir -p /run/rpcbind ${FAKES}; chown _rpc /run/rpcbind 2>/dev/null || :\n` +
      // In the background: nsenter would stop together with a program stopped by a signal.
      "pid=$(pgrep -x rpcbind); kill $pid; tail --pid=$pid -f /dev/null; rpcbind -w\n" +
      `for p in rpc.statd sm-notify nsmctl; do ln -s ${OUR_FOLDER}/$p ${FAKES}; done`,
  );
  await it.host.write(`${FAKES}/systemctl`, SYSTEMCTL);
  await world.sh(`chmod 755 ${FAKES}/systemctl`);
  world.startLog();
  resources.defer(() => world.stopLog().catch(() => {}));
  await world.startStatd();
  for (const peer of PEERS) await world.monitor(peer);
  await world.sh("touch /run/sm-notify.pid"); // peers were told of this boot
  return world;
}
