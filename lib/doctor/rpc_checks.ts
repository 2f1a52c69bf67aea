/** Checks of rpcbind and of our registration. */

import type { StatusReport } from "../control/status_report.ts";
import { ownInterfaces } from "../net/own_interfaces.ts";
import { connectUnix } from "../net/tcp.ts";
import { findPort } from "../nsm/port_lookup.ts";
import { randomNumbers } from "../platform/clock.ts";
import { isInterfaceUp } from "../platform/interface_flags.ts";
import { holderOfPort, neighboursNamed } from "../platform/processes.ts";
import { nsmV1, SM_PROG, SM_VERS } from "../protocol/nsm.ts";
import { PMAP_PORT, portmapV2 } from "../protocol/portmap.ts";
import { RPCBIND_SOCKET, rpcbindV4 } from "../protocol/rpcbind.ts";
import { RpcError } from "../rpc/errors.ts";
import { StreamClient } from "../rpc/stream_client.ts";
import { TransportError } from "../rpc/transport.ts";
import { exists, readableText } from "../platform/small_files.ts";
import { denies, rulesFor } from "./access_rules.ts";
import { reasonOf } from "../reason.ts";
import { type Check, type Checked, type Examiner, reportHere } from "./examiner.ts";
import { LOCAL_TIMEOUT_MS } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { isNeeded, NOT_NEEDED } from "./need.ts";
import { append, awaken, endProcess, set, whoIs } from "./remedies.ts";

export const LOCALHOST = "127.0.0.1";
const LOOPBACK = "lo";
/** Exists where a package of rpcbind is installed. */
const RPCBIND_UNIT = "/lib/systemd/system/rpcbind.socket";
const RPCBIND_PROGRAMS = ["/sbin/rpcbind", "/usr/sbin/rpcbind", "/usr/local/sbin/rpcbind"];
const RPCBIND = "rpcbind";
const SERVICES = "/etc/services";

export const RPC_CHECKS: readonly Check[] = [
  { about: "the loopback interface has its address", isBasis: true, run: checkLoopback },
  { about: "access rules let this host in", isBasis: true, run: checkLoopbackAccess },
  { about: "rpcbind answers", isBasis: true, run: checkRpcbind },
  { about: "rpcbind knows statd", isBasis: true, run: checkRegistration },
];

/** Loopback, which lock managers and rpcbind use: down in a new network namespace, and in an initramfs. */
function checkLoopback(): Finding[] {
  const own = ownInterfaces();
  if (own === undefined) throw new Error("the interfaces cannot be listed");
  const isDown = isInterfaceUp(LOOPBACK) === false;
  if (!isDown && own.some(({ address }) => address === LOCALHOST)) return [];
  return [finding("loopback-missing", {
    what: `Nothing reaches ${LOCALHOST}, where lock managers ask for the status monitor.`,
    evidence: isDown ? `${LOOPBACK} is down` : `no interface has the address ${LOCALHOST}`,
    fix: "bring up the loopback interface",
    commands: [
      `ip link set ${LOOPBACK} up`,
      `ip address replace ${LOCALHOST}/8 dev ${LOOPBACK}`,
    ],
  })];
}

/** Access rules that deny this host itself: rpcbind applies them to loopback too. */
function checkLoopbackAccess(): Finding[] {
  for (const daemon of [RPCBIND, "statd"] as const) {
    if (!denies(rulesFor(daemon), { address: LOCALHOST, name: "localhost" })) continue;
    return [finding("hosts-deny-loopback", {
      what: `The access rules keep this host itself from ${daemon}.`,
      evidence: `/etc/hosts.deny, and nothing for ${daemon} and ${LOCALHOST} in /etc/hosts.allow`,
      fix: "let it in",
      commands: append(`${daemon}: 127.0.0.1 [::1]`, "/etc/hosts.allow"),
    })];
  }
  return [];
}

async function checkRpcbind(examiner: Examiner): Promise<Checked> {
  if (!isNeeded(examiner)) return NOT_NEEDED;
  const { remedies } = examiner;
  try {
    const parts = { startTimer: examiner.clock.startTimer, randomXid: randomNumbers() };
    const client = new StreamClient(await connectUnix(RPCBIND_SOCKET), parts);
    try {
      await client.call(rpcbindV4, "RPCBPROC_NULL", undefined, LOCAL_TIMEOUT_MS);
      return await checkRpcbindPort(examiner);
    } finally {
      await client.close();
    }
  } catch (error) {
    const [one] = neighboursNamed(RPCBIND);
    const isSilent = error instanceof RpcError && error.failure.kind === "timeout";
    if (isSilent) {
      return [finding("rpcbind-silent", {
        what: "rpcbind is running but does not answer; the status monitor cannot be found.",
        evidence: `${one === undefined ? RPCBIND_SOCKET : whoIs(one)}: ${reasonOf(error)}`,
        fix: "resume it, or start it again",
        commands: one === undefined
          ? remedies.startRpcbind()
          : awaken(one.pid, [`kill -KILL ${one.pid}`, ...remedies.startRpcbind()]),
      })];
    }
    const at = { address: LOCALHOST, port: PMAP_PORT };
    try {
      await examiner.calls
        .call(portmapV2, "PMAPPROC_NULL", undefined, at, "udp", LOCAL_TIMEOUT_MS);
      return []; // an older portmapper, without the socket
    } catch (failure) {
      return [rpcbindMissing(failure, examiner)];
    }
  }
}

/** Checks port 111 of an rpcbind that answers at its socket: without /etc/services Debian's opens no port. */
async function checkRpcbindPort(examiner: Examiner): Promise<Finding[]> {
  const { calls, remedies } = examiner;
  const at = { address: LOCALHOST, port: PMAP_PORT };
  try {
    await calls.call(portmapV2, "PMAPPROC_NULL", undefined, at, "tcp", LOCAL_TIMEOUT_MS);
    return [];
  } catch (error) {
    const isSilent = error instanceof RpcError && error.failure.kind === "timeout";
    if (isSilent) return [portFiltered(error)];
    if (!(error instanceof TransportError)) return []; // present, but refuses
    const [one] = neighboursNamed(RPCBIND);
    const pid = reportHere(examiner)?.pid;
    const isNamed = /^\s*[^#\n]*\s111\/(tcp|udp)/m.test(readableText(SERVICES) ?? "");
    const lines = ["tcp", "udp"].flatMap((way) => append(`sunrpc 111/${way} portmapper`, SERVICES));
    return [finding("rpcbind-unreachable", {
      what: `rpcbind answers at ${RPCBIND_SOCKET} and not at port ${PMAP_PORT}: no peer and no ` +
        "mount finds the status monitor.",
      evidence: `${reasonOf(error)}${isNamed ? "" : `; ${SERVICES} does not name the port`}`,
      fix: isNamed
        ? `see what keeps it from port ${PMAP_PORT}, and start it again`
        : `name the port in ${SERVICES} (or install netbase), and start rpcbind again`,
      commands: [
        ...isNamed ? [] : lines,
        ...one === undefined ? [] : endProcess(one.pid),
        ...remedies.startRpcbind(),
        // Registrations made while it had no port survive its restart, but are invisible to version
        // 2.
        ...pid === undefined
          ? []
          : [`rpcinfo -d ${SM_PROG} ${SM_VERS}`, ...remedies.reloadStatd(pid)],
      ],
    })];
  }
}

function portFiltered(error: Error): Finding {
  return finding("rpcbind-unreachable", {
    what:
      `Something drops calls to port ${PMAP_PORT}: lock managers do not find the status monitor.`,
    evidence: `${reasonOf(error)}; rpcbind answers at ${RPCBIND_SOCKET}`,
    fix: "let loopback through the packet filter; the following shows the rules",
    commands: ["nft list ruleset || iptables-save"],
  });
}

function rpcbindMissing(error: unknown, examiner: Examiner): Finding {
  const { remedies } = examiner;
  const pid = reportHere(examiner)?.pid;
  const isInstalled = exists(RPCBIND_UNIT) || RPCBIND_PROGRAMS.some(exists);
  return finding("rpcbind-missing", {
    what:
      `Nobody serves port ${PMAP_PORT}, where lockd asks for the status monitor: no NFS lock works.`,
    evidence: reasonOf(error),
    fix: isInstalled
      ? "start it; statd registers by itself"
      : "install rpcbind, or have rpc.statd start one of its own",
    commands: isInstalled ? remedies.startRpcbind() : [
      ...set("rpcbind", "mode", "auto"),
      ...pid === undefined ? remedies.startStatd() : remedies.restartStatd(pid),
    ],
  });
}

async function checkRegistration(examiner: Examiner): Promise<Checked> {
  const report = reportHere(examiner);
  if (report === undefined) return { skipped: "no daemon of this network has answered" };
  for (const { netid, port } of report.transports) {
    const transport = netid.startsWith("udp") ? "udp" : "tcp";
    const registered = await registeredPort(examiner, SM_PROG, SM_VERS, transport);
    if (registered === port) continue;
    const holder = registered === undefined ? undefined : holderOfPort(transport, registered);
    const evidence = registered === undefined
      ? report.registrationFault ?? `program ${SM_PROG} has no port for ${transport} at rpcbind`
      : `rpcbind has ${transport} port ${registered} for program ${SM_PROG}, statd has ${port}` +
        (holder === undefined ? "" : `; there is ${whoIs(holder)}`);
    return [finding("statd-not-registered", {
      what: registered === undefined
        ? "The status monitor runs, but rpcbind does not know it."
        : "rpcbind gives callers another port than the status monitor's.",
      evidence,
      fix: holder === undefined
        ? "have it register; it does so by itself within minutes"
        : "end the other program, and have statd register",
      commands: [
        ...holder === undefined ? [] : endProcess(holder.pid),
        ...registered === undefined ? [] : [`rpcinfo -d ${SM_PROG} ${SM_VERS}`],
        ...examiner.remedies.reloadStatd(report.pid),
      ],
    })];
  }
  return await checkAnswer(examiner, report);
}

/** Calls the registered ports at the address that lock managers use. */
async function checkAnswer(
  { calls }: Examiner,
  { pid, transports }: StatusReport,
): Promise<Finding[]> {
  for (const { netid, port } of transports) {
    if (netid.endsWith("6")) continue;
    const transport = netid.startsWith("udp") ? "udp" : "tcp";
    try {
      const to = { address: LOCALHOST, port };
      await calls.call(nsmV1, "SM_NULL", undefined, to, transport, LOCAL_TIMEOUT_MS);
    } catch (error) {
      return [finding("statd-silent", {
        what: "The status monitor does not answer where it is registered.",
        evidence: `${reasonOf(error)}; it answers at its control socket`,
        fix:
          "let loopback through the packet filter; the following shows the rules. If none blocks " +
          `it, restart process ${pid}`,
        commands: ["nft list ruleset || iptables-save"],
      })];
    }
  }
  return [];
}

/** Port of a program on this host; undefined if it is not registered, or rpcbind does not answer. */
export async function registeredPort(
  { calls }: Examiner,
  program: number,
  version: number,
  transport: "udp" | "tcp",
): Promise<number | undefined> {
  try {
    const wanted = { program, version, transport };
    return await findPort(calls, wanted, LOCALHOST, LOCAL_TIMEOUT_MS);
  } catch {
    return undefined;
  }
}
