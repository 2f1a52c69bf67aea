/**
 * `nsmctl test HOST`: tests whether a host's NSM can be reached, and whether its names and
 * addresses agree.
 */

import { hostResolver } from "../net/resolver.ts";
import { nameKey } from "../nsm/host_name.ts";
import type { Resolver } from "../nsm/ports.ts";
import { systemClock } from "../platform/clock.ts";
import { addressesOfName, nameOfAddress } from "../platform/libc.ts";
import { type Command, Status } from "./command.ts";
import { openOwnCalls } from "./own_calls.ts";
import type { Peer } from "./peers.ts";
import { type Probe, probe, type Verdict, verdictOf } from "./probe.ts";
import type { Session } from "./session.ts";
import { type Column, renderTable } from "./table.ts";
import { filled } from "../config/help_text.ts";
import { jsonText, shown } from "./text.ts";

/** Default timeout of each call, in seconds. */
const TIMEOUT_S = 3;
const TIMEOUT_MAX_S = 60;

const COLUMNS: readonly Column[] = [
  { title: "ADDRESS" },
  { title: "OVER", endsHead: true },
  { title: "RPCBIND", align: "right" },
  { title: "PORT", align: "right" },
  { title: "NULL", align: "right" },
  { title: "STAT" },
  { title: "STATE", align: "right" },
  { title: "RESULT", mayShrink: true },
];

/** Results for a host. */
export interface HostReport {
  readonly host: string;
  readonly verdict: Verdict;
  readonly canonicalName?: string;
  /** Why the host has no addresses. */
  readonly lookupFault?: string;
  readonly probes: readonly Probe[];
  readonly reverse: readonly {
    readonly address: string;
    readonly name?: string;
    /** Whether that name resolves back to the address. */
    readonly isConsistent: boolean;
    readonly fault?: string;
  }[];
}

export const testHost: Command = {
  name: "test",
  summary: "Test whether a host's status monitor can be reached.",
  operands: "HOST",
  operandsMin: 1,
  operandsMax: 1,
  options: [
    { letter: "j", long: "json", help: "Print JSON." },
    {
      letter: "t",
      long: "timeout",
      argument: "SECONDS",
      help: `Seconds to wait for each answer; default: ${TIMEOUT_S}.`,
    },
  ],
  details: [
    "RPCBIND, NULL: round-trip times. STAT: whether it would monitor us.",
    "Exit status: 0 if all results are good; otherwise 1.",
  ],
  example: "nsmctl test server.example.net",
  takesPeers: true,
  async run(given, session) {
    const { terminal, programName } = session;
    const seconds = Number(given.get("timeout") ?? TIMEOUT_S);
    if (!(seconds > 0 && seconds <= TIMEOUT_MAX_S)) {
      terminal.complain(
        `${programName}: a timeout is above 0 and at most ${TIMEOUT_MAX_S} seconds`,
      );
      return Status.USAGE;
    }
    const report = await examineHost(given.operands[0]!, seconds * 1000);
    terminal.print(given.has("json") ? jsonText(report) : reportText(report, session));
    return report.verdict === "good" ? Status.OK : Status.PROBLEM;
  },
};

/** Probes all addresses of a host over UDP and TCP; `timeoutMs` applies to each call. */
export async function examineHost(host: string, timeoutMs: number): Promise<HostReport> {
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, systemClock);
  const found = await resolver.addressesOf(host);
  if (found.outcome !== "found") {
    const lookupFault = found.reason;
    return { host, verdict: "unreachable", lookupFault, probes: [], reverse: [] };
  }
  const { canonicalName, addresses } = found.value;
  const probes = await probeAll(addresses, timeoutMs);
  const reverse = await Promise.all(addresses.map((address) => reverseOf(resolver, address)));
  return { host, verdict: verdictOf(probes), canonicalName, probes, reverse };
}

/** Probes addresses over UDP and TCP. */
async function probeAll(addresses: readonly string[], timeoutMs: number): Promise<Probe[]> {
  const calls = openOwnCalls();
  try {
    const routes = addresses.flatMap((address) =>
      (["udp", "tcp"] as const).map((transport) => ({ address, transport }))
    );
    return await Promise.all(
      routes.map(({ address, transport }) =>
        probe(calls, systemClock, address, transport, Deno.hostname(), timeoutMs)
      ),
    );
  } finally {
    await calls.close();
  }
}

/**
 * Sign of life of a peer at an address that its name has now, or that it is known by: an answer of its
 * rpcbind or its status monitor. A text: why that cannot be told.
 */
export async function signOfLife(
  { monName, addresses: known }: Pick<Peer, "monName" | "addresses">,
  timeoutMs: number,
): Promise<Probe | string | undefined> {
  const resolver = hostResolver({ addressesOfName, nameOfAddress }, systemClock);
  const found = await resolver.addressesOf(monName);
  const named = found.outcome === "found" ? found.value.addresses : [];
  const addresses = [...new Set([...named, ...known])];
  if (addresses.length === 0 && found.outcome === "tryLater") return found.reason;
  const probes = await probeAll(addresses, timeoutMs);
  return probes.find(({ nullMs }) => nullMs !== undefined) ??
    probes.find(({ rpcbindMs }) => rpcbindMs !== undefined);
}

/** Name of an address, and whether it resolves back. */
export async function reverseOf(
  resolver: Resolver,
  address: string,
): Promise<HostReport["reverse"][number]> {
  const name = await resolver.nameOf(address);
  if (name.outcome !== "found") return { address, isConsistent: false, fault: name.reason };
  const back = await resolver.addressesOf(name.value);
  const isConsistent = back.outcome === "found" &&
    back.value.addresses.some((other) => nameKey(other) === nameKey(address));
  return { address, name: name.value, isConsistent };
}

/** Text of the results. */
export function reportText(report: HostReport, { terminal }: Pick<Session, "terminal">): string {
  const { colours, width } = terminal;
  const host = shown(report.host);
  if (report.lookupFault !== undefined) {
    const line = `unreachable: ${host} has no address: ${report.lookupFault}`;
    return `${filled(line, width, 0).replace(/^unreachable/, colours.bad)}\n`;
  }
  const ms = (value: number | undefined) => value === undefined ? "" : `${value.toFixed(1)} ms`;
  const rows = report.probes.map((one) => [
    one.address,
    one.transport,
    ms(one.rpcbindMs),
    one.port === undefined ? "" : String(one.port),
    ms(one.nullMs),
    one.wouldMonitor === undefined ? "" : one.wouldMonitor ? "yes" : "no",
    one.state === undefined ? "" : String(one.state),
    one.fault === undefined
      ? { text: "good", paint: colours.good }
      : { text: one.fault, paint: colours.bad },
  ]);
  const reverse = report.reverse.map(({ address, name, isConsistent, fault }) => {
    if (name === undefined) return `${filled(`${address} has no name: ${fault}`, width, 0)}\n`;
    const remark = "but that name is not its";
    const line = `${address} is ${shown(name)}, ${isConsistent ? "and back" : remark}`;
    return `${isConsistent ? filled(line, width, 0) : colours.warning(filled(line, width, 0))}\n`;
  });
  const verdicts: Readonly<Record<Verdict, string>> = {
    good: colours.good(filled(`${host} can be reached in every way.`, width, 0)),
    partly: colours.warning(filled(`${host} can be reached, but not in every way.`, width, 0)),
    unreachable: colours.bad(filled(`The status monitor of ${host} cannot be reached.`, width, 0)),
  };
  const table = renderTable(COLUMNS, rows, width, colours);
  return `${table}${reverse.join("")}${verdicts[report.verdict]}\n`;
}
