/** Nodes of a cluster that Debian's CTDB manages, each in a host of its own. */

import { ClusterNode } from "./cluster_node.ts";
import { layerUsr, layerVar, MANAGERS } from "./layered_usr.ts";
import { TestHost } from "./namespace.ts";
import { STATD_PORT } from "./statd.ts";
import type { NewHost } from "./system_test.ts";

/** Longest time that CTDB takes for a step on a busy machine, in seconds. */
const PATIENCE_S = 120;
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
/** Of the services of NFS only the status monitor is there; what is asked of the lock manager is written down. */
const NFS_CALLOUT = `#!/bin/sh
echo "$1 $2" >>/run/nfs-callout
`;
/** CTDB's check of the status monitor, without a portmapper: its port belongs to the peers of the test. */
const STATUS_CHECK = `service_check_cmd="bash -c ': </dev/tcp/127.0.0.1/${STATD_PORT}'"\n`;

export class CtdbNode extends ClusterNode {
  /** Waits until a node is the one that has an address. */
  async shows(address: string, node: number): Promise<void> {
    await this.#until(`ctdb ip all | grep -qx '${address} ${node}'`);
  }

  /** Waits until all nodes are as they should be. */
  async isHealthy(nodes: number): Promise<void> {
    await this.#until(`ctdb status | grep -c ' OK' | grep -qx ${nodes}`);
  }

  /** The addresses of each node, by its number. */
  async addresses(): Promise<readonly [string[], string[]]> {
    const lines = (await this.ctdb("ip", "all")).trim().split("\n").slice(1);
    const of = (node: number) =>
      lines.flatMap((line) => line.endsWith(` ${node}`) ? [line.split(" ")[0]!] : []);
    return [of(0), of(1)];
  }

  /** Moves an address, as soon as CTDB is ready for that. */
  async move(address: string, node: number): Promise<void> {
    await this.#until(`ctdb moveip ${address} ${node}`);
    await this.shows(address, node);
  }

  async ctdb(...args: string[]): Promise<string> {
    return await this.host.output("ctdb", ...args);
  }

  /** Ends every process of the node at once, but those that the host itself lasts by, and its network. */
  async kill(): Promise<void> {
    await this.host.output("ip", "link", "set", "cable", "down");
    const others = "ps -eo pid=,comm= | awk '$1 != 1 && $2 != \"cat\" { print $1 }'";
    await this.host.run("sh", "-c", `kill -9 $(${others})`);
  }

  /** What event scripts have written. */
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

/** What a cluster of CTDB is made of. */
export interface CtdbOptions {
  /** Lines of /etc/ctdb/public_addresses. */
  readonly publicAddresses: readonly string[];
  /** Lines of /etc/ctdb/script.options. */
  readonly scriptOptions: readonly string[];
  /** A folder that all nodes see. */
  readonly shared: string;
  /** Shell commands that set up our part, as somebody would type them. */
  readonly setUp: string;
  readonly nfsConf?: string;
}

/** Makes the nodes a (10.0.0.1, number 0) and b (10.0.0.2, number 1) on one cable, with CTDB and statd on both. */
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
  const { publicAddresses, scriptOptions, shared, setUp, nfsConf = "" } = options;
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
    "ctdb.tunables": "MonitorInterval=2\nReRecoveryTimeout=1\nNoIPFailback=1\n",
    "test-callout": NFS_CALLOUT,
    "nfs-checks.d/10.status.check": STATUS_CHECK,
  };
  for (const [file, text] of Object.entries(texts)) await host.write(`${BASE}/${file}`, text);
  await host.output("chmod", "755", `${BASE}/test-callout`);
  await host.output("ctdb", "event", "script", "enable", "legacy", "60.nfs");
  await host.output("sh", "-ec", setUp);
  return new CtdbNode(host, name);
}
