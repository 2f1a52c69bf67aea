/** Checks of the monitored peers: whether they are admitted, share an address family with us, and answer. */

import { plural } from "../quote.ts";
import { isIpv6, isLoopback, normaliseAddress } from "../rpc/address.ts";
import { UNKNOWN } from "../nsm/hosts_patterns.ts";
import { nameKey } from "../nsm/host_name.ts";
import { PMAP_PORT, portmapV2 } from "../protocol/portmap.ts";
import { rpcbindV4 } from "../protocol/rpcbind.ts";
import { shown } from "../nsmctl/text.ts";
import { readableText } from "../platform/small_files.ts";
import { denies, rulesFor } from "./access_rules.ts";
import {
  type Check,
  type Checked,
  type Examiner,
  LOCAL_TIMEOUT_MS,
  NOT_ANSWERED_HERE,
  reportHere,
  someOf,
} from "./examiner.ts";
import { finding } from "./finding.ts";
import { faultsOf } from "./reach_checks.ts";
import { append, shellWord } from "./remedies.ts";

/** Limits of peers called; fewer prove nothing, since a host may be switched off. */
const PEERS_CALLED_MAX = 16;
const PEERS_CALLED_MIN = 3;
const NO_IPV6 = "/proc/sys/net/ipv6/conf/all/disable_ipv6";

export const PEER_CHECKS: readonly Check[] = [
  { about: "access rules let the peers in", isBasis: true, run: checkPeerAccess },
  { about: "we speak the protocol of every peer", isBasis: true, run: checkFamilies },
  { about: "some monitored peer answers", run: checkPeersReachable },
];

interface KnownPeer {
  readonly name: string;
  readonly addresses: readonly string[];
  /** Name for access rules, which judge a caller by its confirmed name. */
  readonly hostName: string;
}

/** Monitored peers with their known addresses. */
function peersOf({ daemon, reader }: Examiner): KnownPeer[] {
  if (daemon.outcome !== "answered") return [];
  const facts = reader.facts();
  return daemon.entries.map(([name, , , , , , , , ...aliases]) => {
    const own = normaliseAddress(name);
    const known = [...own === undefined ? [] : [own], ...aliases]
      .map(normaliseAddress).filter((address) => address !== undefined);
    const addresses = known.length > 0 ? known : facts.get(nameKey(name))?.addresses ?? [];
    const hostName = [name, ...aliases].find((one) => normaliseAddress(one) === undefined);
    return { name, addresses: [...new Set(addresses)], hostName: hostName ?? UNKNOWN };
  });
}

function checkPeerAccess(examiner: Examiner): Checked {
  const peers = peersOf(examiner);
  const rules = (["statd", "rpcbind"] as const).map((daemon) => ({
    daemon,
    entries: rulesFor(daemon),
  })).filter(({ entries }) => entries.length > 0);
  const denied = rules.flatMap(({ daemon, entries }) =>
    peers.flatMap(({ name, addresses, hostName }) =>
      addresses.filter((address) => denies(entries, { address, name: hostName })).map((
        address,
      ) => ({ daemon, name, address }))
    )
  );
  if (denied.length === 0) return [];
  const lists = Map.groupBy(denied, ({ daemon }) => daemon);
  return [finding("hosts-deny-peers", {
    what: "Access rules keep monitored peers out: what they say of their reboots is not heard.",
    evidence: `/etc/hosts.deny: ${someOf(denied.map(({ name }) => shown(name)))}`,
    fix: "let them in; the file is re-read at once",
    commands: [...lists].flatMap(([daemon, all]) => {
      const clients = all.map(({ address }) => isIpv6(address) ? `[${address}]` : address);
      return append(`${daemon}: ${[...new Set(clients)].join(" ")}`, "/etc/hosts.allow");
    }),
  })];
}

function checkFamilies(examiner: Examiner): Checked {
  const report = reportHere(examiner);
  if (report === undefined) return NOT_ANSWERED_HERE;
  const peers = peersOf(examiner).filter(({ addresses }) => addresses.length > 0);
  const isOff = readableText(NO_IPV6)?.trim() === "1";
  const serves = (isV6: boolean) =>
    report.transports.some(({ netid }) => netid.endsWith("6") === isV6) && !(isV6 && isOff);
  const lost = [true, false].filter((isV6) => !serves(isV6)).flatMap((isV6) =>
    peers.filter(({ addresses }) => addresses.every((address) => isIpv6(address) === isV6))
  );
  if (lost.length === 0) return [];
  return [finding("peers-other-family", {
    what: "Monitored peers have addresses of a protocol that the status monitor does not speak.",
    evidence: `${someOf(lost.map(({ name }) => shown(name)))}; ` +
      (isOff ? `IPv6 is switched off (${NO_IPV6})` : "see Listening in nsmctl status"),
    fix: "enable it, and restart statd: it opens its sockets at start",
    commands: isOff
      ? [
        "sysctl -w net.ipv6.conf.all.disable_ipv6=0",
        ...examiner.remedies.restartStatd(report.pid),
      ]
      : examiner.remedies.restartStatd(report.pid),
  })];
}

/** One peer may be switched off; if none answers, our network or a packet filter is the cause. */
async function checkPeersReachable(examiner: Examiner): Promise<Checked> {
  const peers = peersOf(examiner).filter(({ addresses }) =>
    addresses.some((address) => !isLoopback(address))
  );
  if (peers.length < PEERS_CALLED_MIN) {
    return { skipped: `fewer than ${PEERS_CALLED_MIN} peers with addresses are monitored` };
  }
  const asked = peers.slice(0, PEERS_CALLED_MAX);
  const faults = await faultsOf(asked.map(({ addresses }) => addresses[0]!), (address) => {
    const to = { address, port: PMAP_PORT };
    return isIpv6(address)
      ? examiner.calls.call(rpcbindV4, "RPCBPROC_NULL", undefined, to, "udp", LOCAL_TIMEOUT_MS)
      : examiner.calls.call(portmapV2, "PMAPPROC_NULL", undefined, to, "udp", LOCAL_TIMEOUT_MS);
  });
  if (faults.length < asked.length) return [];
  return [finding("peers-unreachable", {
    what: "No monitored peer can be reached: none would learn of our reboot.",
    evidence: `${plural(asked.length, "peer")} called; ${faults[0]}`,
    fix: `check whether the network is up, and whether a packet filter blocks port ${PMAP_PORT}; ` +
      "the following tell more",
    commands: ["ip route", `nsmctl test ${shellWord(asked[0]!.name)}`],
  })];
}
