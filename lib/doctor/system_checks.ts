/** Checks of units, settings and kernel parameters. */

import { quote } from "../quote.ts";
import { executableFault } from "../platform/executable.ts";
import { exists, readableText } from "../platform/small_files.ts";
import {
  type Check,
  type Checked,
  type Examiner,
  reportHere,
  restartOnceSafe,
} from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { shellWord } from "./remedies.ts";

const UNIT_FOLDERS = ["/etc/systemd/system", "/run/systemd/system"];
const UNITS = [
  "rpcbind.socket",
  "rpcbind.service",
  "rpc-statd.service",
  "rpc-statd-notify.service",
];
const LOCAL_STATE = "/proc/sys/fs/nfs/nsm_local_state";
const PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range";
const RESERVED_PORTS = "/proc/sys/net/ipv4/ip_local_reserved_ports";
/** Wording of the daemon's own report. */
const CALLOUT_TOLD = /^HA callout .* cannot be run/;

export const SYSTEM_CHECKS: readonly Check[] = [
  { about: "no unit is masked", run: checkUnits },
  { about: "every setting can be used", isBasis: true, run: checkSettings },
  { about: "no other program can be given statd's port at random", run: checkPort },
  { about: "statd listens on the port that is set", run: checkPortInEffect },
  { about: "the ha-callout can be run", run: checkCallout },
  { about: "the kernel has our state number", run: checkKernel },
  { about: "everything can be seen", run: checkUser },
];

function checkUnits({ remedies }: Examiner): Checked {
  if (!remedies.isSystemd) return { skipped: "systemd does not run" };
  const masked = UNIT_FOLDERS.flatMap((folder) => UNITS.map((unit) => `${folder}/${unit}`))
    .filter(isMasked);
  if (masked.length === 0) return [];
  const units = [...new Set(masked.map((path) => path.slice(path.lastIndexOf("/") + 1)))];
  return [finding("unit-masked", {
    what: "A service that locking needs is masked and cannot start.",
    evidence: `masked: ${masked.join(", ")}`,
    fix: "unmask it",
    commands: [`systemctl unmask ${units.join(" ")}`],
  })];
}

/** Faulty lines can be corrected by line number. */
function checkSettings(examiner: Examiner): Finding[] {
  const { settingFaults } = examiner;
  if (settingFaults.length === 0) return [];
  const pid = reportHere(examiner)?.pid;
  const edits = settingFaults.flatMap(({ source, key, meant, section }) => {
    const [, path, line] = /^(\/.*):(\d+)$/.exec(source) ?? [];
    if (path === undefined) return [];
    const edit = section !== undefined
      ? `s/^[[:space:]]*\\[[[:space:]]*${section}/[${meant}/i`
      : meant === undefined
      ? `${line}s/^/# /`
      : `${line}s/${key}/${meant}/i`;
    return [`sed -i ${shellWord(edit)} ${shellWord(path)}`];
  });
  return [finding("config-faulty", {
    what: "Some settings are invalid, and their defaults apply.",
    evidence: settingFaults.map(({ message }) => message).join("; "),
    fix: "correct them, or accept the defaults as follows; rpc.statd --check-config shows what " +
      "applies, and some settings need a restart",
    commands: [...new Set(edits), ...pid === undefined ? [] : examiner.remedies.reloadStatd(pid)],
  })];
}

function checkPort({ settings }: Examiner): Checked {
  const port = settings?.port ?? 0;
  const range = readableText(PORT_RANGE)?.trim().split(/\s+/).map(Number) ?? [];
  if (port === 0) return { skipped: "no port is set" };
  const reserved = readableText(RESERVED_PORTS)?.trim() ?? "";
  const isReserved = reserved.split(",").map((part) => part.split("-").map(Number))
    .some(([from = 0, to = from]) => port >= from && port <= to);
  if (isReserved || port < (range[0] ?? Infinity) || port > (range[1] ?? 0)) return [];
  const all = [...reserved === "" ? [] : [reserved], port].join(",");
  return [finding("port-ephemeral", {
    what: "The port of statd may be taken by any program before statd starts.",
    evidence: `port ${port} lies in the range ${range.join(" to ")} of ${PORT_RANGE}`,
    fix: "reserve it (and in /etc/sysctl.d), or choose one outside, such as 662",
    commands: [`sysctl -w net.ipv4.ip_local_reserved_ports=${all}`],
  })];
}

/** A port is read at the start of statd only, so that an edited nfs.conf waits for the next one. */
function checkPortInEffect(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  const port = examiner.settings?.port ?? 0;
  if (report === undefined || port === 0) {
    return { skipped: "no port is set, or no daemon answers" };
  }
  const ports = [...new Set(report.transports.map((transport) => transport.port))];
  if (ports.includes(port)) return [];
  return [finding("settings-not-in-effect", {
    what: "The port of nfs.conf is not the one that statd listens on; a firewall may know only it.",
    evidence: `port ${port} is set, process ${report.pid} listens on ${ports.join(", ")}`,
    ...restartOnceSafe(report, examiner),
  })];
}

/** Checks the program of the settings, and that of a command line, which only the daemon knows. */
function checkCallout(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  const told = report?.degraded.find((reason) => CALLOUT_TOLD.test(reason));
  const program = examiner.settings?.haCallout;
  if (program === undefined && told === undefined) return { skipped: "there is none" };
  const fault = program === undefined ? undefined : executableFault(program, report?.uid);
  if (fault === undefined && told === undefined) return [];
  const unset = examiner.unset("ha-callout");
  const isThere = program !== undefined && exists(program);
  return [finding("callout-unusable", {
    what: "The ha-callout program cannot be run: the cluster is not told of peers.",
    evidence: fault === undefined ? told! : `${program}: ${fault}`,
    fix: isThere
      ? "let statd's user execute it"
      : "install it, or remove the setting (-H if it is on the command line)",
    commands: program === undefined
      ? []
      : isThere
      ? [`chmod 755 ${shellWord(program)}`]
      : unset.length === 0
      ? []
      : [...unset, ...reload(examiner)],
  })];
}

function reload(examiner: Examiner): string[] {
  const pid = reportHere(examiner)?.pid;
  return pid === undefined ? [] : examiner.remedies.reloadStatd(pid);
}

function checkKernel(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  if (report === undefined) return { skipped: "no daemon of this network has answered" };
  if (!examiner.isRoot) return { skipped: "needs root" };
  const kernel = readableText(LOCAL_STATE)?.trim() ?? "";
  const { stateNumber } = report;
  if (kernel === "" || stateNumber < 0 || Number(kernel) === stateNumber) return [];
  return [finding("local-state-differs", {
    what: "The kernel tells peers another state number than we do.",
    evidence: `${LOCAL_STATE} has ${quote(kernel)}, statd ${stateNumber}`,
    fix: "tell the kernel",
    commands: [`echo ${stateNumber} > ${LOCAL_STATE}`],
  })];
}

function checkUser({ isRoot }: Examiner): Finding[] {
  if (isRoot) return [];
  return [finding("not-root", {
    what: "Some things cannot be seen without being root.",
    evidence: `running as uid ${Deno.uid()}`,
    fix: "run it as root",
    commands: ["sudo nsmctl doctor"],
  })];
}

function isMasked(path: string): boolean {
  try {
    return Deno.readLinkSync(path) === "/dev/null";
  } catch {
    return exists(path) && readableText(path) === ""; // an empty file masks too
  }
}
