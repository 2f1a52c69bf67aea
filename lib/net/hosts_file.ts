/**
 * /etc/hosts in front of a resolver: its names need no resolver thread, so that an unresponsive
 * name server delays only the other names.
 *
 * The file is consulted only if /etc/nsswitch.conf lists it first, as nearly everywhere.
 *
 * Source: hosts(5), nsswitch.conf(5).
 */

import type { HostAddresses, Resolver } from "../nsm/ports.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { hostsLine } from "./resolver_rules.ts";
import { readableText } from "../platform/small_files.ts";

/** Reader of the files; a missing file is empty. The version changes with the contents. */
export interface NameFiles {
  hosts(): { readonly text: string; readonly version: string };
  nsswitch(): string;
}

/** Files of this host. */
export const systemNameFiles: NameFiles & { resolvConf(): string } = {
  hosts() {
    const path = "/etc/hosts";
    const facts = statOf(path);
    const version = `${facts?.ino} ${facts?.size} ${facts?.mtime?.getTime()}`;
    return {
      version,
      get text() {
        return readableText(path) ?? "";
      },
    };
  },
  nsswitch: () => readableText("/etc/nsswitch.conf") ?? "",
  resolvConf: () => readableText("/etc/resolv.conf") ?? "",
};

/** Answers from the hosts file, and asks `resolver` for other names. */
export function hostsFileFirst(resolver: Resolver, files: NameFiles): Resolver {
  const isFirst = hostsFileIsFirst(files.nsswitch());
  let version: string | undefined;
  let hosts = new Map<string, HostAddresses>();
  return {
    addressesOf(name) {
      if (isFirst && normaliseAddress(name) === undefined) {
        const file = files.hosts();
        if (file.version !== version) {
          hosts = parseHosts(file.text);
          version = file.version;
        }
        const value = hosts.get(name.toLowerCase());
        if (value !== undefined) return Promise.resolve({ outcome: "found", value });
      }
      return resolver.addressesOf(name);
    },
    nameOf: (address) => resolver.nameOf(address),
  };
}

/**
 * Whether nsswitch.conf lists the file first, and stops there for a name found in it. Without a
 * line about hosts the order depends on the C library.
 */
export function hostsFileIsFirst(nsswitch: string): boolean {
  return /^files(?! \[)/.test(hostsLine(nsswitch) ?? "");
}

/** Addresses by lower-case name. Several lines of a name add up; the first has its canonical name. */
export function parseHosts(text: string): Map<string, HostAddresses> {
  const hosts = new Map<string, { canonicalName: string; addresses: string[] }>();
  for (const line of text.split("\n")) {
    const [first, ...names] = line.replace(/#.*/, "").split(/\s+/).filter((word) => word !== "");
    const address = normaliseAddress(first ?? "");
    const [canonicalName] = names;
    if (address === undefined || canonicalName === undefined) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) {
        hosts.set(name.toLowerCase(), { canonicalName, addresses: [address] });
      } else if (!known.addresses.includes(address)) known.addresses.push(address);
    }
  }
  return hosts;
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.statSync(path);
  } catch {
    return undefined; // missing: like an empty one
  }
}
