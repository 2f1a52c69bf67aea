/** Nodes with identities whose ledgers are on one storage, with one clock. */

import { DirectoryLedger } from "../../lib/cluster/directory_ledger.ts";
import { sayingOfIdentities } from "../../lib/cluster/identity_events.ts";
import { Identities } from "../../lib/cluster/identities.ts";
import type { KnownIdentity } from "../../lib/cluster/known_identities.ts";
import { FakeClock } from "./fake_clock.ts";
import { RecordingLog } from "./recording_log.ts";
import { SharedStorage } from "./shared_storage.ts";

export class IdentityWorld {
  readonly storage = new SharedStorage();
  readonly clock = new FakeClock(1_700_000_000_000);
  readonly log = new RecordingLog();
  readonly saved = new Map<string, ReadonlyMap<string, KnownIdentity>>();
  readonly monitored = new Set<string>();
  /** Why no node can store its identities. */
  saveFault: Error | undefined;
  #names = 0;

  constructor() {
    this.storage.mount("/vip1");
  }

  /** Identities of a host with a name, in one of its lives, with its own state directory. */
  identities(node: string, life = "1", directory = node): Identities {
    const { storage, clock, log, saved, monitored } = this;
    const identities = new Identities(saved.get(directory) ?? new Map(), {
      openLedger: ({ ledger }) =>
        new DirectoryLedger(ledger.kind === "directory" ? ledger.path : "/none", {
          files: storage.filesOf(node),
          randomName: () => `${++this.#names}`,
          clock,
        }),
      save: (known) => {
        if (this.saveFault !== undefined) throw this.saveFault;
        saved.set(directory, new Map(known));
      },
      node,
      life,
      clock,
      log,
      say: sayingOfIdentities(log, () => {}),
    });
    identities.start({
      has: (monName) => monitored.has(monName),
      all: () => [...monitored].map((monName) => ({ monName, addresses: [] })),
    });
    return identities;
  }
}
