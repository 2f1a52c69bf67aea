/**
 * `nsmctl ports`: ports that hosts behind a firewall have to reach, with commands that open them.
 * They are the running daemon's, or nfs.conf's without one.
 *
 * Source: nft(8), firewall-cmd(1), ufw(8).
 */

import { systemFiles } from "../config/ini_file.ts";
import { loadStatdSettings } from "../config/load.ts";
import { reachDaemon } from "../control/client.ts";
import { PMAP_PORT } from "../protocol/portmap.ts";
import { type Command, Status, TIMEOUT_OPTION } from "./command.ts";
import type { Session } from "./session.ts";
import { filled } from "../config/help_text.ts";
import { jsonText } from "./text.ts";

const FIREWALLS = ["nft", "firewalld", "ufw"] as const;
type Firewall = typeof FIREWALLS[number];
/** Service name of the lock manager in rpcbind. */
const LOCKD = "nlockmgr";
/**
 * nft's family, table and chain of incoming packets. A separate table could open nothing, since any
 * drop is final.
 */
const CHAIN = "inet filter input";

/** Any existing directory: the ports in nfs.conf do not depend on it. */
const ANY_DIRECTORY = "/";

/** Port that remote hosts have to reach. */
export interface OpenPort {
  readonly transport: "udp" | "tcp";
  /** Port number; 0 if it is not fixed. */
  readonly port: number;
  readonly service: string;
}

export const ports: Command = {
  name: "ports",
  summary: "Print the ports to open in a firewall, or commands that open them.",
  operands: "[nft|firewalld|ufw]",
  operandsMin: 0,
  operandsMax: 1,
  options: [{ letter: "j", long: "json", help: "Print JSON." }, TIMEOUT_OPTION],
  details: [
    "Both sides need open ports: a client notifies its server of a reboot, and a server its clients. " +
    "Nothing is changed.",
    "A random port cannot be opened; the output says how to fix the port.",
    "Exit status: 0; 1 if a port is not fixed.",
  ],
  example: "nsmctl ports nft | nft -f -",
  takesPeers: false,
  async run(given, session) {
    const { terminal, programName } = session;
    const [operand] = given.operands;
    const firewall = FIREWALLS.find((name) => name === operand);
    if (operand !== undefined && firewall === undefined) {
      terminal.complain(`${programName}: the firewalls are ${FIREWALLS.join(", ")}`);
      return Status.USAGE;
    }
    const found = await portsOf(session);
    if (given.has("json")) terminal.print(jsonText({ ports: found }));
    else if (firewall === undefined) terminal.print(portsText(found, terminal.width));
    else terminal.print(linesFor(firewall, found));
    const loose = found.filter(({ port }) => port === 0);
    for (const { service, transport } of given.has("json") ? [] : loose) {
      terminal.complain(`${programName}: ${adviceFor(service, transport)}`);
    }
    return loose.length > 0 ? Status.PROBLEM : Status.OK;
  },
};

async function portsOf({ stateDirectoryPath, timeoutMs }: Session): Promise<OpenPort[]> {
  const args = ["-P", ANY_DIRECTORY];
  const programName = "rpc.statd";
  const loaded = loadStatdSettings({ programName, args, env: Deno.env, files: systemFiles });
  if (loaded.kind === "exit") throw new Error(loaded.stderr.trim());
  const { port, nlmPort, nlmUdpPort } = loaded.settings;
  const status = await listeningPorts(stateDirectoryPath, timeoutMs);
  return (["udp", "tcp"] as const).flatMap((transport) => [
    { transport, port: PMAP_PORT, service: "rpcbind" },
    { transport, port: status.get(transport) ?? port, service: "status" },
    { transport, port: transport === "udp" ? nlmUdpPort : nlmPort, service: LOCKD },
  ]);
}

/** Ports of a running daemon, by transport: constant until its end, configured or not. */
async function listeningPorts(stateDirectoryPath: string, timeoutMs: number) {
  const found = new Map<string, number>();
  const reached = await reachDaemon(stateDirectoryPath, timeoutMs);
  if (reached.outcome !== "reached") return found;
  using daemon = reached.daemon;
  const { status } = await daemon.ask({ command: "status" });
  for (const { netid, port } of status?.transports ?? []) found.set(netid.slice(0, 3), port);
  return found;
}

function adviceFor(service: string, transport: string): string {
  if (service === LOCKD) {
    const key = transport === "udp" ? "udp-port" : "port";
    return `the lock manager's ${transport} port is not fixed: set ${key} in section [lockd] of nfs.conf`;
  }
  return `the ${transport} port of rpc.statd is not fixed: set port in section [statd] of nfs.conf`;
}

/** Table of ports for people. */
export function portsText(found: readonly OpenPort[], width: number): string {
  const rows = found.map(({ transport, port, service }) =>
    `${transport}  ${String(port === 0 ? "any" : port).padStart(5)}  ${service}\n`
  );
  const how = `Lines that open them: nsmctl ports ${FIREWALLS.join("|")}`;
  return `${rows.join("")}${filled(how, width, 0)}\n`;
}

/** Commands for a firewall, for the fixed ports. */
export function linesFor(firewall: Firewall, found: readonly OpenPort[]): string {
  const fixed = found.filter(({ port }) => port !== 0);
  switch (firewall) {
    case "nft": {
      const rules = (["udp", "tcp"] as const).map((transport) => {
        const numbers = fixed.filter((it) => it.transport === transport).map(({ port }) => port);
        return `insert rule ${CHAIN} ${transport} dport { ${[...new Set(numbers)].join(", ")} } ` +
          `accept comment "NFS locks"\n`;
      });
      return `# In the chain that drops; this is the one of Debian's /etc/nftables.conf.\n${
        rules.join("")
      }`;
    }
    case "firewalld":
      return fixed.map(({ transport, port }) =>
        `firewall-cmd --permanent --add-port=${port}/${transport}\n`
      ).join("") + "firewall-cmd --reload\n";
    case "ufw":
      return fixed.map(({ transport, port, service }) =>
        `ufw allow ${port}/${transport} comment 'NFS ${service}'\n`
      ).join("");
  }
}
