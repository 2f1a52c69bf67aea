/** Cluster nodes managed by Debian's corosync and Pacemaker, each in a host of its own. */

import { ClusterNode } from "./cluster_node.ts";
import { layerUsr, layerVar, MANAGERS } from "./layered_usr.ts";
import { TestHost } from "./namespace.ts";
import type { NewHost } from "./system_test.ts";

/** Longest duration of a step of Pacemaker on a busy machine, in seconds. */
const PATIENCE_S = 120;
/** /etc/mtab, which a minimal Debian lacks, is where the agent Filesystem looks for bind mounts. */
const PREPARE = `
ln -sfn /proc/mounts /etc/mtab
groupadd --system haclient
useradd --system --gid haclient --no-create-home hacluster
mount -t tmpfs none /dev/shm
mount -t tmpfs none /srv
mkdir -p /etc/corosync /run/corosync /run/crm /run/pacemaker /run/resource-agents
mkdir -p /var/lib/corosync /var/log/corosync /var/log/pacemaker /var/log/crmsh /var/lib/pacemaker
cd /var/lib/pacemaker
mkdir -p cib pengine cores blackbox
chown -R hacluster:haclient . /var/log/pacemaker /run/pacemaker /run/crm
`;
const COROSYNC = `
totem {
  version: 2
  cluster_name: nsm
  transport: udpu
}
nodelist {
  node {
    ring0_addr: 10.0.0.1
    name: a
    nodeid: 1
  }
  node {
    ring0_addr: 10.0.0.2
    name: b
    nodeid: 2
  }
}
quorum {
  provider: corosync_votequorum
  two_node: 1
  wait_for_all: 0
}
logging {
  to_stderr: yes
  to_syslog: no
}
`;
/**
 * Without fencing, which is impossible here: a silent node counts as dead, and a leader is elected
 * at once.
 */
const CIB = `<cib validate-with="pacemaker-3.0" epoch="1" num_updates="0" admin_epoch="0">
<configuration><crm_config><cluster_property_set id="options">
<nvpair id="dc-deadtime" name="dc-deadtime" value="2s"/>
<nvpair id="stonith-enabled" name="stonith-enabled" value="false"/>
</cluster_property_set></crm_config><nodes/><resources/><constraints/></configuration><status/></cib>
`;
const LOG = "/var/log/pacemaker/pacemaker.log";
/** End of the log that a failure shows, in lines. */
const LOG_LINES = "60";
const DAEMONS = `corosync -f & sleep 1; PCMK_logfile=${LOG} pacemakerd -f & wait`;

export class PacemakerNode extends ClusterNode {
  /** Waits until crm_mon shows a match of the pattern, for grep -E. */
  async shows(pattern: string): Promise<void> {
    const look = `until crm_mon -1 | grep -qE '${pattern}'; do sleep 0.3; done`;
    const { code } = await this.host.run("timeout", String(PATIENCE_S), "sh", "-c", look);
    if (code === 0) return;
    const { stdout, stderr } = await this.host.run("crm_mon", "-1");
    const log = await this.host.run("tail", "-n", LOG_LINES, LOG);
    throw new Error(
      `The cluster is not shown as ${pattern}:\n${stdout}${stderr}${log.stdout}${log.stderr}`,
    );
  }

  /** Kills all processes of the node, except those that hold the host and its network. */
  async kill(): Promise<void> {
    const others = "ps -eo pid=,comm= | awk '$1 != 1 && $2 != \"cat\" { print $1 }'";
    await this.host.run("sh", "-c", `kill -9 $(${others})`);
  }
}

/** Creates nodes a (10.0.0.1) and b (10.0.0.2) on one cable, with Pacemaker and statd. */
export async function pacemakerPair(
  newHost: NewHost,
  nfsConf: string,
): Promise<readonly [PacemakerNode, PacemakerNode]> {
  const [a, b] = await Promise.all([
    newNode(newHost, "a", nfsConf),
    newNode(newHost, "b", nfsConf),
  ]);
  await TestHost.join(
    { host: a.host, addresses: ["10.0.0.1/24"] },
    { host: b.host, addresses: ["10.0.0.2/24"] },
  );
  for (const { host, name } of [a, b]) {
    host.start("unshare", "--uts", "--ipc", "sh", "-c", `hostname ${name}; ${DAEMONS}`);
  }
  await Promise.all([a, b].flatMap((it) => [it.start(), it.shows("Online: \\[ a b \\]")]));
  return [a, b];
}

async function newNode(newHost: NewHost, name: string, nfsConf: string): Promise<PacemakerNode> {
  const host = await newHost({
    hosts: ["10.0.0.1 a", "10.0.0.2 b"],
    etc: { "nfs.conf": nfsConf },
  });
  await layerUsr(host, MANAGERS, true);
  await layerVar(host, MANAGERS);
  await host.output("sh", "-ec", PREPARE);
  await host.write("/etc/corosync/corosync.conf", COROSYNC);
  await host.write("/var/lib/pacemaker/cib/cib.xml", CIB);
  await host.output("chown", "hacluster:haclient", "/var/lib/pacemaker/cib/cib.xml");
  await host.output("chmod", "600", "/var/lib/pacemaker/cib/cib.xml");
  return new PacemakerNode(host, name);
}
