/** rpcbind, our daemon and the lock manager: who is there, who is registered, who answers. */

import { decideAccess } from "../../nsm/hosts_access.ts";
import { parseAccessFile } from "../../nsm/hosts_rules.ts";
import { connectUnix } from "../../net/tcp.ts";
import { findPort } from "../../nsm/port_lookup.ts";
import { reasonOf } from "../../nsm/ports.ts";
import { randomNumbers } from "../../platform/clock.ts";
import { ownNetworkNamespace } from "../../platform/network_namespace.ts";
import { NLM_PROG } from "../../protocol/nlm.ts";
import { nsmV1, SM_PROG, SM_VERS } from "../../protocol/nsm.ts";
import { PMAP_PORT, portmapV2 } from "../../protocol/portmap.ts";
import { rpcbindV4 } from "../../protocol/rpcbind.ts";
import { RpcError } from "../../rpc/errors.ts";
import { StreamClient } from "../../rpc/stream_client.ts";
import { type Check, type Examiner, exists, LOCAL_TIMEOUT_MS, textOf } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";

const LOCALHOST = "127.0.0.1";
/** There where a package of rpcbind is installed. */
const RPCBIND_UNIT = "/lib/systemd/system/rpcbind.socket";
const RPCBIND_SOCKET = "/run/rpcbind.sock";
/** Versions of the lock manager that kernels have: that of NFS 3 first. */
const NLM_VERSIONS = [4, 3, 1];
const OWN_ADDRESSES_MAX = 8;

export const checkRpc: Check = async (examiner) => {
  const denied = hostsDenyLoopback();
  if (denied !== undefined) return [denied];
  const rpcbind = await checkRpcbind(examiner);
  if (rpcbind.length > 0) return [...rpcbind, ...checkDaemonAlone(examiner)];
  return [...await checkDaemon(examiner), ...await checkLockManager(examiner)];
};

/** Without rpcbind only the control socket tells whether there is a daemon. */
function checkDaemonAlone({ daemon }: Examiner): Finding[] {
  return daemon.outcome === "absent" ? [notRunning("nobody answers at the control socket")] : [];
}

async function checkRpcbind(examiner: Examiner): Promise<Finding[]> {
  try {
    const parts = { startTimer: examiner.clock.startTimer, randomXid: randomNumbers() };
    const client = new StreamClient(await connectUnix(RPCBIND_SOCKET), parts);
    try {
      await client.call(rpcbindV4, "RPCBPROC_NULL", undefined, LOCAL_TIMEOUT_MS);
      return [];
    } finally {
      await client.close();
    }
  } catch (error) {
    if (error instanceof RpcError && error.failure.kind === "timeout") {
      return [finding("rpcbind-silent", {
        what: "rpcbind is there and does not answer; nobody can find the status monitor.",
        evidence: `${RPCBIND_SOCKET}: ${reasonOf(error)}`,
        fix: "systemctl restart rpcbind",
      })];
    }
    const at = { address: LOCALHOST, port: PMAP_PORT };
    try {
      await examiner.calls
        .call(portmapV2, "PMAPPROC_NULL", undefined, at, "udp", LOCAL_TIMEOUT_MS);
      return []; // an older port mapper, without the socket
    } catch {
      return [finding("rpcbind-missing", {
        what:
          `Nobody serves port ${PMAP_PORT}, where lockd asks for the status monitor: no NFS lock works.`,
        evidence: reasonOf(error),
        fix: exists(RPCBIND_UNIT)
          ? "systemctl enable --now rpcbind.socket"
          : "put mode = auto into section [rpcbind] of /etc/nfs.conf, and restart rpc.statd",
      })];
    }
  }
}

/** Rules that keep out this host itself: rpcbind applies them to loopback too. */
function hostsDenyLoopback(): Finding | undefined {
  for (const daemon of ["rpcbind", "statd"]) {
    const entries = (["allow", "deny"] as const).flatMap((kind) =>
      parseAccessFile(textOf(`/etc/hosts.${kind}`) ?? "", daemon, kind, () => {})
    );
    const client = { address: LOCALHOST, name: "localhost" };
    if (decideAccess(entries, client, (path) => textOf(path) ?? "") !== "deny") continue;
    return finding("hosts-deny-loopback", {
      what: `The access rules keep this host itself from ${daemon}.`,
      evidence: `/etc/hosts.deny, and nothing for ${daemon} and ${LOCALHOST} in /etc/hosts.allow`,
      fix: `add to /etc/hosts.allow: ${daemon}: 127.0.0.1 [::1]`,
    });
  }
  return undefined;
}

async function checkDaemon(examiner: Examiner): Promise<Finding[]> {
  const { daemon } = examiner;
  const port = await registeredPort(examiner, SM_PROG, SM_VERS);
  if (port === undefined) {
    if (daemon.outcome === "absent") {
      return [notRunning(`program ${SM_PROG} is not registered with rpcbind`)];
    }
    if (daemon.outcome === "failed") return [silent(daemon.reason)];
    const { report } = daemon;
    const own = ownNetworkNamespace();
    if (report.networkNamespace !== undefined && report.networkNamespace !== own) {
      return [finding("statd-other-namespace", {
        what: "The status monitor runs in another network namespace.",
        evidence: `process ${report.pid} is in ${report.networkNamespace}, we are in ${own}`,
        fix: "start statd where the mounts and exports are, or use another state directory there",
      })];
    }
    return [finding("statd-not-registered", {
      what: "The status monitor runs, but rpcbind does not know it.",
      evidence: report.registrationFault ?? `program ${SM_PROG} is not registered with rpcbind`,
      fix: "systemctl reload rpc-statd, and look whether something else registers 100024",
    })];
  }
  const to = { address: LOCALHOST, port };
  try {
    await examiner.calls.call(nsmV1, "SM_NULL", undefined, to, "udp", LOCAL_TIMEOUT_MS);
  } catch (error) {
    return [silent(`registered on udp port ${port}: ${reasonOf(error)}`)];
  }
  if (daemon.outcome === "absent") {
    return [finding("statd-other-directory", {
      what: "Another status monitor serves here, with another state directory or of another kind.",
      evidence: `something answers on udp port ${port}, nobody at ${examiner.layout.directory}`,
      fix: "give the right directory with -P, or stop the other one",
    })];
  }
  if (daemon.outcome === "failed") return examiner.isRoot ? [silent(daemon.reason)] : [];
  const { degraded } = daemon.report;
  const findings = degraded.length === 0 ? [] : [finding("statd-degraded", {
    what: "The status monitor works less well than it should.",
    evidence: degraded.join("; "),
    fix: "its log says more",
  })];
  return [...findings, ...await checkOwnAddresses(examiner, port)];
}

/** Peers reach us at our other addresses: what keeps even us from that keeps them too. */
async function checkOwnAddresses({ calls }: Examiner, port: number): Promise<Finding[]> {
  const addresses = Deno.networkInterfaces()
    .filter(({ address }) => !address.startsWith("127.") && !/^(::1|fe80:)/i.test(address))
    .map(({ address }) => address);
  const faults = await Promise.all(
    [...new Set(addresses)].slice(0, OWN_ADDRESSES_MAX).map(async (address) => {
      const to = { address, port };
      try {
        await calls.call(nsmV1, "SM_NULL", undefined, to, "udp", LOCAL_TIMEOUT_MS);
        return undefined;
      } catch (error) {
        return reasonOf(error);
      }
    }),
  );
  const evidence = faults.filter((fault) => fault !== undefined);
  if (evidence.length === 0) return [];
  return [finding("own-address-filtered", {
    what: "The status monitor cannot be reached at an address of this host.",
    evidence: evidence.join("; "),
    fix: `let UDP and TCP port ${port} through (a fixed port is set by port= in nfs.conf)`,
  })];
}

async function checkLockManager(examiner: Examiner): Promise<Finding[]> {
  for (const version of NLM_VERSIONS) {
    if (await registeredPort(examiner, NLM_PROG, version) !== undefined) return [];
  }
  if (!exists("/proc/sys/fs/nfs/nsm_local_state") && !exists("/proc/fs/lockd")) {
    return [finding("lockd-no-module", {
      what: "The kernel has no lock manager.",
      evidence: "neither /proc/fs/lockd nor /proc/sys/fs/nfs/nsm_local_state is there",
      fix: "modprobe lockd; a user-space NFS server brings its own",
    })];
  }
  const { peers } = examiner.daemon.outcome === "answered" ? examiner.daemon.report : { peers: 0 };
  if (peers === 0) return []; // it registers with the first mount or export
  return [finding("lockd-not-registered", {
    what: "Peers are monitored for a lock manager that is not there.",
    evidence: `${peers} monitored, program ${NLM_PROG} is not registered with rpcbind`,
    fix: "after a restart of rpcbind, remount, or restart nfs-server",
  })];
}

async function registeredPort(
  { calls }: Examiner,
  program: number,
  version: number,
): Promise<number | undefined> {
  const wanted = { program, version, transport: "udp" } as const;
  try {
    return await findPort(calls, wanted, LOCALHOST, LOCAL_TIMEOUT_MS);
  } catch {
    return undefined;
  }
}

function notRunning(evidence: string): Finding {
  return finding("statd-not-running", {
    what: "No status monitor runs; lock requests over NFS 2 and 3 fail.",
    evidence,
    fix: "systemctl start rpc-statd",
  });
}

function silent(evidence: string): Finding {
  return finding("statd-silent", {
    what: "The status monitor is there and does not answer.",
    evidence,
    fix: "systemctl restart rpc-statd",
  });
}
