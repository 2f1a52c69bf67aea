/** Nodes of a cluster that Debian's CTDB manages, each in a host of its own. */

import { ClusterNode } from "./cluster_node.ts";
import { layerUsr, layerVar, MANAGERS } from "./layered_usr.ts";
import { TestHost } from "./namespace.ts";
import { FOREGROUND, STATD_PORT } from "./statd.ts";
import { type NewHost, OUR_STATD } from "./system_test.ts";

/** Longest duration of a step of CTDB on a busy machine, in seconds. */
const PATIENCE_S = 120;
/** Options of a status monitor that leaves the foreground. */
const BACKGROUND = FOREGROUND.filter((option) => !["-F", "-d"].includes(option));
const BASE = "/etc/ctdb";
const LOG = "/var/log/ctdb/log.ctdb";
const PREPARE = `
cp -a ${MANAGERS}/etc/ctdb /etc/
mkdir -p /run/ctdb /var/log/ctdb /var/lib/ctdb/volatile /var/lib/ctdb/persistent /var/lib/ctdb/state
chmod -x ${BASE}/statd-callout
printf '#!/bin/sh\\necho "Link detected: yes"\\n' >/usr/sbin/ethtool
chmod 755 /usr/sbin/ethtool
rm ${BASE}/nfs-checks.d/*.check
`;
/**
 * Callout for NFS services: only the status monitor exists; calls for the lock manager are
 * recorded.
 */
const NFS_CALLOUT = `#!/bin/sh
echo "$1 $2" >>/run/nfs-callout
`;
/**
 * Callout like Debian's, beside a kernel with NFS server: a call for the lock manager restarts the status monitor,
 * and only the NFS server begins a grace period.
 */
export const DEBIAN_CALLOUT = `${NFS_CALLOUT}
case "$1 $2" in
  "stop nlockmgr" | "stop nfs")
    statd=$(cat /run/rpc.statd.pid) && kill $statd && timeout 60 tail --pid=$statd -f /dev/null
    [ $2 = nlockmgr ] || echo Y >/proc/fs/lockd/nlm_end_grace
    ;;
  "start nlockmgr" | "start nfs")
    unshare --uts sh -c "hostname $(cat /run/node) && ${OUR_STATD} ${BACKGROUND.join(" ")}"
    [ $2 = nlockmgr ] || echo N >/proc/fs/lockd/nlm_end_grace
    ;;
esac
`;
/**
 * CTDB's check of the status monitor, as tolerant as Debian's, and without a portmapper: the peers of
 * the test need its port.
 */
const STATUS_CHECK =
  `service_check_cmd="bash -c ': </dev/tcp/127.0.0.1/${STATD_PORT}'"\nunhealthy_after=6\n`;

export class CtdbNode extends ClusterNode {
  /** Waits until an address is on a node. */
  async shows(address: string, node: number): Promise<void> {
    await this.#until(`ctdb ip all | grep -qx '${address} ${node}'`);
  }

  /** Waits until all nodes are healthy. */
  async isHealthy(nodes: number): Promise<void> {
    await this.#until(`ctdb status | grep -c ' OK' | grep -qx ${nodes}`);
  }

  /** Addresses of each node, by its number. */
  async addresses(): Promise<readonly [string[], string[]]> {
    const lines = (await this.ctdb("ip", "all")).trim().split("\n").slice(1);
    const of = (node: number) =>
      lines.flatMap((line) => line.endsWith(` ${node}`) ? [line.split(" ")[0]!] : []);
    return [of(0), of(1)];
  }

  /** Moves an address once CTDB permits it. */
  async move(address: string, node: number): Promise<void> {
    await this.#until(`ctdb moveip ${address} ${node}`);
    await this.shows(address, node);
  }

  async ctdb(...args: string[]): Promise<string> {
    return await this.host.output("ctdb", ...args);
  }

  /** Kills all processes of the node, except those that hold the host and its network. */
  async kill(): Promise<void> {
    await this.host.output("ip", "link", "set", "cable", "down");
    const others = "ps -eo pid=,comm= | awk '$1 != 1 && $2 != \"cat\" { print $1 }'";
    await this.host.run("sh", "-c", `kill -9 $(${others})`);
  }

  /** Log of the event scripts. */
  async log(): Promise<string> {
    return await this.host.output("cat", LOG);
  }

  async #until(condition: string): Promise<void> {
    const { code } = await this.host.run(
      ...["timeout", String(PATIENCE_S), "sh", "-c", `until ${condition}; do sleep 0.3; done`],
    );
    if (code === 0) return;
    const { stdout } = await this.host.run(
      "sh",
      "-c",
      "ctdb status; ctdb ip all",
    );
    throw new Error(`CTDB does not come to ${condition}:\n${stdout}`);
  }
}

/** Configuration of a CTDB cluster. */
export interface CtdbOptions {
  /** Lines of /etc/ctdb/public_addresses. */
  readonly publicAddresses: readonly string[];
  /** Lines of /etc/ctdb/script.options. */
  readonly scriptOptions: readonly string[];
  /** Folder shared by all nodes. */
  readonly shared: string;
  /** Shell commands that set up our part, as an operator would type them. */
  readonly setUp: string;
  readonly nfsConf?: string;
  /** Callout for NFS services, in place of one that only records its calls. */
  readonly nfsCallout?: string;
}

/**
 * Creates nodes a (10.0.0.1, number 0) and b (10.0.0.2, number 1) on one cable, with CTDB and
 * statd.
 */
export async function ctdbPair(
  newHost: NewHost,
  options: CtdbOptions,
): Promise<readonly [CtdbNode, CtdbNode]> {
  const [a, b] = await Promise.all([
    newNode(newHost, "a", options),
    newNode(newHost, "b", options),
  ]);
  await TestHost.join(
    { host: a.host, addresses: ["10.0.0.1/24"] },
    { host: b.host, addresses: ["10.0.0.2/24"] },
  );
  await Promise.all([a, b].map(async (it) => {
    await it.start();
    await it.host.output("ctdbd");
    it.host.start("tail", "-n", "+1", "-F", LOG);
  }));
  await a.isHealthy(2);
  return [a, b];
}

async function newNode(newHost: NewHost, name: string, options: CtdbOptions): Promise<CtdbNode> {
  const { publicAddresses, scriptOptions, shared, setUp, nfsConf = "", nfsCallout = NFS_CALLOUT } =
    options;
  const host = await newHost({
    hosts: ["10.0.0.1 a", "10.0.0.2 b"],
    etc: { "nfs.conf": nfsConf },
  });
  await layerUsr(host, MANAGERS, true);
  await layerVar(host, MANAGERS);
  await host.output("sh", "-ec", PREPARE);
  const texts = {
    nodes: "10.0.0.1\n10.0.0.2\n",
    public_addresses: publicAddresses.map((line) => `${line} cable\n`).join(""),
    "ctdb.conf": `[logging]\nlocation = file:${LOG}\n` +
      `[cluster]\ncluster lock = ${shared}/lock\n[legacy]\nrealtime scheduling = false\n`,
    "script.options": [
      "CTDB_NFS_CALLOUT=/etc/ctdb/test-callout",
      "CTDB_NFS_SKIP_SHARE_CHECK=yes",
      ...scriptOptions,
    ].map((line) => `${line}\n`).join(""),
    // A move during a take-over by itself would ban the node for five minutes.
    "ctdb.tunables": "MonitorInterval=2\nReRecoveryTimeout=1\nNoIPFailback=1\nEnableBans=0\n",
    "test-callout": nfsCallout,
    "nfs-checks.d/10.status.check": STATUS_CHECK,
  };
  for (const [file, text] of Object.entries(texts)) await host.write(`${BASE}/${file}`, text);
  await host.output("chmod", "755", `${BASE}/test-callout`);
  await host.write("/run/node", name);
  await host.output("ctdb", "event", "script", "enable", "legacy", "60.nfs");
  await host.output("sh", "-ec", setUp);
  return new CtdbNode(host, name);
}
