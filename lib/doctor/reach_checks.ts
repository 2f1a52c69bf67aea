/** Checks whether peers can reach us at our addresses, and whether a lock manager runs. */

import { isWildcard } from "../net/wildcards.ts";
import { plural } from "../quote.ts";
import { isIpv6, isLinkLocal, isLoopback } from "../rpc/address.ts";
import { withoutScope } from "../rpc/transport.ts";
import { holderOfPort, neighboursNamed } from "../platform/processes.ts";
import { NLM_PROG, nlmNull } from "../protocol/nlm.ts";
import { nsmV1 } from "../protocol/nsm.ts";
import { PMAP_PORT, portmapV2 } from "../protocol/portmap.ts";
import { rpcbindV4 } from "../protocol/rpcbind.ts";
import { RpcError } from "../rpc/errors.ts";
import { exists } from "../platform/small_files.ts";
import { reasonOf } from "../reason.ts";
import {
  beyond,
  type Check,
  type Checked,
  type Examiner,
  NOT_ANSWERED_HERE,
  reportHere,
  someOf,
} from "./examiner.ts";
import { LOCAL_TIMEOUT_MS } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { awaken, endProcess, whoIs } from "./remedies.ts";
import { LOCALHOST, registeredPort } from "./rpc_checks.ts";

const OWN_ADDRESSES_MAX = 8;
/** Version of the lock manager for NFS version 3. */
const NLM_VERS = 4;
const LOCKD_FOLDERS = ["/proc/fs/lockd", "/proc/sys/fs/nfs/nsm_local_state"];

export const REACH_CHECKS: readonly Check[] = [
  { about: "the addresses that statd listens on are there", run: checkAddressesThere },
  { about: "statd and rpcbind answer at all own addresses", run: checkOwnAddresses },
  { about: "the lock manager answers", isBasis: true, run: checkLockManager },
  { about: "the lock manager has the ports that are set", run: checkLockPorts },
  { about: "the lock manager takes what it is told", run: checkCallbacks },
];

type Transport = "udp" | "tcp";

/** Addresses of this host that remote hosts can call. */
export function ownAddresses(): string[] {
  return [...new Set(Deno.networkInterfaces().map(({ address }) => address))]
    .filter((address) => !isLoopback(address) && !isLinkLocal(address));
}

function checkAddressesThere(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  if (report === undefined) return NOT_ANSWERED_HERE;
  const own = new Set(Deno.networkInterfaces().map(({ address }) => address));
  const gone = [...new Set(report.transports.map(({ address }) => withoutScope(address)))]
    .filter((address) => !isWildcard(address) && !isLoopback(address) && !own.has(address));
  if (gone.length === 0) return [];
  const device = Deno.networkInterfaces().find(({ address }) => !isLoopback(address))?.name ?? "lo";
  return [finding("own-address-gone", {
    what: "The status monitor listens on an address that this host does not have.",
    evidence: gone.join(", "),
    fix: "bring the service address back, unless another host has it now and is to serve it (-n, " +
      "listen-addresses)",
    commands: gone.map((address) =>
      `nsmctl test ${address} || ip address add ${address}/${
        isIpv6(address) ? 128 : 32
      } dev ${device}`
    ),
  })];
}

/** Calls our own external addresses: a filter that stops us stops peers too. */
async function checkOwnAddresses(examiner: Examiner): Promise<Checked> {
  const report = reportHere(examiner);
  if (report === undefined) return NOT_ANSWERED_HERE;
  const all = ownAddresses();
  const own = all.slice(0, OWN_ADDRESSES_MAX);
  const except = beyond(OWN_ADDRESSES_MAX, all.length, "addresses of this host");
  const ways = report.transports.flatMap(({ netid, address: bound, port }) => {
    const isV6 = netid.endsWith("6");
    return own.filter((address) => isIpv6(address) === isV6)
      .filter((address) => isWildcard(bound) || bound === address)
      .map((address) => ({
        address,
        port,
        transport: (isV6 ? netid.slice(0, -1) : netid) as Transport,
      }));
  });
  const { calls, remedies } = examiner;
  const statd = await faultsOf(
    ways,
    ({ address, port, transport }) =>
      calls.call(nsmV1, "SM_NULL", undefined, { address, port }, transport, LOCAL_TIMEOUT_MS),
  );
  if (statd.length > 0) {
    const port = report.transports[0]?.port;
    return [finding("own-address-filtered", {
      what: "The status monitor cannot be reached at an address of this host.",
      evidence: statd.join("; "),
      fix:
        `let port ${port} through the packet filter (a fixed port is set by port= in nfs.conf); ` +
        "the following shows the rules",
      commands: ["nft list ruleset || iptables-save"],
    })];
  }
  const rpcbind = await faultsOf(ways, ({ address, transport }) => {
    const to = { address, port: PMAP_PORT };
    return isIpv6(address)
      ? calls.call(rpcbindV4, "RPCBPROC_NULL", undefined, to, transport, LOCAL_TIMEOUT_MS)
      : calls.call(portmapV2, "PMAPPROC_NULL", undefined, to, transport, LOCAL_TIMEOUT_MS);
  });
  if (rpcbind.length === 0) return { findings: [], except };
  const [one] = neighboursNamed("rpcbind");
  const isBound = one?.command.some((word) => word.startsWith("-h")) === true;
  return [finding("rpcbind-unreachable", {
    what: "Peers cannot find the status monitor: rpcbind answers on this host alone.",
    evidence: isBound ? `${whoIs(one!)} was started as ${one!.command.join(" ")}` : someOf(rpcbind),
    fix: isBound
      ? "start it without -h (/etc/default/rpcbind, /etc/sysconfig/rpcbind)"
      : `let port ${PMAP_PORT} through the packet filter, or have rpcbind listen on all addresses`,
    commands: isBound && !remedies.isSystemd
      ? [...endProcess(one!.pid), ...remedies.startRpcbind()]
      : [],
  })];
}

/** Faults of calls by several ways; a refusal is an answer. */
export async function faultsOf<Way>(
  ways: readonly Way[],
  call: (way: Way) => Promise<unknown>,
): Promise<string[]> {
  const faults = await Promise.all(ways.map((way) =>
    call(way).then(() => undefined, (error) => {
      const isAnswer = error instanceof RpcError && error.failure.kind !== "timeout";
      return isAnswer ? undefined : reasonOf(error);
    })
  ));
  return faults.filter((fault) => fault !== undefined);
}

/** Without registrations no lock manager is required. */
async function checkLockManager(examiner: Examiner): Promise<Checked> {
  const { daemon, calls, remedies } = examiner;
  if (daemon.outcome !== "answered" || reportHere(examiner) === undefined) return NOT_ANSWERED_HERE;
  const { entries } = daemon;
  if (entries.length === 0) return { skipped: "nobody is monitored" };
  const kinds = new Map(
    entries.map(([, , program, version]) => [`${program} ${version}`, { program, version }]),
  );
  for (const { program, version } of kinds.values()) {
    const port = await registeredPort(examiner, program, version, "udp") ??
      await registeredPort(examiner, program, version, "tcp");
    if (port === undefined) return [lockManagerMissing(program, version, examiner)];
    const udp = await registeredPort(examiner, program, version, "udp");
    const transport = udp === undefined ? "tcp" : "udp";
    const [fault] = await faultsOf(
      [port],
      (port) =>
        calls.call(
          nlmNull(program, version),
          "NLM_NULL",
          undefined,
          { address: LOCALHOST, port },
          transport,
          LOCAL_TIMEOUT_MS,
        ),
    );
    if (fault === undefined) continue;
    const holder = holderOfPort(transport, port);
    return [finding("lockd-silent", {
      what: "The lock manager is registered and does not answer: nobody's locks are dropped.",
      evidence: fault + (holder === undefined ? "" : `; there is ${whoIs(holder)}`),
      fix: holder === undefined
        ? "no process has that port: restart the NFS server or the mounts; statd then tells it again"
        : "resume it, or restart it; statd then tells it again",
      commands: holder === undefined
        ? remedies.isSystemd ? ["systemctl restart nfs-server"] : []
        : awaken(holder.pid, []),
    })];
  }
  return [];
}

function lockManagerMissing(program: number, version: number, examiner: Examiner): Finding {
  const peers = reportHere(examiner)?.peers ?? 0;
  if (program === NLM_PROG && !LOCKD_FOLDERS.some(exists)) {
    return finding("lockd-no-module", {
      what: "The kernel has no lock manager.",
      evidence: `${LOCKD_FOLDERS.join(" and ")} are not there; ${plural(peers, "peer")} monitored`,
      fix: "load it; a user-space NFS server brings its own",
      commands: ["modprobe lockd"],
    });
  }
  return finding("lockd-not-registered", {
    what: "Peers are monitored for a lock manager that is not there.",
    evidence: `${plural(peers, "peer")} monitored, program ${program} version ${version} is not ` +
      "registered with rpcbind",
    fix: "after a restart of rpcbind without -w, remount, or restart the NFS server",
    commands: examiner.remedies.isSystemd && exists("/proc/fs/nfsd/threads")
      ? ["systemctl restart nfs-server"]
      : [],
  });
}

/** The kernel reads its ports when lockd starts, so that an edited nfs.conf may wait for a reboot. */
async function checkLockPorts(examiner: Examiner): Promise<Checked> {
  const { settings } = examiner;
  if (reportHere(examiner) === undefined) return NOT_ANSWERED_HERE;
  const wanted = [["tcp", settings?.nlmPort ?? 0], ["udp", settings?.nlmUdpPort ?? 0]] as const;
  if (wanted.every(([, port]) => port === 0)) return { skipped: "no port is set" };
  const others: string[] = [];
  for (const [transport, port] of wanted) {
    const found = await registeredPort(examiner, NLM_PROG, NLM_VERS, transport);
    if (port === 0 || found === undefined || found === port) continue;
    others.push(`${transport} port ${port} is set in section [lockd], it has ${found}`);
  }
  if (others.length === 0) return [];
  return [finding("settings-not-in-effect", {
    what: "The lock manager has other ports than nfs.conf says; a firewall may know only these.",
    evidence: others.join("; "),
    fix:
      "the kernel reads them when lockd starts: end all exports and mounts of NFS version 2 and 3 " +
      "and start them again, or reboot",
  })];
}

function checkCallbacks(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  if (report === undefined) return NOT_ANSWERED_HERE;
  const waiting = report.faults.find((fault) => /\bcallbacks? waiting\b/.test(fault));
  if (waiting === undefined) return [];
  return [finding("callbacks-waiting", {
    what: "A lock manager was not told of a peer's reboot: that peer's locks are still held.",
    evidence: waiting,
    fix: "see what keeps it from answering calls from this host; statd keeps trying",
  })];
}
