/** The own name: peers compare it with what they know us by. */

import { isLoopback } from "../../rpc/address.ts";
import { nameKey } from "../../nsm/host_name.ts";
import { quote } from "../../quote.ts";
import { reverseOf } from "../reach_host.ts";
import type { Check } from "./examiner.ts";
import { finding } from "./finding.ts";

export const checkNames: Check = async ({ resolver, settings }) => {
  const name = settings?.name ?? Deno.hostname();
  const found = await resolver.addressesOf(name);
  if (found.outcome === "tryLater") {
    return [finding("name-service-silent", {
      what: "The name service does not answer.",
      evidence: `${quote(name)}: ${found.reason}`,
      fix: "look at /etc/resolv.conf and its servers",
    })];
  }
  if (found.outcome === "notFound") {
    return [finding("name-unresolvable", {
      what: "The own name has no address.",
      evidence: `${quote(name)}: ${found.reason}`,
      fix: `add it to /etc/hosts or the DNS, or set name= in nfs.conf`,
    })];
  }
  const { canonicalName, addresses } = found.value;
  const outside = addresses.filter((address) => !isLoopback(address));
  const reverse = await Promise.all(outside.map((address) => reverseOf(resolver, address)));
  const wrong = reverse.filter(({ name, isConsistent }) =>
    name !== undefined && !(isConsistent && nameKey(name) === nameKey(canonicalName))
  );
  if (wrong.length > 0) {
    return [finding("name-reverse-mismatch", {
      what: "Forward and reverse name do not agree; peers may not know us again.",
      evidence: wrong
        .map(({ address, name, isConsistent }) =>
          `${address} is ${quote(name!)}, which is ${
            isConsistent ? `not ${quote(canonicalName)}` : "another address"
          }`
        ).join("; "),
      fix: "make /etc/hosts or the DNS agree in both directions",
    })];
  }
  if (canonicalName.includes(".") || canonicalName.includes(":")) return [];
  return [finding("name-not-qualified", {
    what: "The own name has no domain; peers in other domains do not know it.",
    evidence: `the full name of ${quote(name)} is ${quote(canonicalName)}`,
    fix: "put the full name first in /etc/hosts: ADDRESS host.example.net host",
  })];
};
