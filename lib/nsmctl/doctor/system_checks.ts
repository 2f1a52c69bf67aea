/** Units, settings and the kernel's numbers. */

import { quote } from "../../quote.ts";
import { type Check, exists, textOf } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";

const UNIT_FOLDERS = ["/etc/systemd/system", "/run/systemd/system"];
const UNITS = [
  "rpcbind.socket",
  "rpcbind.service",
  "rpc-statd.service",
  "rpc-statd-notify.service",
];
const LOCAL_STATE = "/proc/sys/fs/nfs/nsm_local_state";
const PORT_RANGE = "/proc/sys/net/ipv4/ip_local_port_range";

export const checkSystem: Check = (examiner) => {
  const { settings, settingFaults, isRoot } = examiner;
  const findings: Finding[] = [];
  const masked = UNIT_FOLDERS.flatMap((folder) => UNITS.map((unit) => `${folder}/${unit}`))
    .filter(isMasked);
  if (masked.length > 0) {
    const units = masked.map((path) => path.slice(path.lastIndexOf("/") + 1));
    findings.push(finding("unit-masked", {
      what: "A service that locking needs is kept from starting.",
      evidence: `masked: ${masked.join(", ")}`,
      fix: `systemctl unmask ${units.join(" ")}`,
    }));
  }
  if (settingFaults.length > 0) {
    findings.push(finding("config-faulty", {
      what: "Some settings cannot be used, and the defaults count.",
      evidence: settingFaults.join("; "),
      fix: "correct nfs.conf; rpc.statd --check-config shows what counts",
    }));
  }
  const range = textOf(PORT_RANGE)?.trim().split(/\s+/).map(Number) ?? [];
  const port = settings?.port ?? 0;
  if (port !== 0 && port >= (range[0] ?? Infinity) && port <= (range[1] ?? 0)) {
    findings.push(finding("port-ephemeral", {
      what: "The port of statd may be taken by any program before statd starts.",
      evidence: `port ${port} lies in the range ${range.join(" to ")} of ${PORT_RANGE}`,
      fix: "choose one outside, such as 662, or reserve it in ip_local_reserved_ports",
    }));
  }
  const kernel = textOf(LOCAL_STATE)?.trim() ?? "";
  const stateNumber = isRoot ? safeStateNumber(examiner.reader) : undefined;
  const isRunning = examiner.daemon.outcome === "answered";
  if (isRunning && kernel !== "" && stateNumber !== undefined && Number(kernel) !== stateNumber) {
    findings.push(finding("local-state-differs", {
      what: "The kernel tells peers another state number than we do.",
      evidence: `${LOCAL_STATE} has ${quote(kernel)}, the state file ${stateNumber}`,
      fix: `echo ${stateNumber} > ${LOCAL_STATE}, or start statd again`,
    }));
  }
  if (!isRoot) {
    findings.push(finding("not-root", {
      what: "Some things cannot be seen without being root.",
      evidence: `running as uid ${Deno.uid()}`,
      fix: "sudo nsmctl doctor",
    }));
  }
  return findings;
};

function isMasked(path: string): boolean {
  try {
    return Deno.readLinkSync(path) === "/dev/null";
  } catch {
    return exists(path) && textOf(path) === ""; // an empty file masks too
  }
}

function safeStateNumber(reader: { stateNumber(): number | undefined }): number | undefined {
  try {
    return reader.stateNumber();
  } catch {
    return undefined; // the checks of the state directory say why
  }
}
