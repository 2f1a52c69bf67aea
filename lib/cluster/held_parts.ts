/** Dependencies of a held identity. */

import type { Clock } from "../time/clock.ts";
import type { SayOfIdentity } from "./identity_events.ts";
import type { Ledger } from "./ledger.ts";

export interface HeldParts {
  readonly id: string;
  readonly ledger: Ledger;
  /** Whether peers are acknowledged without the ledger while it fails. */
  readonly isLocalEnough: boolean;
  readonly clock: Clock;
  readonly say: SayOfIdentity;
}
