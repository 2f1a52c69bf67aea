/** Check of identities: clients of an address lock here, and are recorded only if its identity is held. */

import { readDefinition } from "../cluster/definition.ts";
import type { IdentityReport } from "../cluster/identity_report.ts";
import { systemFiles } from "../config/ini_file.ts";
import { reachDaemon } from "../control/client.ts";
import { ownAddresses } from "../net/own_interfaces.ts";
import { withConfigured } from "../nsmctl/identity.ts";
import { configuredIdentities } from "../nsmctl/identity_settings.ts";
import {
  type Check,
  type Checked,
  type Examiner,
  LOCAL_TIMEOUT_MS,
  reportHere,
} from "./examiner.ts";
import { finding } from "./finding.ts";

export const IDENTITY_CHECKS: readonly Check[] = [
  { about: "the identities of our addresses are held here", run: checkHeld },
];

async function checkHeld(examiner: Examiner): Promise<Checked> {
  if (reportHere(examiner) === undefined) {
    return { skipped: "no daemon of this network has answered" };
  }
  const own = ownAddresses();
  if (own === undefined) return { skipped: "the addresses of this host cannot be listed" };
  const here = (await identitiesOf(examiner)).filter(({ state }) => state !== "held")
    .map((report) => ({ ...report, addresses: addressesAmong(own, report) }))
    .filter(({ addresses }) => addresses.length > 0);
  if (here.length === 0) return [];
  return [finding("identity-not-held", {
    what:
      "An address is here without its identity: clients that lock at it are not on record, and " +
      "lose their locks when it moves.",
    evidence: here.map(({ id, addresses, supersededBy }) => {
      const by = supersededBy === undefined ? "" : `, which was taken by ${supersededBy}`;
      return `${addresses.join(", ")} of identity ${id}${by}`;
    }).join("; "),
    fix:
      "take the address away if another node serves it; else acquire the identity, and look for what " +
      "has brought up the address without it",
    commands: here.map(({ id }) => examiner.remedies.nsmctl("identity", "acquire", id)),
  })];
}

/** Identities that the daemon knows, and those of nfs.conf. */
async function identitiesOf({ layout }: Examiner): Promise<readonly IdentityReport[]> {
  const reached = await reachDaemon(layout.directory, LOCAL_TIMEOUT_MS);
  if (reached.outcome !== "reached") throw new Error("the daemon has ended meanwhile");
  using daemon = reached.daemon;
  const { identities = [] } = await daemon.ask({ command: "identity", action: "list" });
  return withConfigured(identities, configuredIdentities(Deno.env, systemFiles));
}

function addressesAmong(
  own: readonly string[],
  { id, texts }: Pick<IdentityReport, "id" | "texts">,
): string[] {
  return readDefinition(id, texts).announced.filter((name) => own.includes(name));
}
