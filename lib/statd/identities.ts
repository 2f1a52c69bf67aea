/** Identities of this daemon: opened from their file, and connected with the monitor list. */

import { textsOf } from "../cluster/definition.ts";
import { Identities } from "../cluster/identities.ts";
import type { KnownIdentity } from "../cluster/known_identities.ts";
import { ownershipOf } from "../cluster/ownership.ts";
import type { LedgerPeer } from "../cluster/ledger.ts";
import { sayingOfIdentities } from "../cluster/identity_events.ts";
import type { Log } from "../log.ts";
import type { NoteEvent } from "../nsm/events.ts";
import { etcdConfig } from "../config/etcd_settings.ts";
import { systemFiles } from "../config/ini_file.ts";
import { openEtcd, openLedger } from "../control/ledgers.ts";
import { openBackgroundFiles } from "../platform/background_files.ts";
import { normaliseAddress } from "../rpc/address.ts";
import { IdentityFile } from "../store/identity_file.ts";
import type { Clock } from "../time/clock.ts";
import type { Monitor } from "./monitor.ts";

export interface IdentityParts {
  readonly stateDirectoryPath: string;
  /** Boot id of this node; undefined if the kernel has none. */
  readonly bootId: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly note: NoteEvent;
}

/** Opens the identities of a state directory; call before permissions are given up. */
export function openIdentities(parts: IdentityParts): Identities {
  const { stateDirectoryPath, bootId, clock, log, note } = parts;
  openBackgroundFiles();
  const etcd = openEtcd(() => etcdConfig(Deno.env, systemFiles));
  const file = new IdentityFile(stateDirectoryPath, log);
  return new Identities(knownIn(file.load()), {
    openLedger: (definition) => openLedger(definition, () => etcd),
    save: (known) => file.save(Object.fromEntries(known)),
    node: Deno.hostname(),
    // Without a boot id, every process counts as a new boot.
    life: bootId ?? crypto.randomUUID(),
    clock,
    log,
    say: sayingOfIdentities(log, note),
  });
}

/** Starts the identities with the live monitor list; `worked` is called for each peer read. */
export function startIdentities(
  identities: Identities,
  { list, directory }: Pick<Monitor, "list" | "directory">,
  worked: () => void,
): void {
  identities.start({
    has: (monName) => list.has(monName),
    *all(): Generator<LedgerPeer> {
      for (const key of list.peerNames()) {
        const [first] = list.about(key);
        if (first === undefined) continue;
        worked();
        const { monName } = first.record;
        const isAddress = (name: string) => normaliseAddress(name) !== undefined;
        yield { monName, addresses: directory.aliasesOf(monName).filter(isAddress) };
      }
    },
  });
}

function knownIn(file: Readonly<Record<string, unknown>>): Map<string, KnownIdentity> {
  const known = new Map<string, KnownIdentity>();
  for (const [id, value] of Object.entries(file)) {
    if (typeof value !== "object" || value === null) continue;
    const { texts, own } = value as Record<string, unknown>;
    const definition = textsOf(texts);
    const ownership = ownershipOf(own);
    if (definition === undefined) continue;
    known.set(id, { texts: definition, ...(ownership === undefined ? {} : { own: ownership }) });
  }
  return known;
}
