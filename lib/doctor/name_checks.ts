/** Checks of our own name, which peers compare with the name that they know. */

import { isIpv6, isLoopback, normaliseAddress } from "../rpc/address.ts";
import { nameKey } from "../nsm/host_name.ts";
import { quote } from "../quote.ts";
import { reverseOf } from "../nsmctl/reach_host.ts";
import { readableText } from "../platform/small_files.ts";
import { beyond, type Check, type Checked, type Examiner, someOf } from "./examiner.ts";
import { type Finding, finding } from "./finding.ts";
import { ownAddresses } from "./reach_checks.ts";
import { append, replaceLine } from "./remedies.ts";

const HOSTS = "/etc/hosts";
/** Routes of IPv4, by device and destination. Source: proc_pid_net(5). */
const ROUTES = "/proc/net/route";
const NSSWITCH = "/etc/nsswitch.conf";
const NAMES_MAX = 16;
/** Host name or numeric address that /etc/hosts can hold; `(none)` is the kernel's unset host name. */
const USABLE_NAME = /^[\w:.-]+$/;

export const NAME_CHECKS: readonly Check[] = [
  { about: "this host's name has an address of this host", isBasis: true, run: checkOwnName },
  { about: "forward and reverse name agree, and have a domain", isBasis: true, run: checkReverse },
  { about: "names that peers know us by have addresses", run: checkNames },
];

function ownName({ settings }: Examiner): string {
  return settings?.name ?? Deno.hostname();
}

/** Address for an entry in /etc/hosts, first one of the device of the default route; or a placeholder. */
function someAddress(): string {
  const device = /^(\S+)\t0{8}\t/m.exec(readableText(ROUTES) ?? "")?.[1];
  const ofDevice = Deno.networkInterfaces().filter(({ name }) => name === device);
  const first = ofDevice.map(({ address }) => address);
  const own = ownAddresses().toSorted((a, b) => +first.includes(b) - +first.includes(a));
  return own.find((address) => !isIpv6(address)) ?? own[0] ?? "127.0.1.1";
}

/** Command that has the name service read /etc/hosts, if it does not. Source: nsswitch.conf(5). */
function readHosts(): string[] {
  const line = /^\s*hosts:(.*)$/m.exec(readableText(NSSWITCH) ?? "")?.[1];
  const isRead = line === undefined || line.split(/\s+/).includes("files");
  return isRead ? [] : [`sed -i 's/^\\s*hosts:/hosts: files/' ${NSSWITCH}`];
}

async function checkOwnName(examiner: Examiner): Promise<Finding[]> {
  const name = ownName(examiner);
  if (!USABLE_NAME.test(name)) {
    return [finding("name-unresolvable", {
      what: "This host has no name that peers could look up.",
      evidence: `its name is ${quote(name)}`,
      fix: "give it one (hostnamectl set-hostname, /etc/hostname), or set name= in nfs.conf",
    })];
  }
  const found = await examiner.resolver.addressesOf(name);
  const ownLine = [...readHosts(), ...append(`${someAddress()} ${name}`, HOSTS)];
  if (found.outcome === "tryLater") {
    return [finding("name-service-silent", {
      what: "The name service does not answer: neither our name nor the peers' can be resolved.",
      evidence: `${quote(name)}: ${found.reason}`,
      fix: "check /etc/resolv.conf and whether its servers answer; names in /etc/hosts need none",
      commands: ownLine,
    })];
  }
  if (found.outcome === "notFound") {
    return [finding("name-unresolvable", {
      what: "This host's name has no address.",
      evidence: `${quote(name)}: ${found.reason}`,
      fix: "add it to /etc/hosts or the DNS, or set name= in nfs.conf",
      commands: ownLine,
    })];
  }
  const own = new Set(Deno.networkInterfaces().map(({ address }) => normaliseAddress(address)));
  const { addresses } = found.value;
  const isOurs = (address: string) => isLoopback(address) || own.has(normaliseAddress(address));
  if (addresses.some(isOurs)) return [];
  const wrong = wrongLines(name, addresses);
  const names = wrong.flatMap(({ own }) => own);
  return [finding("name-elsewhere", {
    what: "This host's name belongs to another host: peers take our notices for forgeries.",
    evidence: `${quote(name)} is ${addresses.join(", ")}, which is not one of our addresses`,
    fix: "correct /etc/hosts or the DNS, or set name= in nfs.conf to the service address",
    commands: [
      ...wrong.map(({ line, right }) => replaceLine(line, right, HOSTS)),
      ...append([someAddress(), ...new Set([...names, name])].join(" "), HOSTS),
    ],
  })];
}

/** Lines of /etc/hosts that give our names an address of another host, and these lines without our names. */
function wrongLines(name: string, addresses: readonly string[]) {
  const [label] = name.split(".");
  const isOwn = (word: string) => nameKey(word.split(".")[0]!) === nameKey(label!);
  return (readableText(HOSTS) ?? "").split("\n").flatMap((line) => {
    const [text = "", ...comment] = line.split("#");
    const [address = "", ...names] = text.trim().split(/\s+/);
    const own = names.filter(isOwn);
    if (own.length === 0 || !addresses.includes(address)) return [];
    const others = names.filter((word) => !isOwn(word));
    const right = others.length === 0
      ? `# ${line}`
      : [[address, ...others].join(" "), ...comment].join(" #");
    return [{ line, own, right }];
  });
}

async function checkReverse(examiner: Examiner): Promise<Checked> {
  const name = ownName(examiner);
  const { resolver } = examiner;
  const found = await resolver.addressesOf(name);
  if (found.outcome !== "found") return { skipped: "the look-up failed" };
  const { canonicalName, addresses } = found.value;
  if (normaliseAddress(name) !== undefined) return { skipped: "it is set to an address" };
  const outside = addresses.filter((address) => !isLoopback(address));
  const reverse = await Promise.all(outside.map((address) => reverseOf(resolver, address)));
  const wrong = reverse.filter(({ name, isConsistent }) =>
    name !== undefined && !(isConsistent && nameKey(name) === nameKey(canonicalName))
  );
  if (wrong.length > 0) {
    return [finding("name-reverse-mismatch", {
      what: "Forward and reverse name do not agree; peers may not recognise us.",
      evidence: wrong
        .map(({ address, name, isConsistent }) =>
          `${address} is ${quote(name!)}, which is ${
            isConsistent ? `not ${quote(canonicalName)}` : "another address"
          }`
        ).join("; "),
      fix:
        "make /etc/hosts or the DNS agree in both directions; the first line of an address counts",
      commands: wrong.flatMap(({ address }) => [
        `sed -i '1i ${address} ${canonicalName}' ${HOSTS}`,
      ]),
    })];
  }
  if (canonicalName.includes(".") || canonicalName.includes(":")) return [];
  return [finding("name-not-qualified", {
    what: "This host's name has no domain; peers in other domains do not know it.",
    evidence: `the full name of ${quote(name)} is ${quote(canonicalName)}`,
    fix: `put the full name first in ${HOSTS}, with your domain in place of example.net`,
    commands: [
      `sed -i '1i ${
        outside[0] ?? someAddress()
      } ${canonicalName}.example.net ${canonicalName}' ${HOSTS}`,
    ],
  })];
}

/** Names from registrations: peers know us by these only. */
async function checkNames({ daemon, resolver, ...examiner }: Examiner): Promise<Checked> {
  if (daemon.outcome !== "answered") return { skipped: "no daemon has answered" };
  const all = [...new Set(daemon.entries.map(([, myName]) => myName))]
    .filter((name) => normaliseAddress(name) === undefined);
  const names = all.slice(0, NAMES_MAX);
  const except = beyond(NAMES_MAX, all.length, "names of this host");
  const found = await Promise.all(names.map((name) => resolver.addressesOf(name)));
  const lost = names.filter((_, at) => found[at]!.outcome === "notFound");
  if (lost.length === 0) return { findings: [], except };
  const changed = finding("name-changed", {
    what: "Peers know this host by a name that has no address: they do not recognise us by it.",
    evidence: `${someOf(lost.map(quote))}; it is now ${quote(Deno.hostname())}` +
      (examiner.settings?.name === undefined ? "" : ` (name = ${quote(examiner.settings.name)})`),
    fix: "keep the old name in the DNS until the peers have remounted",
    commands: lost.flatMap((name) => append(`${someAddress()} ${name}`, HOSTS)),
  });
  return { findings: [changed], except };
}
